"""A detector from pictures to its folder and back: learns, goes on, refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec import images
from facerec.detection.datasets import read_annotated
from facerec.detection.detector import CARD, GRAPH, open_detector
from facerec.detection.evaluating import measure
from facerec.detection.fitting import begin, find_all, learn, plan_for
from facerec.detection.networks import family
from facerec.detection.settings import DetectorSettings
from facerec.detection.training import LOG, read_material, train_into
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.learning.reports import Diverged
from tests.detection.boxes_drawn import draw_boxes

QUICK = """
train = "list.txt"
val = "val.txt"
size = [64, 64]
width = 0.5
scales = [1.0]
epochs = {epochs}
batch = 8
learning_rate = 0.005
average = 0.9
[views]
zoom = 1.1
shift = 0.05
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("boxes")
    draw_boxes(folder, 24)
    draw_boxes(folder, 8, seed=1, name="val.txt")
    (folder / "long.toml").write_text(QUICK.format(epochs=60))
    (folder / "short.toml").write_text(QUICK.format(epochs=3))
    return folder


@pytest.fixture(scope="module")
def trained(drawn) -> Path:
    out = drawn / "run"
    train_into(out, read_material(drawn / "long.toml", out), lambda step, steps: None)
    return out


def test_it_finds_what_it_learned_on_pictures_it_has_not_seen(drawn, trained):
    detector = open_detector(trained)
    assert detector.names == ("blue", "red") and detector.size == (64, 64)
    facts = measure(detector, read_annotated(drawn / "val.txt")).as_dict(0.3)
    assert facts["mean_ap_50"] > 0.6
    card = json.loads((trained / CARD).read_text())
    assert card["val_mean_ap"] == pytest.approx(facts["mean_ap_50"], abs=0.15)  # measured without the floor
    with (trained / LOG).open() as handle:
        steps = [int(row["step"]) for row in csv.DictReader(handle)]
    assert steps == sorted(set(steps)) and steps[-1] == card["steps"] == 180


def test_a_picture_of_any_size_and_one_without_anything(trained):
    detector = open_detector(trained)
    blank = np.full((200, 30, 3), 128, np.uint8)
    assert len(detector(blank)) == 0
    blank[50:62, 5:17] = (220, 40, 30)
    found = detector(blank)
    assert (found.boxes[:, 2] <= 30).all() and (found.boxes[:, 3] <= 200).all()
    assert len(detector(np.zeros((1, 1, 3), np.uint8)).boxes) >= 0


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(drawn, tmp_path):
    material = read_material(drawn / "short.toml", tmp_path)
    plan = plan_for(material.settings, material.train)

    def losses(folder: Path, stop: int) -> list[float]:
        run = begin(material.settings, plan, len(material.train), folder)
        told = []
        for step in learn(run, material.settings, plan, material.train):
            told.append(step.loss)
            if step.step == stop:
                run.save()
                break
        return told

    whole = losses(tmp_path / "a", 9)
    assert whole == pytest.approx(losses(tmp_path / "b", 4) + losses(tmp_path / "b", 9), rel=1e-5)


def test_a_loss_that_is_no_number_stops_the_run(drawn, tmp_path):
    material = read_material(drawn / "short.toml", tmp_path)
    plan = plan_for(material.settings, material.train)
    run = begin(material.settings, plan, len(material.train), tmp_path)
    next(run.trunk.parameters()).data.fill_(float("nan"))
    with pytest.raises(Diverged, match="not a finite number"):
        next(learn(run, material.settings, plan, material.train))


def test_a_damaged_folder_is_no_detector(trained, tmp_path):
    with pytest.raises(MissingPart, match="no detector"):
        open_detector(tmp_path)
    (tmp_path / CARD).write_text((trained / CARD).read_text())
    content = bytearray((trained / GRAPH).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / GRAPH).write_bytes(content)
    with pytest.raises(DamagedFile, match="sha256"):
        open_detector(tmp_path)
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(DamagedFile, match="does not say"):
        open_detector(tmp_path)
    (tmp_path / CARD).write_text("{")
    with pytest.raises(DamagedFile, match="no whole card"):
        open_detector(tmp_path)


def test_pictures_that_cannot_be_read_are_left_out_and_told(drawn, tmp_path):
    draw_boxes(tmp_path, 9)
    (tmp_path / "list-0.png").write_bytes(b"")
    (tmp_path / "list-1.png").unlink()
    (tmp_path / "c.toml").write_text('train = "list.txt"\nsize = [64, 64]\n')
    material = read_material(tmp_path / "c.toml", tmp_path / "run")
    assert len(material.train) == 7 and len(material.refused) == 2
    for path in tmp_path.glob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(InvalidInput, match="none of 9 pictures"):
        read_material(tmp_path / "c.toml", tmp_path / "run")


@pytest.mark.parametrize(
    "text, words",
    [
        ("epochs = 3", "needs train"),
        ("train = [", "is not TOML"),
        ('train = "list.txt"\nepoch = 3', "unknown settings: epoch"),
        ('train = "list.txt"\nsize = [60, 64]', "multiples of 32"),
        ('train = "list.txt"\nnet = "yolo9000"', "net must be one of small"),
        ('train = "list.txt"\nnames = ["red"]', "class 'blue'"),
        ('train = "empty.txt"\nnames = ["red"]', "no object"),
    ],
)
def test_settings_that_no_run_can_have(tmp_path, text, words):
    draw_boxes(tmp_path, 4)
    images.save(np.full((64, 64, 3), 90, np.uint8), tmp_path / "nothing.png")
    (tmp_path / "empty.txt").write_text("nothing.png\n")
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InvalidInput, match=words):
        read_material(tmp_path / "c.toml", tmp_path / "run")


def test_settings_that_are_not_there(tmp_path):
    with pytest.raises(MissingPart, match="no training settings"):
        DetectorSettings.read(tmp_path / "c.toml")


def test_pictures_whose_boxes_are_all_alike_have_anchors_too():
    found = family("small").priors(np.full((9, 2), 16.0), np.random.default_rng(0))
    widths = [width for own in found for width, _ in own]
    assert widths == sorted(widths) and len(set(widths)) == 6 and 8 <= min(widths) < 16 < max(widths) <= 32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("net, side", [("small", 64), ("yolov1", 448), ("yolov2", 64), ("yolov3", 64)])
def test_it_learns_and_finds_on_a_gpu(drawn, tmp_path, net, side):
    text = f'train = "list.txt"\nnet = "{net}"\nsize = [{side}, {side}]\nscales = [1.0]\nwidth = 0.25\nepochs = 1\n'
    (drawn / "gpu.toml").write_text(text + 'batch = 8\ndevice = "cuda"\n')
    material = read_material(drawn / "gpu.toml", tmp_path)
    plan = plan_for(material.settings, material.train)
    run = begin(material.settings, plan, len(material.train), tmp_path)
    losses = [step.loss for step in learn(run, material.settings, plan, material.train)]
    assert len(losses) == 3 and np.isfinite(losses).all()
    assert len(find_all(run.averaged(), plan, material.train, material.settings.size)) == len(material.train)
