"""Hard negatives over all crops: who is confused with whom is searched with FAISS, and shares batches until the next
search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from facerec.errors import DamagedFile
from facerec.learning import samplers
from facerec.learning.processes import processes
from facerec.records import Float32, Int64
from facerec.replacing import replacing

NEAREST = 64
"""Crops that are looked at around each crop; most are of its own subject once the trunk has learned something."""
KEPT = 16
"""Lookalikes kept of each subject."""
CHUNK = 512
"""Crops that are embedded at once."""

Embed = Callable[[Int64], Float32]
"""Row numbers of crops -> their embeddings as the trunk has them now, (N, 128) unit rows."""


def lookalikes(embeddings: Float32, subjects: Int64, kept: int = KEPT, nearest: int = NEAREST) -> Int64:
    """For each subject, those whom it is confused with most, by the likeness of the most similar two crops.

    embeddings  (N, 128) unit rows; N >= 1
    subjects    (N,) int64, every number from 0 to S - 1

    Looks at the `nearest` crops of each crop, found by exact search, so a subject may have fewer than `kept`.
    Returns (S, kept) int64, the most similar first, filled up with -1.
    """
    import faiss  # an everyday run does without

    index = faiss.IndexFlatIP(embeddings.shape[1])
    index.add(embeddings)
    likeness, rows = index.search(embeddings, min(nearest + 1, len(embeddings)))
    first, second = np.broadcast_to(subjects[:, None], rows.shape), subjects[rows]
    others = first != second
    return most_alike(first[others], second[others], likeness[others], int(subjects.max()) + 1, kept)


def most_alike(first: Int64, second: Int64, likeness: Float32, count: int, kept: int) -> Int64:
    """The `kept` different seconds of each first with the highest likeness: three (C,) -> (count, kept), or -1."""
    falling = np.lexsort((-likeness, first))
    first, second = first[falling], second[falling]
    _, seen = np.unique(first * count + second, return_index=True)
    seen.sort()  # each pair once, where it is most alike; still by first, then falling
    first, second = first[seen], second[seen]
    place = np.arange(len(first)) - np.searchsorted(first, first)
    found = np.full((count, kept), -1, np.int64)
    found[first[place < kept], place[place < kept]] = second[place < kept]
    return found


class ConfusedBatches:
    """The P x K batches of each epoch, subjects who are confused in one batch; searched anew every `every` epochs.

    What a search finds is kept in `folder`, one file a search: a run that goes on makes the batches that it would have
    made. Raises InvalidInput where fewer than P subjects have two crops.
    """

    def __init__(
        self, labels: Int64, subjects: int, per_subject: int, seed: int, every: int, embed: Embed, folder: Path
    ):  # fmt: skip
        self.labels, self.subjects, self.per_subject, self.seed = labels, subjects, per_subject, seed
        self.every, self.embed, self.folder = every, embed, folder

    def __call__(self, epoch: int) -> Iterator[Int64]:
        rng = np.random.default_rng([self.seed, epoch])
        found = self.found(epoch // self.every)
        return samplers.confused(self.labels, found, self.subjects, self.per_subject, rng)

    def found(self, search: int) -> Int64:
        """What the search of this number found, or finds now. Raises DamagedFile where its file is no such table."""
        path = self.folder / f"{search:04d}.npy"
        with processes().one_before_the_others():
            if not path.exists():
                with replacing(path) as fresh, fresh.open("wb") as handle:
                    np.save(handle, self.search(), allow_pickle=False)
        try:
            stored: Int64 = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DamagedFile(f"{path} is no whole table of lookalikes ({error}): delete it") from error
        return stored

    def search(self) -> Int64:
        """Embed every crop of a usable subject as the trunk is now, and look who is confused."""
        groups = samplers.rows_by_subject(self.labels, self.subjects)
        rows = np.concatenate(groups)
        parts = [self.embed(rows[at : at + CHUNK]) for at in range(0, len(rows), CHUNK)]
        return lookalikes(np.concatenate(parts), np.repeat(np.arange(len(groups)), [len(own) for own in groups]))
