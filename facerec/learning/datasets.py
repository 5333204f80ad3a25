"""Aligned face crops to learn from, decoded once and held in memory."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec import images
from facerec.errors import BadImage, InvalidInput
from facerec.records import Float32, Int64

SIDE = 128
"""Stored crops are 128x128: the aligned 112x112 face and a margin of 8 pixels for augmentation."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Aligned crops with what is known of each. N may be 0.

    pixels   (N, 128, 128, 3)  uint8    RGB, the canonical 112x112 face in the middle
    labels   (N,)              int64    the subject's number; -1 where nobody knows
    targets  (N, 128)          float32  a teacher's embedding, rows of length 1; 0 columns where there is none
    refused  (source, reason) of every picture that could not be read
    """

    pixels: np.ndarray
    labels: Int64
    targets: Float32
    refused: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> Crops:
        """The chosen crops: a mask or an index array."""
        return Crops(self.pixels[rows], self.labels[rows], self.targets[rows], self.refused)


def read_rows(table: Path, splits: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a faces.csv (shard, file, subject, split, source, target) that belong to `splits`."""
    with table.open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] in splits]
    if not rows:
        raise InvalidInput(f"{table} has no row of split {' or '.join(splits)}")
    return rows


def shard_members(shard: Path, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """The named files of one tar shard, in the shard's order."""
    with tarfile.open(shard) as archive:
        for member in archive:
            if member.name in names and (handle := archive.extractfile(member)) is not None:
                yield member.name, handle.read()


def decode_shard(shard: Path, names: frozenset[str]) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
    """Decode the named crops of one shard; what cannot be decoded is listed with its reason."""
    decoded, refused = {}, []
    for name, content in shard_members(shard, names):
        try:
            pixels = images.decode(content)
        except BadImage as error:
            refused.append((name, str(error)))
            continue
        if pixels.shape != (SIDE, SIDE, 3):
            refused.append((name, f"expected {SIDE}x{SIDE} pixels, got {pixels.shape[1]}x{pixels.shape[0]}"))
            continue
        decoded[name] = pixels
    return decoded, refused


def number(subjects: Sequence[str]) -> Int64:
    """A number per subject, in alphabetical order; -1 for the empty name."""
    known = {name: place for place, name in enumerate(sorted(set(subjects) - {""}))}
    return np.array([known.get(name, -1) for name in subjects], np.int64)


def load_shards(folder: Path, splits: Sequence[str], workers: int = 2, progress: Progress | None = None) -> Crops:
    """Read `faces.csv`, its tar shards and, where it is there, `targets.npy` of a folder; keep the rows of `splits`.

    Raises InvalidInput where the table or a shard is missing.
    """
    rows = read_rows(folder / "faces.csv", splits)
    shards = sorted({row["shard"] for row in rows})
    wanted = [frozenset(row["file"] for row in rows if row["shard"] == shard) for shard in shards]
    decoded: dict[str, np.ndarray] = {}
    refused: list[tuple[str, str]] = []
    with ProcessPoolExecutor(workers) as pool:
        paths = [folder / shard for shard in shards]
        for done, (part, bad) in enumerate(pool.map(decode_shard, paths, wanted), start=1):
            decoded.update(part)
            refused += bad
            if progress:
                progress(done, len(shards))
    kept = [row for row in rows if row["file"] in decoded]
    return Crops(
        np.stack([decoded.pop(row["file"]) for row in kept]),
        number([row["subject"] if row["split"] != "unlabelled" else "" for row in kept]),
        read_targets(folder / "targets.npy", [int(row["target"]) for row in kept]),
        tuple(refused),
    )


def read_targets(path: Path, rows: Sequence[int]) -> Float32:
    """The teacher's embeddings of the chosen rows: (N, 128), or (N, 0) where there is no such file."""
    if not path.exists():
        return np.zeros((len(rows), 0), np.float32)
    return np.load(path, mmap_mode="r", allow_pickle=False)[rows].astype(np.float32)
