"""`facerec verify`: outcome, exit status and words."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.faces.encoder import Card, encoder_folder
from facerec.faces.head import BinaryHead
from tests.cli.conftest import Photos
from tests.fakes import points

KEYS = {"schema", "outcome", "head", "similarity", "threshold", "fmr", "impostors", "encoder", "evidence"}


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
    assert ran.status == 2 and "measured: 0.1, 0.05, 0.03" in ran.err


def test_a_subject_is_verified_against_the_gallery(facerec, photos: Photos) -> None:
    assert facerec("enroll", "Eileen", photos.portrait).status == 0
    assert facerec("verify", "--subject", "Eileen", photos.take).status == 0
    ran = facerec("verify", "--subject", "Nobody", photos.take)
    assert ran.status == 2 and "Nobody is not enrolled" in ran.err


@pytest.fixture
def encoder_with_head(tmp_path: Path) -> Path:
    """The packaged encoder's files with a drawn head beside them, which has thresholds of its own."""
    folder = shutil.copytree(encoder_folder("default"), tmp_path / "encoder")
    facts = {"operating_points": points((1e-3, 0.25)).as_dict()}
    digest = Card.read(folder).digest
    BinaryHead("squared_euclidean", np.full(128, -8, np.float32), 10.0, digest, facts).write(folder)
    return folder


def test_a_trained_head_decides_at_its_own_threshold(facerec, photos: Photos, encoder_with_head: Path) -> None:
    words = ["--encoder", encoder_with_head, "--head", "binary", "--json"]
    (answer,) = facerec("verify", photos.portrait, photos.take, *words).answers
    (cosine,) = facerec("verify", photos.portrait, photos.take, "--json").answers
    assert (answer["head"], answer["threshold"], answer["outcome"]) == ("binary", 0.25, "match")
    assert cosine["head"] == "cosine"
    expected = 1 / (1 + np.exp(8 * (2 - 2 * cosine["similarity"]) - 10))
    assert answer["similarity"] == pytest.approx(expected, rel=1e-4)
    assert facerec("enroll", "Eileen", photos.portrait, "--encoder", encoder_with_head).status == 0
    (enrolled,) = facerec("verify", "--subject", "Eileen", photos.take, *words).answers
    assert enrolled["similarity"] == pytest.approx(answer["similarity"], abs=1e-4) and enrolled["threshold"] == 0.25


def test_an_encoder_without_a_head_says_how_to_get_one(facerec, photos: Photos, encoder_with_head: Path) -> None:
    (encoder_with_head / "head.json").unlink()
    words = ["verify", photos.portrait, photos.take, "--encoder", encoder_with_head, "--head", "binary"]
    ran = facerec(*words)
    assert ran.status == 2 and "no binary head in" in ran.err and "--fit-head" in ran.err and ran.out == ""
    assert facerec(*words, "--json").answers[0]["outcome"] == "missing_part"


def test_an_explanation_is_drawn_and_takes_no_picture_s_place(facerec, photos: Photos, tmp_path) -> None:
    out = tmp_path / "why.png"
    plain = facerec("verify", photos.portrait, photos.take)
    ran = facerec("verify", photos.portrait, photos.take, "--explain", out)
    assert (ran.status, ran.out) == (plain.status, plain.out)
    assert images.load(out).std() > 10
    for words, said in (
        ([photos.portrait, photos.take, "--explain", photos.take], "would overwrite"),
        ([photos.portrait, photos.take, "--explain", "why.txt"], "writes .png"),
        (["--subject", "Eileen", photos.take, "--explain", out], "takes two pictures"),
        ([photos.portrait, photos.take, "--explain", photos.take / "why.png"], "cannot be written"),
    ):
        ran = facerec("verify", *words)
        assert ran.status == 2 and said in ran.err
