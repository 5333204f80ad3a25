"""A folder of drawn faces, a settings file for a few steps on it, and the run that they make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.learning.shards import Sample, write_shards
from facerec.training import train_from
from tests.drawn_crops import directions, drawn_crop
from tests.tiny import CONFIG, register_tiny


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    register_tiny(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """3 subjects to train on and 17 to measure on, 4 takes each, with targets."""
    folder = tmp_path / "faces"
    people = [(subject, take) for subject in range(20) for take in range(4)]
    write_shards(folder, [Sample(drawn_crop(s, t), f"s{s}", "train" if s < 3 else "val") for s, t in people], 40)
    np.save(folder / "targets.npy", directions(20)[[s for s, _ in people]])
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(faces: Path, config: Path, tmp_path: Path) -> Path:
    """The folder of a finished run."""
    train_from(config, faces, tmp_path / "run")
    return tmp_path / "run"
