"""Pictures looked at on Ray Data, on this machine or on a cluster: what `looking` does with processes of its own.

A round of pictures is a dataset with a block for each worker, and a task looks at a block, with one processor and one
thread. Ray keeps its processes between rounds, and each opens the detector and the encoder once. Two rounds are under
way at a time, so that no worker waits for the last of a round. Blocks are columns of bytes, words and float32. Whoever
called stores the answers: nothing of a gallery is on a worker.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields
from functools import cache
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np

from facerec import runtime
from facerec.errors import FacerecError, InvalidInput
from facerec.faces.pipeline import Portraits
from facerec.recognition.looking import BATCH, Answer, Here, Recipe, Refused, Seen
from facerec.recognition.picture import Picture
from facerec.recognition.ray_at_hand import Ray
from facerec.records import DIM, Faces, Float32, Quality
from facerec.version import VERSION

ROUNDS = 2
"""Rounds under way at a time."""
WIDTHS = (4, 10, 1, len(fields(Quality)), DIM)
"""Of a face as one row of numbers: box, landmarks, score, quality, embedding."""

Block = dict[str, np.ndarray]
"""Columns of what comes back, one row a picture."""


class RayWorkers:
    """Rounds of pictures, files' bytes, on `count` workers of Ray: of one begun here, or of the one at RAY_ADDRESS.

    `encoder` is the digest that the embeddings must be of. Raises MissingPart without Ray, InvalidInput for an address
    where no Ray answers.
    """

    ahead = ROUNDS

    def __init__(self, recipe: Recipe, count: int, encoder: str):
        self.batch = BATCH * count
        self._recipe, self._count, self._made_by = recipe, count, maker(encoder)
        self._ray = Ray(count, os.environ.get("RAY_ADDRESS", ""))
        self._rounds = ThreadPool(ROUNDS)  # of threads that nobody waits for: in one, Ray may not notice that it ended

    def look(self, pictures: Sequence[Picture]) -> Answer:
        return self._rounds.apply_async(self._look, (list(pictures),)).get

    def close(self) -> None:
        """End what is under way, and the Ray that was begun here."""
        self._rounds.terminate()
        self._ray.close()

    def _look(self, pictures: Sequence[Picture]) -> list[Seen]:
        data, given = self._ray.data, blocks(pictures, BATCH)
        looked = data.from_arrow(given).map_batches(
            _look_there, fn_args=(self._recipe,), batch_size=None, batch_format="pyarrow", zero_copy_batch=True,
            compute=data.TaskPoolStrategy(size=min(self._count, len(given))), num_cpus=1,
        )  # fmt: skip
        try:
            answers = list(looked.iter_batches(batch_size=None, batch_format="numpy"))
        except data.exceptions.ExecutionTimeoutError as error:
            waited = data.DataContext.get_current().execution_no_progress_timeout_s
            raise FacerecError(
                f"for {waited:g} s no worker of Ray has looked at a picture: every one that tried was killed, or "
                "others have all processors: what was reported is stored"
            ) from error
        except self._ray.api.exceptions.RayError as error:
            raise FacerecError(f"a worker of Ray failed: {reason(error)}: what was reported is stored") from error
        return [one for answer in answers for one in self._seen(answer)]

    def _seen(self, answer: Block) -> Iterator[Seen]:
        if others := set(answer["made_by"]) - {self._made_by}:
            raise InvalidInput(f"a worker of Ray has {others.pop()}, this process {self._made_by}: install the same")
        for code, why, face in zip(answer["code"], answer["reason"], answer["face"], strict=True):
            yield Refused(str(code), str(why)) if code else portrait(face)


def maker(encoder: str) -> str:
    """What must be the same everywhere."""
    return f"facerec {VERSION} with the encoder {encoder[:16]}"


def blocks(pictures: Sequence[Picture], size: int) -> list[Any]:
    """Pictures as Arrow tables of so many rows. Raises InvalidInput for pixels: only files travel."""
    import pyarrow

    if any(not isinstance(one.content, bytes) for one in pictures):
        raise InvalidInput("pictures travel to Ray's workers as files: give paths or bytes, no pixels")
    kinds = {
        "name": pyarrow.string(), "digest": pyarrow.string(), "content": pyarrow.large_binary(),
        "place": pyarrow.list_(pyarrow.float64()),
    }  # fmt: skip
    table = {name: pyarrow.array([getattr(one, name) for one in pictures], kind) for name, kind in kinds.items()}
    return [pyarrow.table(table).slice(start, size) for start in range(0, len(pictures), size)]


def picture(name: str, digest: str, content: bytes, place: list[float] | None) -> Picture:
    """What one row of a block was made of."""
    return Picture(name, digest, content, (place[0], place[1], place[2], place[3]) if place else None)


def row(portrait: Portraits) -> Float32:
    """One face as numbers: (149,)."""
    faces = portrait.faces
    parts = (faces.boxes, faces.landmarks, faces.scores, *astuple(portrait.quality), portrait.embeddings)
    return np.concatenate([part.ravel() for part in parts])


def portrait(row: Float32) -> Portraits:
    """What `row` was made of."""
    box, landmarks, score, quality, embedding = np.split(row, np.cumsum(WIDTHS[:-1]))
    return Portraits(Faces(box[None], landmarks.reshape(1, 5, 2), score), Quality(*quality[:, None]), embedding[None])


def reason(error: Exception) -> str:
    """What went wrong on a worker, in one line; Ray puts its own words behind it."""
    return str(getattr(error, "cause", None) or error).strip().splitlines()[0]


@cache
def _opened(recipe: Recipe) -> tuple[str, Here]:
    """Of a worker: its encoder's digest, and what it looks with; opened once in each process."""
    from facerec.recognition.recognizer import Recognizer

    runtime.use(threads=1)
    opened = Recognizer.open(detector=recipe.detector, encoder=recipe.encoder, face=recipe.face)
    return opened.encoder, Here(opened.pipeline, recipe.face)


def _look_there(block: Any, recipe: Recipe) -> Block:
    encoder, here = _opened(recipe)
    seen = here.look([picture(**one) for one in block.to_pylist()])()
    nothing = np.zeros(sum(WIDTHS), np.float32)
    return {
        "made_by": np.full(len(seen), maker(encoder)),
        "code": np.array([one.code if isinstance(one, Refused) else "" for one in seen]),
        "reason": np.array([one.reason if isinstance(one, Refused) else "" for one in seen]),
        "face": np.stack([nothing if isinstance(one, Refused) else row(one) for one in seen]),
    }
