"""Made-up people as files: each picture is a text file that holds the embedding it stands for, or nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from facerec.evaluation.embedding import Embedded
from facerec.evaluation.searches import GalleryAndProbes
from facerec.records import DIM, Float32
from tests.people import clusters


class MakePeople(Protocol):
    def __call__(self, folder: Path, pictures: list[int], seed: int = 0, spread: float = 0.12) -> Path: ...


def read_embeddings(pictures: Sequence[Path]) -> tuple[Float32, np.ndarray]:
    """The chain under test: an empty file is a picture without a face."""
    rows = [np.frombuffer(picture.read_bytes(), np.float32) for picture in pictures]
    found = np.array([len(row) == DIM for row in rows], np.bool_)
    return np.stack([row if len(row) else np.full(DIM, np.nan, np.float32) for row in rows]), found


@pytest.fixture
def make_people() -> MakePeople:
    """Write a folder per subject, with as many pictures as told, named as LFW names them."""

    def write(folder: Path, pictures: list[int], seed: int = 0, spread: float = 0.12) -> Path:
        embeddings, labels = clusters(np.random.default_rng(seed), pictures, spread)
        places = np.concatenate([np.arange(count) + 1 for count in pictures])
        for row, label, place in zip(embeddings, labels, places, strict=True):
            (folder / label).mkdir(parents=True, exist_ok=True)
            (folder / label / f"{label}_{place:04d}.jpg").write_bytes(row.tobytes())
        return folder

    return write


def crowd(seed: int, spread: float = 0.25) -> GalleryAndProbes:
    """30 people with 1 to 3 templates and 2 probes each, and 20 strangers; a tenth of the pictures has no face."""
    rng = np.random.default_rng(seed)
    rows, names = clusters(rng, [*rng.integers(3, 6, 30).tolist(), *[2] * 20], spread)
    found = rng.random(len(rows)) > 0.1
    enrolled = sorted(set(names))[:30]
    third_or_later = np.array([names[:row].count(name) >= 2 for row, name in enumerate(names)])
    keep = np.isin(names, enrolled) & third_or_later
    return GalleryAndProbes(
        Embedded(rows[keep], found[keep]),
        tuple(np.array(names)[keep].tolist()),
        Embedded(rows[~keep], found[~keep]),
        tuple(np.array(names)[~keep].tolist()),
    )
