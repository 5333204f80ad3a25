"""`enroll`, `identify`, `precompute`, `gallery`: from an empty gallery to an empty one again."""

from __future__ import annotations

import shutil
from pathlib import Path

from facerec import images
from tests.cli.conftest import Photos


def test_one_photo_enrolls_and_another_is_identified(facerec, photos: Photos) -> None:
    assert facerec("enroll", "Eileen", photos.portrait).out == "1 enrolled, 0 already enrolled, 0 refused\n"
    ran = facerec("identify", photos.take)
    assert ran.status == 0 and "Eileen, similarity" in ran.out
    (answer,) = facerec("identify", photos.take, "--json").answers
    assert {"file", "box", "outcome", "subject", "similarity", "threshold", "enrolled", "fpir"} <= answer.keys()
    assert (answer["outcome"], answer["subject"], answer["file"]) == ("match", "Eileen", str(photos.take))


def test_every_face_is_answered_and_drawn(facerec, photos: Photos, tmp_path: Path) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    drawn = tmp_path / "drawn.png"
    ran = facerec("identify", photos.pair, "--json", "--draw", drawn)
    assert [answer["subject"] for answer in ran.answers] == ["Eileen", "Eileen"]
    assert images.load(drawn).shape == images.load(photos.pair).shape
    assert (images.load(drawn) != images.load(photos.pair)).any()


def test_an_empty_gallery_knows_nobody(facerec, photos: Photos) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    facerec("gallery", "remove", "Eileen", "--yes")
    ran = facerec("identify", photos.portrait, "--json")
    assert ran.status == 1 and ran.answers[0]["outcome"] == "unknown" and ran.answers[0]["similarity"] is None


def test_one_picture_without_an_answer_does_not_hide_the_others(facerec, photos: Photos, tmp_path: Path) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    ran = facerec("identify", photos.cat, tmp_path / "missing.jpg", photos.take, "--json")
    assert ran.status == 2
    assert [answer["outcome"] for answer in ran.answers] == ["no_face", "bad_image", "match"]


def test_a_folder_is_precomputed_once(facerec, photos: Photos, tmp_path: Path) -> None:
    people = tmp_path / "people"
    for name, photo in (("Eileen", photos.portrait), ("Eileen", photos.take), ("Cat", photos.cat)):
        (people / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, people / name)
    first = facerec("precompute", people)
    assert first.status == 2 and first.out.endswith("2 enrolled, 0 already enrolled, 1 refused\n")
    assert "cat.jpg: no_face" in first.err
    again = facerec("precompute", people, "--json")
    assert sorted(answer["outcome"] for answer in again.answers) == ["already_enrolled", "already_enrolled", "no_face"]
    assert facerec("enroll", "--from", people).out.endswith("0 enrolled, 2 already enrolled, 1 refused\n")


def test_a_gallery_is_listed_shown_renamed_and_emptied(facerec, photos: Photos) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    assert facerec("gallery", "list").out.startswith("Eileen  1 face, since ")
    assert facerec("gallery", "show", "Eileen", "--json").answers[0]["source"] == str(photos.portrait)
    assert facerec("gallery", "rename", "Eileen", "Collins").status == 0
    assert [row["name"] for row in facerec("gallery", "list", "--json").answers] == ["Collins"]
    assert facerec("gallery", "stats", "--json").answers[0]["subjects"] == 1
    assert facerec("gallery", "remove", "Collins", "--yes").status == 0
    assert facerec("gallery", "list").out == ""
    ran = facerec("gallery", "remove", "Collins")
    assert ran.status == 2 and "Collins is not enrolled" in ran.err


def test_a_gallery_that_is_not_there_is_not_made_by_looking(facerec, tmp_path: Path) -> None:
    ran = facerec("gallery", "list", "--gallery", tmp_path / "none.db")
    assert ran.status == 2 and "none.db" in ran.err and not (tmp_path / "none.db").exists()


def test_asking_about_a_gallery_that_is_not_there_is_no_answer(facerec, photos: Photos, tmp_path: Path) -> None:
    for words in (["identify", photos.portrait], ["verify", "--subject", "Eileen", photos.portrait]):
        ran = facerec(*words, "--gallery", tmp_path / "typo.db")
        assert ran.status == 2 and "typo.db" in ran.err and not (tmp_path / "typo.db").exists()


def test_enroll_says_how_it_is_used(facerec, tmp_path: Path, photos: Photos) -> None:
    for words in (["enroll"], ["enroll", "Eileen"], ["enroll", "Eileen", photos.portrait, "--from", tmp_path]):
        ran = facerec(*words)
        assert ran.status == 2 and "give NAME and at least one PHOTO, or --from DIR" in ran.err
    ran = facerec("enroll", "--from", tmp_path / "nowhere")
    assert ran.status == 2 and "is no folder" in ran.err
    (tmp_path / "empty").mkdir()
    assert "one folder per subject" in facerec("enroll", "--from", tmp_path / "empty").err
    assert facerec("enroll", "bad\nname", photos.portrait).status == 2


def test_every_answer_carries_the_schema_of_answers(facerec, photos: Photos) -> None:
    facerec("enroll", "Eileen", photos.portrait)
    for words in (["stats"], ["list"], ["show", "Eileen"]):
        assert [answer["schema"] for answer in facerec("gallery", *words, "--json").answers] == [1]
    assert {answer["schema"] for answer in facerec("encoders", "--json").answers} == {1}


def test_a_drawing_never_takes_the_place_of_the_photo(facerec, photos: Photos, tmp_path: Path) -> None:
    own = tmp_path / "own.jpg"
    shutil.copy(photos.portrait, own)
    ran = facerec("identify", own, "--draw", own)
    assert ran.status == 2 and "would overwrite" in ran.err and own.read_bytes() == photos.portrait.read_bytes()
    assert facerec("identify", own, "--draw", tmp_path / "out.txt").status == 2


def test_words_beside_from_are_refused(facerec, photos: Photos, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    assert (
        "give NAME and at least one PHOTO, or --from DIR" in facerec("enroll", "X", "--from", tmp_path / "people").err
    )
