"""A folder of drawn faces, as a user has one; and one thread, which so little work is fastest on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.learning.shards import Sample, write_shards
from tests.drawn_crops import directions, drawn_crop


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """22 crops in shards of 8, with targets: 4 takes of subjects 0 to 2 (train), 3 and 4 (val), 2 of nobody known."""
    folder = tmp_path / "faces"
    people = [(subject, take) for subject in range(5) for take in range(4)]
    samples = [Sample(drawn_crop(s, t), f"subject-{s}", "train" if s < 3 else "val", "drawn") for s, t in people]
    strangers = [Sample(drawn_crop(9, take), "", "unlabelled", "drawn") for take in range(2)]
    write_shards(folder, samples + strangers, per_shard=8)
    np.save(folder / "targets.npy", directions(22).astype(np.float16))
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So little work is slower on several threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
