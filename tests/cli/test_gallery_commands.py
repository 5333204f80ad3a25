"""`enroll`, `identify`, `precompute`, `gallery`: from an empty gallery to an empty one again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facerec import images, runtime
from facerec.recognition import looking
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
    assert first.err == f"facerec: no_face: no face found in {people / 'Cat' / 'cat.jpg'}\n"
    again = facerec("precompute", people, "--json")
    assert sorted(answer["outcome"] for answer in again.answers) == ["already_enrolled", "already_enrolled", "no_face"]
    assert facerec("enroll", "--from", people).out.endswith("0 enrolled, 2 already enrolled, 1 refused\n")


def test_no_more_workers_begin_than_there_are_batches(facerec, photos: Photos, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "people" / "Eileen").mkdir(parents=True)
    shutil.copy(photos.portrait, tmp_path / "people" / "Eileen")
    monkeypatch.setattr(looking, "pool", lambda *_: pytest.fail("one picture needs no process"))
    assert facerec("precompute", tmp_path / "people", "--workers", 8).status == 0


@pytest.mark.parametrize("device, begun", [("cpu", 1), ("cuda", 2)])
def test_workers_that_decode_for_a_gpu_share_a_batch(
    facerec, photos: Photos, tmp_path: Path, monkeypatch, device: str, begun: int
) -> None:
    (tmp_path / "people" / "Eileen").mkdir(parents=True)
    for photo in (photos.portrait, photos.take):
        shutil.copy(photo, tmp_path / "people" / "Eileen")
    asked: list[int] = []

    def here(pipeline, recipe, workers, device, engine):
        asked.append(workers)
        return looking.Here(pipeline, recipe.face)

    monkeypatch.setattr(looking, "looker_for", here)
    monkeypatch.setattr(runtime, "use", lambda **_: None)
    assert facerec("precompute", tmp_path / "people", "--workers", 8, "--device", device).status == 0
    assert asked == [begun]


def test_what_is_mistyped_makes_no_gallery_and_no_folder_and_is_said_before_any_picture_is_looked_at(
    facerec, photos: Photos, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    (people / "Eileen").mkdir(parents=True)
    shutil.copy(photos.portrait, people / "Eileen")
    for words in (("precompute", tmp_path / "peopel"), ("enroll", "--from", tmp_path / "peopel")):
        assert "is no folder" in facerec(*words).err
    for target, why in ((tmp_path / "nodir" / "x.jsonl", "there is no folder"), ("/proc/x.jsonl", "cannot be written")):
        ran = facerec("precompute", people, "--manifest", target)
        assert ran.status == 2 and ran.out == "" and why in ran.err
    assert not (tmp_path / "gallery.db").exists() and not (tmp_path / "nodir").exists()
    ran = facerec("precompute", people, "--manifest", tmp_path / "x.jsonl")
    assert ran.status == 0 and ran.err == f"facerec: {tmp_path / 'x.jsonl'} names 1 template\n"
    assert "cannot be written" in facerec("gallery", "manifest", "/proc/x.jsonl").err


def test_what_of_a_folder_is_passed_over_is_said(facerec, photos: Photos, tmp_path: Path) -> None:
    people = tmp_path / "people"
    for name in ("Eileen", "Empty", "Nested/deeper", ".hidden"):
        (people / name).mkdir(parents=True)
    shutil.copy(photos.portrait, people / "Eileen")
    clean = facerec("enroll", "--from", people, "--json", "--gallery", tmp_path / "clean.db")
    assert clean.err == f"facerec: of {people} is passed over: folders without a picture (2)\n"
    for target in (people / "1.jpg", people / "2.jpg", people / ".3.jpg"):
        shutil.copy(photos.take, target)
    (people / "Nested" / "link").symlink_to(people / "Eileen")
    (people / "Linked").symlink_to(people / "Eileen")
    ran = facerec("precompute", people)
    assert ran.out == "1 enrolled, 0 already enrolled, 0 refused\n"
    assert ran.err == (
        f"facerec: of {people} is passed over: pictures of no subject, directly in it (2), linked folders (2), "
        "folders without a picture (2)\n"
    )


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


@pytest.fixture
def eileen(facerec, photos: Photos) -> None:
    """One subject in the default gallery."""
    assert facerec("enroll", "Eileen", photos.portrait).status == 0


def test_what_destroys_something_asks_first_and_where_nobody_can_answer_does_nothing(facerec, eileen, tmp_path) -> None:
    kept = tmp_path / "kept"
    assert facerec("gallery", "backup", kept).out == f"1 subject, 1 template in {kept}\n"
    for words in (["remove", "Eileen"], ["forget", "Eileen"], ["restore", kept], ["backup", kept], ["export", kept]):
        ran = facerec("gallery", *words)
        assert ran.status == 2 and "Say --yes" in ran.err, words
    assert facerec("gallery", "list").out.startswith("Eileen")


@pytest.mark.parametrize("answer, left", [("n\n", 1), ("", 1), ("y\n", 0)])
def test_somebody_at_a_terminal_is_asked(facerec, eileen, monkeypatch, answer: str, left: int) -> None:
    monkeypatch.setattr("facerec.cli.answers.can_answer", lambda: True)
    ran = facerec("gallery", "remove", "Eileen", input=answer)
    assert "Delete Eileen with 1 face from" in ran.err and ran.status == (0 if left == 0 else 2)
    assert len(facerec("gallery", "list", "--json").answers) == left


def test_a_backup_is_restored_without_those_who_were_forgotten(facerec, eileen, photos: Photos, tmp_path) -> None:
    assert facerec("enroll", "Take", photos.take, "--force").status == 0
    kept = tmp_path / "kept"
    assert facerec("gallery", "backup", kept, "--json").answers[0]["subjects"] == 2
    (gone,) = facerec("gallery", "forget", "Take", "--yes", "--json").answers
    assert (gone["subject"], gone["templates"], gone["is_log_empty"]) == ("Take", 1, True)
    assert facerec("gallery", "list", "--gallery", kept).out.count("\n") == 2
    (restored,) = facerec("gallery", "restore", kept, "--yes", "--json").answers
    assert (restored["subjects"], restored["erased"], restored["aside"]) == (1, 1, None)
    assert facerec("identify", photos.portrait, "--json").answers[0]["subject"] == "Eileen"
    (tmp_path / "gallery.db").write_bytes(b"nothing of the kind" * 300)
    unsure = facerec("gallery", "restore", kept, "--yes")
    assert unsure.status == 2 and "--plain" in unsure.err
    ran = facerec("gallery", "restore", kept, "--yes", "--plain")
    assert ran.status == 0 and "gallery.db.damaged-" in ran.err
    assert facerec("gallery", "restore", tmp_path / "nowhere", "--yes").status == 2


def test_people_go_to_another_gallery_as_text(facerec, eileen, photos: Photos, tmp_path) -> None:
    people, other = tmp_path / "people.jsonl", tmp_path / "other.db"
    assert facerec("gallery", "export", people).out == f"1 subjects, 1 templates in {people}\n"
    ran = facerec("gallery", "import", people, "--gallery", other)
    assert ran.out == "1 new subjects, 1 templates stored, 0 known\n"
    assert facerec("gallery", "import", people, "--gallery", other, "--json").answers[0]["known"] == 1
    assert facerec("identify", photos.take, "--gallery", other, "--json").answers[0]["subject"] == "Eileen"
    facerec("gallery", "forget", "Eileen", "--yes")
    assert facerec("gallery", "import", people).out.endswith("1 subjects forgotten here\n")


def test_a_wrong_file_is_said_and_makes_no_gallery(facerec, photos: Photos, tmp_path) -> None:
    other = tmp_path / "other.db"
    for file in (photos.portrait, tmp_path, tmp_path / "nowhere"):
        ran = facerec("gallery", "import", file, "--gallery", other)
        assert ran.status == 2 and not other.exists()
        ran = facerec("gallery", "restore", file, "--gallery", other)
        assert ran.status == 2 and not other.exists()
