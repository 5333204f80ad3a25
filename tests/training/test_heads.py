"""A binary head: learned beside the trunk or fitted to what an encoder gives, measured, and in the encoder's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from facerec.errors import InvalidInput, MissingPart
from facerec.faces.encoder import open_encoder
from facerec.faces.head import HEAD, open_head
from facerec.thresholds import calibrate, calibrate_on_split, fit_head
from facerec.training import export, train_from
from tests.drawn_crops import drawn_crops
from tests.tiny import CONFIG

TERMS = 'binary = 1.0\ndifference = "chi_square"\nsubjects = 2\nper_subject = 2\n'


@pytest.fixture
def run_with_head(faces: Path, config: Path, tmp_path: Path) -> Path:
    config.write_text(TERMS + CONFIG)
    train_from(config, faces, tmp_path / "with-head")
    return tmp_path / "with-head"


def test_a_head_that_was_learned_goes_along_and_gets_thresholds(run_with_head: Path, faces: Path, tmp_path: Path):
    export(run_with_head, tmp_path / "encoder", "mine")
    encoder = open_encoder(tmp_path / "encoder")
    head = open_head(tmp_path / "encoder", encoder.digest)
    beside = load_file(run_with_head / "beside.safetensors")
    assert np.array_equal(head.weight, beside["terms.binary.head.weight"].numpy())
    assert head.bias == beside["terms.binary.head.bias"].item() and head.difference == "chi_square"
    points = calibrate_on_split(tmp_path / "encoder", faces)
    assert points["cosine"] == open_encoder(tmp_path / "encoder").card.operating_points
    assert points["binary"] == open_head(tmp_path / "encoder", encoder.digest).points


def test_the_threshold_of_a_head_is_what_counting_by_hand_gives(run_with_head: Path, tmp_path: Path) -> None:
    export(run_with_head, tmp_path / "encoder", "mine")
    crops = drawn_crops(14, 4)
    point = calibrate(tmp_path / "encoder", crops, "drawn")["binary"].at_fmr(0.1)
    encoder = open_encoder(tmp_path / "encoder")
    rows = encoder(np.ascontiguousarray(crops.pixels[:, 8:120, 8:120]))
    head = open_head(tmp_path / "encoder", encoder.digest)
    impostor = [
        float(head(rows[[a]], rows[[b]])[0, 0])
        for a in range(56)
        for b in range(a)
        if crops.labels[a] != crops.labels[b]
    ]
    assert np.mean(np.array(impostor) >= point.threshold) == pytest.approx(point.fmr, abs=2e-3)
    assert 0.09 < point.fmr <= 0.1 and 0 < point.threshold < 1


def test_an_encoder_exported_again_without_a_head_does_not_keep_the_old_one(
    run: Path, run_with_head: Path, tmp_path: Path
) -> None:
    export(run_with_head, tmp_path / "encoder", "mine")
    assert (tmp_path / "encoder" / HEAD).exists()
    export(run, tmp_path / "encoder", "mine")
    assert not (tmp_path / "encoder" / HEAD).exists()


def test_a_run_without_what_it_learned_beside_the_trunk_is_not_exported(run_with_head: Path, tmp_path: Path) -> None:
    (run_with_head / "beside.safetensors").unlink()
    with pytest.raises(MissingPart, match=r"a finished run leaves beside\.safetensors there"):
        export(run_with_head, tmp_path / "encoder", "mine")
    assert not (tmp_path / "encoder").exists()


def test_a_head_is_fitted_to_an_encoder_as_it_is(run: Path, faces: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    files = {path.name: path.read_bytes() for path in (tmp_path / "encoder").iterdir()}
    heard: list[tuple[int, int]] = []
    head = fit_head(tmp_path / "encoder", faces, "manhattan", progress=lambda done, total: heard.append((done, total)))
    assert heard == [(12, 12)] and head.facts["pairs"] == {"genuine": 18, "impostor": 48}
    again = open_head(tmp_path / "encoder", open_encoder(tmp_path / "encoder").digest)
    assert np.array_equal(again.weight, head.weight)
    assert {name: (tmp_path / "encoder" / name).read_bytes() for name in files} == files
    with pytest.raises(InvalidInput, match="no measured threshold"):
        _ = again.points
    assert calibrate_on_split(tmp_path / "encoder", faces).keys() == {"cosine", "binary"}


def test_a_head_is_not_measured_on_the_people_it_was_fitted_to(run: Path, faces: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    fit_head(tmp_path / "encoder", faces, split="val")
    with pytest.raises(InvalidInput, match="were trained on"):
        calibrate_on_split(tmp_path / "encoder", faces)


def test_an_unknown_difference_writes_nothing(run: Path, faces: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    with pytest.raises(InvalidInput, match="no difference 'cosine'"):
        fit_head(tmp_path / "encoder", faces, "cosine")
    assert not (tmp_path / "encoder" / HEAD).exists()
