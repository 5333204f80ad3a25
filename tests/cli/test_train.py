"""`facerec train` and `facerec export`, from a folder of faces to an encoder that verifies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facerec.learning.shards import Sample, write_shards
from tests.drawn_crops import directions, drawn_crop
from tests.tiny import CONFIG, register_tiny


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """3 subjects to train on and 14 to measure on, 4 takes each; the first one's first crop is not in its shard."""
    people = [(subject, take) for subject in range(17) for take in range(4)]
    write_shards(
        tmp_path / "faces", [Sample(drawn_crop(s, t), f"s{s}", "train" if s < 3 else "val") for s, t in people]
    )
    np.save(tmp_path / "faces" / "targets.npy", directions(17)[[s for s, _ in people]])
    table = tmp_path / "faces" / "faces.csv"
    table.write_text(table.read_text().replace("000000.png", "lost.png"))
    return tmp_path / "faces"


def test_from_a_settings_file_to_an_encoder(facerec, faces, tmp_path, monkeypatch) -> None:
    register_tiny(monkeypatch)
    (tmp_path / "my.toml").write_text(CONFIG)
    run, encoder = tmp_path / "run", tmp_path / "encoder"
    trained = facerec("train", tmp_path / "my.toml", "--data", faces, "-o", run, "--json")
    assert trained.status == 0
    assert trained.answers == [{"schema": 1, "out": str(run), "crops": 11, "left_out": 1, "start": ""}]
    assert "left out faces-00.tar/lost.png: not in the shard" in trained.err
    again = facerec("train", tmp_path / "my.toml", "--data", faces, "-o", run)
    assert again.status == 0 and again.out == f"trained on 11 crops; weights in {run}\n"
    exported = facerec("export", run, "-o", encoder, "--name", "drawn", "--calibrate", faces, "--json")
    assert exported.status == 0
    assert exported.answers[0]["operating_points"][0]["target_fmr"] == 0.1
    assert facerec("encoders", encoder).out.startswith("drawn  ")
    plain = tmp_path / "plain"
    assert facerec("export", run, "-o", plain, "--no-mirror").out == f"encoder in {plain}\n"
    assert json.loads((plain / "card.json").read_text())["mirror"] is False
    for wrong, words in ((("--fit", faces), "--fit goes with FILE.pt"), (("--precision", "int8"), "add --fit FOLDER")):
        ran = facerec("export", run, "-o", plain, *wrong)
        assert ran.status == 2 and words in ran.err
    small = facerec("export", run, "-o", plain, "--precision", "int8", "--fit", faces)
    assert small.status == 0 and json.loads((plain / "card.json").read_text())["precision"] == "int8"


def test_an_encoder_with_a_fitted_head_verifies_by_it(facerec, faces, tmp_path, monkeypatch) -> None:
    register_tiny(monkeypatch)
    (tmp_path / "my.toml").write_text(CONFIG)
    run, encoder = tmp_path / "run", tmp_path / "encoder"
    facerec("train", tmp_path / "my.toml", "--data", faces, "-o", run)
    ran = facerec("export", run, "-o", encoder, "--fit-head", faces, "--difference", "chi_square", "--calibrate", faces)
    cosine, binary = ran.out.split("  cosine\n")[1].split("  binary\n")
    assert ran.status == 0 and "FMR 0.1: threshold" in cosine and "FMR 0.1: threshold" in binary
    assert json.loads((encoder / "head.json").read_text())["difference"] == "chi_square"
    ran = facerec("export", run, "-o", encoder, "--fit-head", tmp_path / "nowhere")
    assert ran.status == 2 and "nowhere" in ran.err and not (encoder / "head.json").exists()


@pytest.mark.parametrize("content, words", [
    ("epoch = 3", "unknown settings: epoch"), ('batch = "4"', "batch must be a whole number"), ("trunk", "is not TOML"),
])  # fmt: skip
def test_a_settings_file_that_cannot_be_used_is_one_line_and_status_2(facerec, faces, tmp_path, content, words) -> None:
    (tmp_path / "my.toml").write_text(content)
    ran = facerec("train", tmp_path / "my.toml", "--data", faces, "-o", tmp_path / "run")
    assert ran.status == 2 and words in ran.err and "Traceback" not in ran.err and ran.out == ""
    assert not (tmp_path / "run").exists()


def test_folders_that_are_not_there_are_status_2(facerec, tmp_path) -> None:
    (tmp_path / "my.toml").write_text(CONFIG)
    ran = facerec("train", tmp_path / "my.toml", "--data", tmp_path / "nowhere", "-o", tmp_path / "run", "--json")
    assert ran.status == 2 and ran.answers[0]["outcome"] == "missing_part"
    ran = facerec("export", tmp_path / "nowhere", "-o", tmp_path / "encoder")
    assert ran.status == 2 and "no training settings in" in ran.err
