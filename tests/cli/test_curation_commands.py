"""`cluster` and `duplicates`, as a shell runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facerec import images
from tests.cli.conftest import Photos


@pytest.fixture
def album(photos: Photos, tmp_path: Path) -> Path:
    """A portrait, another take of it, both side by side, a copy, and a cat."""
    folder = tmp_path / "album"
    folder.mkdir()
    for photo in (photos.portrait, photos.take, photos.pair, photos.cat):
        shutil.copy(photo, folder)
    shutil.copy(photos.cat, folder / "cat-again.jpg")
    return folder


def test_photos_are_grouped_by_person(facerec, album: Path, tmp_path: Path) -> None:
    ran = facerec("cluster", album, "--json", "-o", tmp_path / "sorted")
    person, cat, again = ran.answers
    assert ran.status == 0
    assert (person["person"], person["photos"], len(person["faces"])) == (1, 3, 4)
    assert person["faces"][0].keys() == {"file", "box", "similarity"} and person["fmr"] == pytest.approx(1e-3, rel=0.1)
    assert cat["outcome"] == again["outcome"] == "no_face"
    assert len(list((tmp_path / "sorted" / "person-001").iterdir())) == 3
    text = facerec("cluster", album, "-o", tmp_path / "people.csv").out
    assert text.startswith("person 1  4 faces  ") and "no face  " in text
    assert len((tmp_path / "people.csv").read_text().splitlines()) == 7


def test_copies_are_found_and_other_takes_are_not(facerec, album: Path) -> None:
    images.save(images.load(album / "portrait.jpg")[::2, ::2].copy(), album / "small.png")
    (album / "broken.png").write_bytes(b"")
    ran = facerec("duplicates", album, "--json")
    found = {Path(group["keep"]["file"]).name: group["copies"] for group in ran.answers if group["outcome"] == "found"}
    assert {name: [(Path(copy["file"]).name, copy["kind"]) for copy in copies] for name, copies in found.items()} == {
        "portrait.jpg": [("small.png", "near")], "cat-again.jpg": [("cat.jpg", "same_bytes")]
    }  # fmt: skip
    assert ran.status == 0 and ran.answers[-1]["outcome"] == "bad_image" and "broken.png" in ran.err
    assert facerec("duplicates", album).out.endswith("2 of 6 pictures are copies of a larger or equal one\n")


@pytest.mark.parametrize("command", ["cluster", "duplicates"])
def test_a_folder_is_needed_with_pictures_in_it(facerec, tmp_path: Path, photos: Photos, command: str) -> None:
    (tmp_path / "empty").mkdir()
    for place, said in (("nowhere", "is no folder"), ("empty", "no pictures in")):
        ran = facerec(command, tmp_path / place)
        assert ran.status == 2 and said in ran.err
    assert "is no folder" in facerec(command, photos.cat).err


def test_cluster_writes_over_nothing_and_names_the_measured_rates(facerec, album: Path, tmp_path: Path) -> None:
    assert "new or empty" in facerec("cluster", album, "-o", album).err
    assert "lies in" in facerec("cluster", album, "-o", album / "sorted").err
    ran = facerec("cluster", album, "--fmr", 0.5)
    assert ran.status == 2 and "measured: 0.1" in ran.err


def test_a_gallery_is_put_right_face_by_face(facerec, photos: Photos) -> None:
    facerec("enroll", "Eileen", photos.portrait, photos.take)
    first, second = (face["id"] for face in facerec("gallery", "show", "Eileen", "--json").answers)
    assert facerec("gallery", "show", "Eileen").out.startswith(f"{first}  {photos.portrait} [")
    assert facerec("gallery", "move-face", second, "Collins").out == "1 face of Eileen given to Collins\n"
    assert [row["name"] for row in facerec("gallery", "list", "--json").answers] == ["Collins", "Eileen"]
    ran = facerec("gallery", "merge", "Collins", "Eileen")
    assert ran.status == 2 and "Say --yes" in ran.err
    ran = facerec("gallery", "merge", "Collins", "Eileen", "--yes")
    assert ran.out == "1 face of Collins given to Eileen; Collins is no longer enrolled\n"
    (answer,) = facerec("gallery", "remove-face", first, "--json", "--yes").answers
    assert (answer["subject"], answer["into"], answer["faces"], answer["is_gone"]) == ("Eileen", None, 1, False)
    ran = facerec("gallery", "remove-face", first, "--yes")
    assert ran.status == 2 and f"no face {first}" in ran.err
