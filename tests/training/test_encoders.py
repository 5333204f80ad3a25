"""From a finished run to an encoder with thresholds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.faces.encoder import Card, open_encoder, require_whole
from facerec.learning.settings import TrainSettings
from facerec.thresholds import calibrate, calibrate_on_split
from facerec.training import export
from tests.drawn_crops import drawn_crops


def test_a_run_becomes_an_encoder_with_measured_thresholds(run: Path, faces: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    with pytest.raises(InvalidInput, match="no measured threshold"):
        _ = Card.read(tmp_path / "encoder").operating_points
    points = calibrate_on_split(tmp_path / "encoder", faces)["cosine"]
    encoder = open_encoder(tmp_path / "encoder")
    require_whole(encoder)
    assert encoder.card.operating_points == points and encoder.card.facts["trained_on"] == {"crops": 12, "left_out": 0}
    assert encoder.card.facts["training"] == json.loads(json.dumps(asdict(TrainSettings.read(run / "settings.toml"))))
    point = points.at_fmr(0.1)
    assert (point.encoder, point.subjects, point.impostors) == (encoder.digest, 17, 68 * 64 // 2)
    assert point.evidence == "split val of faces: 68 crops of 17 people, at most 30 of each, none of them in training"


def test_the_threshold_at_an_fmr_is_what_counting_by_hand_gives(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    crops = drawn_crops(14, 4)
    point = calibrate(tmp_path / "encoder", crops, "drawn")["cosine"].at_fmr(0.1)
    rows = open_encoder(tmp_path / "encoder")(np.ascontiguousarray(crops.pixels[:, 8:120, 8:120]))
    impostor = [float(rows[a] @ rows[b]) for a in range(56) for b in range(a) if crops.labels[a] != crops.labels[b]]
    share = np.mean(np.array(impostor) >= point.threshold - 1e-6)
    assert share == pytest.approx(point.fmr, abs=2e-3) and 0.09 < point.fmr <= 0.1


def test_thresholds_are_not_measured_on_people_who_were_trained_on(run: Path, faces: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    table = (faces / "faces.csv").read_text()
    (faces / "faces.csv").write_text(table.replace(",s3,val", ",s2,val"))
    with pytest.raises(InvalidInput, match="1 subjects of split val were trained on, s2 for one"):
        calibrate_on_split(tmp_path / "encoder", faces)
    (faces / "faces.csv").write_text(table.replace(",s3,val", ",,val"))
    with pytest.raises(InvalidInput, match="needs the subject of every crop"):
        calibrate_on_split(tmp_path / "encoder", faces)
    with pytest.raises(InvalidInput, match="no row of split test"):
        calibrate_on_split(tmp_path / "encoder", faces, "test")


def test_too_few_people_give_no_threshold_and_leave_the_card_alone(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "encoder", "mine")
    before = (tmp_path / "encoder" / "card.json").read_text()
    with pytest.raises(InvalidInput, match="no threshold can be measured"):
        calibrate(tmp_path / "encoder", drawn_crops(2, 2), "two people")
    assert (tmp_path / "encoder" / "card.json").read_text() == before


def test_an_unfinished_run_is_not_exported(run: Path, tmp_path: Path) -> None:
    (run / "weights.safetensors").unlink()
    with pytest.raises(MissingPart, match="no weights in"):
        export(run, tmp_path / "encoder", "mine")
    with pytest.raises(MissingPart, match="no training settings"):
        export(tmp_path, tmp_path / "encoder", "mine")
    assert not (tmp_path / "encoder").exists()
