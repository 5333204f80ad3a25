"""`facerec verify`: outcome, exit status and words."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Photos

KEYS = {"schema", "outcome", "similarity", "threshold", "fmr", "impostors", "encoder", "evidence"}


def test_two_takes_of_one_person_match(facerec, photos: Photos) -> None:
    ran = facerec("verify", photos.portrait, photos.take)
    assert ran.status == 0 and ran.out.startswith("match: similarity 0.")
    (answer,) = facerec("verify", photos.portrait, photos.take, "--json").answers
    assert answer.keys() >= KEYS
    assert answer["outcome"] == "match" and answer["similarity"] >= answer["threshold"] and answer["schema"] == 1


def test_a_stricter_rate_has_a_higher_threshold(facerec, photos: Photos) -> None:
    loose, strict = (
        facerec("verify", photos.portrait, photos.take, "--fmr", fmr, "--json").answers[0] for fmr in (0.01, 0.001)
    )
    assert loose["threshold"] < strict["threshold"] and loose["fmr"] > strict["fmr"]


@pytest.mark.parametrize("options, code", [((), "many_faces"), (("--face", "largest"), "match")])
def test_several_faces_are_refused_unless_a_rule_chooses(facerec, photos: Photos, options, code: str) -> None:
    (answer,) = facerec("verify", photos.portrait, photos.pair, "--json", *options).answers
    assert answer["outcome"] == code


def test_no_face_could_not_be_answered(facerec, photos: Photos) -> None:
    ran = facerec("verify", photos.portrait, photos.cat)
    assert ran.status == 2 and ran.out == "" and "no face found in" in ran.err
    ran = facerec("verify", photos.portrait, photos.cat, "--json")
    assert ran.status == 2 and ran.answers[0]["outcome"] == "no_face"


@pytest.mark.parametrize(
    "words, said",
    [
        (["verify"], "Missing argument"),
        (["verify", "a.jpg"], "give two pictures, or one picture and --subject"),
        (["verify", "a.jpg", "b.jpg", "c.jpg"], "give two pictures"),
        (["verify", "nothing-here.jpg", "b.jpg"], "nothing-here.jpg"),
        (["verify", ".", "b.jpg"], "is a folder"),
        (["verify", "a.jpg", "b.jpg", "--encoder", "nobody"], "no encoder 'nobody'"),
        (["verify", "a.jpg", "b.jpg", "--detector", "nobody"], "no detector 'nobody'"),
        (["verify", "a.jpg", "b.jpg", "--face", "prettiest"], "'prettiest' is not one of"),
    ],
)
def test_wrong_use_ends_with_two_and_says_why(facerec, words: list[str], said: str) -> None:
    ran = facerec(*words)
    assert ran.status == 2 and said in ran.err


def test_an_unmeasured_rate_names_the_measured_ones(facerec, photos: Photos) -> None:
    ran = facerec("verify", photos.portrait, photos.take, "--fmr", 0.0123)
    assert ran.status == 2 and "measured: 0.1, 0.03, 0.01" in ran.err


def test_a_subject_is_verified_against_the_gallery(facerec, photos: Photos) -> None:
    assert facerec("enroll", "Eileen", photos.portrait).status == 0
    assert facerec("verify", "--subject", "Eileen", photos.take).status == 0
    ran = facerec("verify", "--subject", "Nobody", photos.take)
    assert ran.status == 2 and "Nobody is not enrolled" in ran.err
