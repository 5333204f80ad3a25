"""`facerec calibrate` as a shell runs it, and what the other commands make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Photos


def test_a_small_gallery_takes_the_encoders_thresholds_and_identify_follows(facerec, photos: Photos) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    ran = facerec("calibrate", "--target-fmr", 1e-4, "--target-fpir", 0.001)
    assert ran.status == 0 and ran.out.startswith("verify --subject: threshold ") and "\nidentify, 0.001 of " in ran.out
    (answer,) = facerec("calibrate", "--target-fmr", 1e-4, "--target-fpir", 0.001, "--json").answers
    assert answer["outcome"] == "calibrated" and answer["enrolled"] == 1 and answer["look_alikes"] == []
    (verified,) = facerec("verify", "--subject", "Eileen", photos.take, "--json").answers
    assert verified["threshold"] == answer["verification"]["threshold"] and verified["fmr"] <= 1e-4
    (found,) = facerec("identify", photos.take, "--json").answers
    assert found["target_fpir"] == 0.001 and found["threshold"] == answer["search"]["threshold"]
    assert facerec("identify", photos.take, "--target-fpir", 0.05, "--json").answers[0]["target_fpir"] == 0.05


def test_what_nobody_can_show_is_refused_and_extrapolation_is_marked(facerec, photos: Photos) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    ran = facerec("calibrate", "--target-fmr", 3e-6, "--json")
    assert ran.status == 2 and ran.answers[0]["outcome"] == "too_few_people"
    assert "1415 people could" in ran.answers[0]["reason"] and "--extrapolate" in ran.answers[0]["reason"]
    assert facerec("verify", "--subject", "Eileen", photos.take, "--json").answers[0]["extrapolated"] is False
    (answer,) = facerec("calibrate", "--target-fmr", 3e-6, "--extrapolate", "--json").answers
    assert answer["verification"]["extrapolated"] and "Pareto" in answer["verification"]["evidence"]
    (verified,) = facerec("verify", "--subject", "Eileen", photos.take, "--json").answers
    assert verified["extrapolated"] is True
    assert "which is extrapolated" in facerec("verify", "--subject", "Eileen", photos.take).out


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "give --target-fmr, --target-fpir, or both"),
        (["--target-fmr", "0"], "not in the range"),
        (["--target-fpir", "1"], "not in the range"),
        (["--target-fmr", "0.001"], "enroll somebody"),
        (["--target-fmr", "0.001", "--encoder", "nobody"], "no encoder 'nobody'"),
        (["--target-fmr", "0.001", "--gallery", "."], "is not a file"),
    ],
)
def test_wrong_use_ends_with_two_and_says_why(facerec, words: list[str], said: str) -> None:
    ran = facerec("calibrate", *words)
    assert ran.status == 2 and said in ran.err


def test_a_folder_with_one_person_twice_is_refused_as_a_conflict(facerec, photos: Photos, tmp_path: Path) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    ran = facerec("enroll", "Collins", photos.take)
    assert ran.status == 2 and "conflict" in ran.err and "looks like Eileen" in ran.err
    assert facerec("enroll", "Collins", photos.take, "--force").status == 0
