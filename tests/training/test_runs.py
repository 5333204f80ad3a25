"""Runs: what they leave behind, how they go on, and what may be wrong with what they are given."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.encoder import PACKAGED
from facerec.faces.encoder_export import PixelsToEmbedding
from facerec.faces.golden import golden_faces
from facerec.learning.reports import Report
from facerec.training import Material, runs, train, train_from
from facerec.training.beginning import begin, read_weights
from tests.drawn_crops import drawn_crops
from tests.tiny import CONFIG, tiny_settings


def logged(run: Path) -> list[int]:
    with (run / "log.csv").open(newline="") as handle:
        return [int(row["step"]) for row in csv.DictReader(handle)]


class Heard:
    """A listener that may stop the run, as a kill would."""

    def __init__(self, stop: int = 0):
        self.steps: list[int] = []
        self.total, self.stop = 0, stop

    def __call__(self, now: Report, total: int) -> None:
        self.steps.append(now.step)
        self.total = total
        if now.step == self.stop:
            raise KeyboardInterrupt


def test_a_run_leaves_weights_log_settings_and_what_it_read(faces: Path, config: Path, tmp_path: Path) -> None:
    run, heard = tmp_path / "run", Heard()
    material = train_from(config, faces, run, heard)
    assert heard.steps == [1, 2, 3, 4, 5, 6] and heard.total == 6  # 12 crops, 2 epochs of 3 batches
    assert (material.crops, material.refused) == (12, ())
    assert logged(run) == [6] and (run / "settings.toml").read_text() == CONFIG
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoint.safetensors", "log.csv", "log.png", "material.json", "settings.toml", "weights.safetensors",
    ]  # fmt: skip


def test_a_stopped_run_goes_on_and_ends_like_the_uninterrupted_one(
    faces: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOG_EVERY", 1)
    train_from(config, faces, tmp_path / "whole")
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        train_from(config, faces, stopped, Heard(stop=5))
    assert logged(stopped) == [1, 2, 3, 4, 5] and not (stopped / "weights.safetensors").exists()
    heard = Heard()
    train_from(config, faces, stopped, heard)
    assert heard.steps == [5, 6] and logged(stopped) == [1, 2, 3, 4, 5, 6]  # step 4 was saved
    whole, resumed = (read_weights(run) for run in (tmp_path / "whole", stopped))
    assert max((whole[name].double() - resumed[name].double()).abs().max() for name in whole) <= 1e-4


def test_a_finished_run_returns_at_once_and_changes_nothing(faces: Path, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = train_from(config, faces, run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    shutil.rmtree(faces)  # not even looked at
    heard = Heard()
    assert train_from(config, faces, run, heard) == first and heard.steps == []
    assert train_from(run / "settings.toml", faces, run) == first
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_folder_with_a_run_of_other_settings_or_other_crops_is_refused(
    faces: Path, config: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_from(config, faces, run, Heard(stop=3))
    config.write_text(CONFIG.replace("epochs = 2", "epochs = 3\nmargin = 0.3"))
    with pytest.raises(InvalidInput, match=r"other settings \(epochs, margin\)"):
        train_from(config, faces, run)
    config.write_text(CONFIG + "# the same settings with a remark\n")
    table = (faces / "faces.csv").read_text().splitlines(keepends=True)
    (faces / "faces.csv").write_text("".join(table[:1] + table[2:]))
    with pytest.raises(InvalidInput, match="was begun on 12 crops, and there are 11 now"):
        train_from(config, faces, run)
    (faces / "faces.csv").write_text("".join(table))
    train_from(config, faces, run)


def test_settings_may_change_until_there_is_something_to_lose(faces: Path, config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG.replace("batch = 4", "batch = 400"))
    with pytest.raises(InvalidInput, match="12 crops do not fill one batch of 400"):
        train_from(config, faces, tmp_path / "run")
    config.write_text(CONFIG)
    assert train_from(config, faces, tmp_path / "run").crops == 12


def test_pictures_that_were_left_out_are_listed_also_by_a_finished_run(
    faces: Path, config: Path, tmp_path: Path
) -> None:
    with (faces / "faces.csv").open("a") as handle:
        handle.write("faces-00.tar,nowhere.png,s1,train,,0\n")
    for _ in range(2):
        assert train_from(config, faces, tmp_path / "run").refused == (
            ("faces-00.tar/nowhere.png", "not in the shard"),
        )


def test_what_a_run_learns_from_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "material.json").write_text('{"crops": 3')
    with pytest.raises(DamagedFile, match=r"material\.json"):
        Material.read(tmp_path)


def test_distillation_without_targets_and_too_few_subjects_are_refused(faces: Path, tmp_path: Path) -> None:
    crops = drawn_crops(3, 2)
    bare = replace(crops, targets=crops.targets[:, :0])
    with pytest.raises(InvalidInput, match="needs a teacher"):
        train(tiny_settings(), bare, tmp_path)
    with pytest.raises(InvalidInput, match="only 3 have two crops"):
        train(tiny_settings(distil=0, triplet=1), bare, tmp_path)
    with pytest.raises(InvalidInput, match="are no step"):
        train(tiny_settings(epochs=0.1), crops, tmp_path)
    assert list(tmp_path.glob("*.safetensors")) == []


def test_a_triplet_run_needs_no_targets(tmp_path: Path) -> None:
    crops = drawn_crops(4, 3)
    settings = tiny_settings(distil=0, triplet=1, subjects=2, per_subject=2, epochs=2)
    trunk = train(settings, replace(crops, targets=crops.targets[:, :0]), tmp_path)
    assert not trunk.training and logged(tmp_path) == [4]


def test_a_run_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    crops = drawn_crops(4, 3)
    train(tiny_settings(), crops, tmp_path / "first")
    settings = tiny_settings(start=str(tmp_path / "first"), seed=5)
    begun, _ = begin(settings, crops, tmp_path / "second")
    stored = read_weights(tmp_path / "first")
    assert all(value.equal(stored[name]) for name, value in begun.trunk.state_dict().items())
    with pytest.raises(InvalidInput, match="another network's"):
        begin(replace(settings, trunk="residual"), crops, tmp_path / "third")
    with pytest.raises(MissingPart, match="a finished run leaves"):
        begin(replace(settings, start=str(tmp_path)), crops, tmp_path / "third")


def test_a_packaged_encoder_is_a_start_too(tmp_path: Path) -> None:
    run, _ = begin(tiny_settings(trunk="residual", start="default"), drawn_crops(4, 3), tmp_path)
    golden = np.load(PACKAGED["default"] / "golden.npy")
    with torch.no_grad():
        rows = PixelsToEmbedding(run.trunk).eval()(torch.from_numpy(golden_faces())).numpy()
    assert np.abs(rows - golden).max() < 1e-3


def test_damaged_weights_are_no_start(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(DamagedFile, match="no whole file of weights"):
        read_weights(tmp_path)


def test_training_leaves_the_callers_randomness_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(tiny_settings(epochs=0.5), drawn_crops(4, 3), tmp_path)
    assert torch.rand(3).equal(expected)
