"""What a run may start from, and which faces its trunk takes, are known before it learns anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.trunks import create_trunk
from facerec.learning.settings import TrainSettings
from facerec.training import train
from facerec.training.beginning import read_weights, require_sides
from tests.drawn_crops import drawn_crops


def test_a_file_to_start_from_is_facenets_or_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(InvalidInput, match="no weights of facenet-pytorch's InceptionResnetV1"):
        read_weights(tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(DamagedFile, match="no whole file of tensors"):
        read_weights(tmp_path / "text.pt")


def test_a_trunk_that_does_not_take_the_faces_to_come_stops_the_run_at_once(tmp_path: Path) -> None:
    settings = TrainSettings(trunk="nn4_small2", batch=4, compiled=False, sizes=((0.0, 96), (0.5, 112)))
    with pytest.raises(InvalidInput, match=r"takes faces of 96x96 pixels, not 112: set sizes = \[\[0.0, 96\]\]"):
        train(settings, drawn_crops(2, 4), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for side in (16, 80, 112):
        require_sides(create_trunk("mobile"), ((0.0, side),))
    with pytest.raises(InvalidInput, match="or others from 16 on and multiples of 16, not 88"):
        require_sides(create_trunk("mobile"), ((0.0, 88),))
