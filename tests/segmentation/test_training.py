"""Training: a stop changes nothing, shapes are learned in seconds, and what is wrong is said in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facerec import images
from facerec.errors import InvalidInput, MissingPart
from facerec.learning import log
from facerec.metrics.segmentation import PixelAgreement
from facerec.segmentation import training
from facerec.segmentation.data import Masked
from facerec.segmentation.making import read_material, train_into
from facerec.segmentation.segmenter import open_segmenter
from facerec.segmentation.settings import SegmenterSettings
from facerec.segmentation.training import Progress, begin, endless_rows, label, train
from tests.segmentation.conftest import CONFIG
from tests.segmentation.shapes import NAMES, drawn

ShapesFolder = Callable[..., Path]


def shapes(numbers: range) -> Masked:
    pictures, masks = zip(*map(drawn, numbers), strict=True)
    return Masked(pictures, masks, tuple(map(str, numbers)))


def test_a_unet_learns_drawn_shapes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from facerec.segmentation import unet

    monkeypatch.setattr(unet, "WIDTHS", (8,))  # a quarter of the smallest, for a test of seconds
    settings = SegmenterSettings(
        "", NAMES, width=8, epochs=12, batch=8, size=(48, 64), learning_rate=1e-2, schedule="cosine", average=0.8,
        dice=0.5, weighting="median_frequency", bf16=False,
    )  # fmt: skip
    began = begin(settings)
    told: list[Progress] = []
    net = train(settings, began, shapes(range(32)), shapes(range(1000, 1008)), tmp_path, told.append)
    tested = shapes(range(2000, 2008))
    pairs = (
        (mask, label(net, began.preparation, picture))
        for picture, mask in zip(tested.pictures, tested.masks, strict=True)
    )
    found = PixelAgreement.of(pairs, 3)
    assert found.mean_iou > 0.85, found.ious
    assert told[-1].step == told[-1].steps == 48 and told[-1].tested.mean_iou > 0.85
    assert told[-1].loss < told[0].loss / 3


def test_a_stop_changes_nothing(shapes_folder: ShapesFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = shapes_folder()
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    train_into(straight, read_material(config, straight), lambda told: None)

    class Stop(Exception):
        pass

    def stop(told: Progress) -> None:
        if told.step == 2:
            raise Stop

    with pytest.raises(Stop):
        train_into(stopped, read_material(config, stopped), stop)
    assert not (stopped / "weights.safetensors").exists()
    train_into(stopped, read_material(config, stopped), lambda told: None)
    once, twice = (load_file(out / "weights.safetensors") for out in (straight, stopped))
    assert all(torch.equal(once[name], twice[name]) for name in once)
    assert log.read(stopped / "log.csv")["step"].tolist() == log.read(straight / "log.csv")["step"].tolist() == [2, 4]


def test_a_run_is_gone_on_with_only_as_it_was_begun(shapes_folder: ShapesFolder, tmp_path: Path) -> None:
    config, out = shapes_folder(), tmp_path / "run"
    outcome = train_into(out, read_material(config, out), lambda told: None)
    assert json.loads((out / "report.json").read_text())["mean_iou"] == outcome.agreement.mean_iou
    with pytest.raises(InvalidInput, match="holds a trained network already"):
        read_material(config, out)
    with pytest.raises(InvalidInput, match="is a file"):
        read_material(config, config)
    (out / "report.json").unlink()
    config.write_text(config.read_text().replace("0.003", "0.002"))
    with pytest.raises(InvalidInput, match="with another learning_rate"):
        read_material(config, out)


def test_the_exported_graph_labels_as_torch_does(shapes_folder: ShapesFolder, tmp_path: Path) -> None:
    config, out = shapes_folder(config=CONFIG + "channels = 1\n"), tmp_path / "run"
    material = read_material(config, out)
    train_into(out, material, lambda told: None)
    segmenter = open_segmenter(out)
    net = material.beginning.net
    net.load_state_dict(load_file(out / "weights.safetensors"))
    for size in ((48, 64), (33, 70), (17, 20)):
        picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        levels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            scores = net.eval()(material.beginning.preparation.normalised(levels))[0].numpy()
        np.testing.assert_allclose(segmenter.scores(picture), scores, atol=1e-4 * np.abs(scores).max())
        assert segmenter(picture).shape == size
        np.testing.assert_allclose(segmenter.probabilities(picture).sum(axis=0), 1, rtol=1e-5)
    assert segmenter.labels.names == NAMES


def test_weights_that_fit_are_taken_over(shapes_folder: ShapesFolder, tmp_path: Path) -> None:
    config, out = shapes_folder(), tmp_path / "run"
    train_into(out, read_material(config, out), lambda told: None)
    more = CONFIG.replace('"square"]', '"square", "ring"]') + 'start = "run/weights.safetensors"\n'
    (tmp_path / "more.toml").write_text(more)
    loaded = read_material(tmp_path / "more.toml", tmp_path / "other").beginning.loaded
    assert loaded is not None and "score.weight" in loaded.misshapen and "stages.0.0.weight" in loaded.loaded


def test_every_picture_comes_once_a_pass() -> None:
    settings = SegmenterSettings("", NAMES, batch=3)
    rows = endless_rows(7, settings, 0)
    seen = np.concatenate([next(rows) for _ in range(7)])
    assert all(sorted(seen[start : start + 7]) == list(range(7)) for start in (0, 7, 14))
    assert (next(endless_rows(7, settings, 2)) == seen[6:9]).all()


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    settings = SegmenterSettings(
        "", NAMES, net="fcn8s", learning_rate=1e30, epochs=8, batch=2, size=(32, 32), bf16=False
    )
    with pytest.raises(training.NoNumber, match="lower learning_rate"):
        train(settings, begin(settings), shapes(range(2)), shapes(range(2)), tmp_path, lambda told: None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"width": 48}, "32, 64, 128, not 48"),
        ({"net": "segnet"}, "net must be one of unet"),
        ({"trunk": "resnet", "net": "fcn8s"}, "known: vgg16"),
        ({"schedule": "slow"}, "schedule must be one of"),
        ({"size": (8, 8)}, "16 pixels or more"),
        ({"class_weights": (1.0,)}, "need each other"),
        ({"class_weights": (1.0,), "weighting": "given"}, "1 entries for 3 names"),
        ({"cross_entropy": 0.0}, "cross_entropy and dice"),
        ({"epochs": 0.0}, "epochs must be above 0"),
    ],
)
def test_wrong_settings_say_what_they_may_be(wrong: dict, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        begin(replace(SegmenterSettings("", NAMES), **wrong))


def test_damaged_data_is_told_in_one_line(shapes_folder: ShapesFolder, tmp_path: Path) -> None:
    config, out = shapes_folder(), tmp_path / "run"
    mask, listed = tmp_path / "masks" / "3.png", (tmp_path / "learn.txt").read_text()
    whole = mask.read_bytes()

    def said(kind: type[Exception] = InvalidInput) -> str:
        with pytest.raises(kind) as caught:
            read_material(config, out)
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    images.save(np.full((48, 64, 3), 7, np.uint8), mask)
    assert "no class's" in said() or "palette" in said()
    images.save(np.zeros((20, 64, 3), np.uint8), mask)
    config.write_text(config.read_text() + "palette = [[0, 0, 0], [255, 0, 0], [0, 255, 0]]\n")
    assert "64x20" in said() and "make them equal" in said()
    mask.unlink()
    assert "no file" in said(MissingPart)
    mask.write_bytes(whole[:60])
    assert "damaged" in said(Exception)
    mask.write_bytes(b"")
    said(Exception)
    mask.write_bytes(whole)
    (tmp_path / "learn.txt").write_text(listed[:-15])
    assert "line 8" in said()
    (tmp_path / "learn.txt").write_text("")
    assert "no picture in" in said()
    (tmp_path / "learn.txt").unlink()
    assert "no folder and no list" in said(MissingPart)


def test_folders_pair_by_name(shapes_folder: ShapesFolder, tmp_path: Path) -> None:
    config, out = shapes_folder(learn=5), tmp_path / "run"
    config.write_text(
        CONFIG.replace('"learn.txt"', '"images"\nmasks = "masks"').replace('test = "test.txt"', "holdout = 0.3")
    )
    material = read_material(config, out)
    assert (len(material.learned), len(material.tested)) == (5, 2)
    assert not set(material.learned.sources) & set(material.tested.sources)
    (tmp_path / "masks" / "2.png").unlink()
    with pytest.raises(InvalidInput, match=r"no mask for .*2\.png"):
        read_material(config, out)
    config.write_text(config.read_text().replace('masks = "masks"', ""))
    with pytest.raises(InvalidInput, match="say which folder has their masks"):
        read_material(config, out)
    (tmp_path / "empty").mkdir()
    config.write_text(config.read_text().replace('"images"', '"empty"\nmasks = "masks"'))
    with pytest.raises(InvalidInput, match="no picture in"):
        read_material(config, out)


def test_one_class_is_nothing_to_learn(shapes_folder: ShapesFolder, tmp_path: Path) -> None:
    config = shapes_folder(config=CONFIG + "ignore = [1, 2]\nvalues = [0, 10, 20]\n")
    with pytest.raises(InvalidInput, match="fewer than two classes"):
        read_material(config, tmp_path / "run")
