"""`facerec gallery health`: what is found, how it is said, and that nothing is changed by looking."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Photos


@pytest.fixture
def twice(facerec, photos: Photos, tmp_path: Path) -> Path:
    """One person under two names, one of which a page must not take for HTML; the file of the second picture."""
    own = tmp_path / "take.png"
    shutil.copy(photos.take, own)
    facerec("enroll", "Eileen", photos.portrait, own)
    split(facerec, "<i>Collins</i>")
    return own


def split(facerec, name: str, *options: object) -> None:
    """Give Eileen's second picture another name, which an enrollment would refuse."""
    _, face = facerec("gallery", "show", "Eileen", "--json", *options).answers
    assert facerec("gallery", "move-face", face["id"], name, *options).status == 0


def test_one_person_under_two_names_is_found_and_put_right(facerec, twice: Path) -> None:
    before = facerec("gallery", "stats", "--json").answers
    ran = facerec("gallery", "health")
    assert ran.status == 0 and ran.out.startswith("duplicate: ")
    assert (
        "\n2 subjects, 2 faces: 0 same_picture, 1 duplicate, 0 mislabelled, 0 outlier, 0 low_quality, 0 look_alike\n"
        in ran.out
    )
    (answer,) = facerec("gallery", "health", "--json").answers
    (finding,) = answer["findings"]
    assert set(finding["subjects"]) == {"Eileen", "<i>Collins</i>"}
    assert finding["similarity"] >= finding["threshold"] == answer["thresholds"]["same"]["threshold"]
    assert answer["thresholds"]["same"]["evidence"] and answer["counts"]["duplicate"] == 1
    assert answer["expected_wrong"] == pytest.approx(answer["thresholds"]["same"]["fmr"])  # of one pair
    assert facerec("gallery", "stats", "--json").answers == before
    assert finding["commands"][0].startswith("facerec gallery merge ")
    assert facerec("gallery", "merge", *finding["subjects"], "--yes").status == 0
    assert facerec("gallery", "health").out.startswith("1 subjects, 2 faces: 0 same_picture, 0 duplicate")


def test_the_page_holds_the_pictures_and_says_which_are_gone(facerec, twice: Path, tmp_path: Path) -> None:
    assert facerec("gallery", "health", "--html", tmp_path / "health.html").status == 0
    page = (tmp_path / "health.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2 and "One person, two names" in page
    assert "<i>Collins" not in page and "&lt;i&gt;Collins" in page
    twice.unlink()
    facerec("gallery", "health", "--html", tmp_path / "health.html")
    page = (tmp_path / "health.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1 and "cannot be read any more" in page


def test_commands_name_the_gallery_that_was_named(facerec, photos: Photos, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    facerec("enroll", "Eileen", photos.portrait, photos.take, "--gallery", other)
    split(facerec, "Collins", "--gallery", other)
    (answer,) = facerec("gallery", "health", "--gallery", other, "--json").answers
    assert f"--gallery {other}" in answer["findings"][0]["commands"][0]


@pytest.mark.parametrize(
    "words, said",
    [
        (["--target-fpir", "0"], "not in the range"),
        (["--gallery", "none.db"], "none.db"),
        (["--encoder", "nobody"], "no encoder 'nobody'"),
    ],
)
def test_wrong_use_ends_with_two_and_says_why(facerec, twice: Path, words: list[str], said: str) -> None:
    ran = facerec("gallery", "health", *words)
    assert ran.status == 2 and said in ran.err


def test_a_page_that_cannot_be_written_is_said(facerec, twice: Path, tmp_path: Path) -> None:
    ran = facerec("gallery", "health", "--html", twice / "page.html")
    assert ran.status == 2 and "cannot be written" in ran.err
