"""A gallery's own thresholds: where its people are enough, where the encoder's stand in, and where neither will do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facerec.calibration import measure_operating_points
from facerec.calibration.gallery import calibrate_gallery
from facerec.calibration.own import MOST_TEMPLATES, chosen
from facerec.digest import sha256
from facerec.errors import EncoderMismatch, InvalidInput, TooFewPeople
from facerec.gallery import open_gallery
from facerec.gallery.store import Gallery
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import Float32, Template, unit
from tests.people import clusters

ENCODER = "e" * 64
NONE = OperatingPoints((), ())


def gallery_of(tmp_path: Path, rows: Float32, labels: list[str]) -> Gallery:
    gallery = open_gallery(tmp_path / "g.db")
    gallery.enroll([
        Template(name, f"{place}.jpg", sha256(str(place).encode()), (0.0, 0.0, 9.0, 9.0), {}, ENCODER, row)
        for place, (name, row) in enumerate(zip(labels, rows, strict=True))
    ])  # fmt: skip
    return gallery


def packaged(people: int = 150, seed: int = 1) -> OperatingPoints:
    rows, labels = clusters(np.random.default_rng(seed), [2] * people)
    return measure_operating_points(
        rows, labels, encoder=ENCODER, evidence="the encoder's people", rng=np.random.default_rng(0)
    )


def test_a_large_gallery_decides_by_its_own_people(tmp_path: Path) -> None:
    rows, labels = clusters(np.random.default_rng(2), [1] * 200)
    gallery = gallery_of(tmp_path, rows, labels)
    decided = calibrate_gallery(gallery, ENCODER, NONE, np.random.default_rng(0), target_fmr=0.004, target_fpir=0.5)
    row = decided.verification
    assert row is not None and row.point.fmr <= 0.004 and row.fnmr is None and row.genuine == 0
    scores = (rows @ rows.T)[np.triu_indices(200, 1)]
    assert row.false_matches == pytest.approx((scores >= row.point.threshold).sum(), abs=1)
    assert row.point.impostors == 19_900 and "this gallery's own people" in row.point.evidence
    assert gallery.operating_point(ENCODER) == row.point
    stored = gallery.calibration(ENCODER)
    assert stored == decided.calibration and stored is not None and stored.target_fpir == 0.5


def test_a_small_gallery_decides_by_the_encoders_people(tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path, *clusters(np.random.default_rng(3), [1] * 8))
    table = packaged()
    decided = calibrate_gallery(gallery, ENCODER, table, np.random.default_rng(0), target_fmr=0.002, target_fpir=0.05)
    assert decided.verification is not None and decided.search is not None
    assert decided.verification.point == table.at_fmr(0.002)
    assert decided.search.point == table.for_gallery(8, 0.05)


def test_an_empty_gallery_and_one_person_are_no_people_and_the_encoders_stand_in(tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path, *clusters(np.random.default_rng(3), [3]))
    decided = calibrate_gallery(gallery, ENCODER, packaged(), np.random.default_rng(0), target_fpir=0.01)
    assert decided.own.subjects == 1 and decided.enrolled == 1 and decided.search is not None
    with pytest.raises(TooFewPeople, match="1 people with 3 pictures"):
        calibrate_gallery(gallery, ENCODER, NONE, np.random.default_rng(0), target_fmr=0.01)


def test_what_nobody_can_show_is_refused_with_the_number_of_people_and_nothing_is_stored(tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path, *clusters(np.random.default_rng(4), [1] * 30))
    with pytest.raises(TooFewPeople, match="about 7747 people could") as refused:
        calibrate_gallery(gallery, ENCODER, packaged(), np.random.default_rng(0), target_fmr=1e-7)
    assert refused.value.needed == 7747
    assert gallery.operating_point(ENCODER) is None and gallery.calibration(ENCODER) is None


def test_beyond_the_measured_only_when_asked_and_marked(tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path, *clusters(np.random.default_rng(4), [1] * 30))
    table = packaged()
    target = table.beyond[0].target
    with pytest.raises(TooFewPeople, match="--extrapolate"):
        calibrate_gallery(gallery, ENCODER, table, np.random.default_rng(0), target_fmr=target)
    decided = calibrate_gallery(
        gallery, ENCODER, table, np.random.default_rng(0), target_fmr=target, target_fpir=target * 40, extrapolate=True
    )
    assert decided.verification is not None and decided.verification.point.extrapolated
    point, calibration = gallery.operating_point(ENCODER), gallery.calibration(ENCODER)
    assert point is not None and point.extrapolated and "generalised Pareto" in point.evidence
    assert calibration is not None and calibration.points.for_gallery(30, target * 40).extrapolated


def test_people_more_alike_than_the_encoders_are_not_decided_by_its_thresholds(tmp_path: Path) -> None:
    rows, labels = clusters(np.random.default_rng(5), [1] * 120)
    family = unit(rows + 0.4 * rows[:1])
    gallery = gallery_of(tmp_path, family, labels)
    with pytest.raises(TooFewPeople, match="more alike than those that the encoder was calibrated on"):
        calibrate_gallery(gallery, ENCODER, packaged(), np.random.default_rng(0), target_fmr=1e-4)
    decided = calibrate_gallery(gallery, ENCODER, packaged(), np.random.default_rng(0), target_fmr=0.03)
    assert decided.own.contradicts and decided.verification is not None
    assert decided.verification.point.threshold > packaged().at_fmr(0.03).threshold


def test_look_alikes_are_named_once(tmp_path: Path) -> None:
    rows, labels = clusters(np.random.default_rng(6), [2] * 20, spread=0.02)
    labels[2:4] = ["Anna", "Anna"]
    rows[2:4] = rows[0:2]
    gallery = gallery_of(tmp_path, rows, labels)
    decided = calibrate_gallery(gallery, ENCODER, packaged(), np.random.default_rng(0), target_fmr=0.05)
    found = [frozenset(pair[:2]) for pair in decided.own.look_alikes]
    assert found[0] == {"Anna", "subject-0000"} and len(found) == len(set(found))
    assert decided.own.look_alikes[0].similarity == pytest.approx(1, abs=1e-6)


def test_templates_are_chosen_fairly_from_a_very_large_gallery() -> None:
    names = ["a"] * 100 + [f"b{number}" for number in range(MOST_TEMPLATES + 500)]
    keep = chosen(names, np.random.default_rng(0))
    assert len(keep) == MOST_TEMPLATES and (np.diff(keep) > 0).all() and (keep < 100).sum() <= 30


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path, *clusters(np.random.default_rng(7), [1] * 4))
    for targets in ({}, {"target_fmr": 0.0}, {"target_fpir": 1.0}):
        with pytest.raises(InvalidInput):
            calibrate_gallery(gallery, ENCODER, packaged(), np.random.default_rng(0), **targets)
    with pytest.raises(EncoderMismatch):
        calibrate_gallery(gallery, "f" * 64, packaged(), np.random.default_rng(0), target_fmr=0.01)
