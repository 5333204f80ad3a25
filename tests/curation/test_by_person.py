"""A folder of photos, person by person, over fakes whose every answer can be foretold."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from facerec.curation.by_person import PhotosByPerson, photos_by_person, typical
from facerec.curation.filing import COLUMNS, file_photos, write_table
from facerec.errors import InvalidInput
from tests import fakes
from tests.fakes import ANNA, BERT, CARL, save_picture
from tests.people import clusters

POINT = fakes.points().at_fmr(1e-3)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Anna three times, once with Bert, who is there twice; Carl once; nobody; and a file that is no picture."""
    folder = tmp_path / "photos"
    for name, people in {
        "a.png": (ANNA,), "b.png": (BERT, ANNA), "trip/c.png": (ANNA,), "trip/d.png": (BERT,), "e.png": (CARL,),
        "view.png": (None,),
    }.items():  # fmt: skip
        save_picture(folder / name, *people)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def grouped(photos: Path) -> PhotosByPerson:
    return photos_by_person(photos, fakes.pipeline(), POINT)


def test_faces_of_one_person_lie_together_and_the_most_frequent_comes_first(photos: Path) -> None:
    found = grouped(photos)
    names = [[str(file.relative_to(photos)) for file in person.files] for person in found.people]
    assert [sorted(files) for files in names] == [["a.png", "b.png", "trip/c.png"], ["b.png", "trip/d.png"], ["e.png"]]
    assert [person.number for person in found.people] == [1, 2, 3]
    assert {face.box[0] for face in found.people[0].faces if face.file.name == "b.png"} == {130}
    assert found.faceless == (photos / "view.png",) and [file.name for file, _ in found.refused] == ["broken.jpg"]


def test_a_face_says_how_like_the_others_it_is_and_a_single_one_does_not(photos: Path) -> None:
    anna, _, carl = grouped(photos).people
    assert [face.similarity for face in anna.faces] == pytest.approx([1, 1, 1], abs=1e-5)
    assert [face.similarity for face in carl.faces] == [None]


def test_typical_is_the_mean_similarity_to_the_others() -> None:
    rows, _ = clusters(np.random.default_rng(0), [5])
    alike = rows @ rows.T
    slow = [alike[row, np.arange(5) != row].mean() for row in range(5)]
    np.testing.assert_allclose(typical(rows), slow, atol=1e-5)
    assert typical(rows[:1]) == pytest.approx([0], abs=1e-6)


def test_the_table_has_every_face_and_every_photo_without_one(photos: Path, tmp_path: Path) -> None:
    write_table(grouped(photos), tmp_path / "people.csv")
    header, *rows = csv.reader((tmp_path / "people.csv").read_text().splitlines())
    assert tuple(header) == COLUMNS and len(rows) == 8
    assert [row[0] for row in rows] == ["1", "1", "1", "2", "2", "3", "", ""]
    assert [row[-1] for row in rows[-2:]] == ["no_face", "bad_image"]


def test_copies_lie_under_each_of_their_people(photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "sorted"
    file_photos(grouped(photos), photos, target)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*.png")) == [
        "no-face/view.png", "person-001/a.png", "person-001/b.png", "person-001/trip/c.png", "person-002/b.png",
        "person-002/trip/d.png", "seen-once/e.png",
    ]  # fmt: skip
    assert (target / "person-002" / "b.png").read_bytes() == (photos / "b.png").read_bytes()


def test_copies_take_no_place_that_is_taken(photos: Path, tmp_path: Path) -> None:
    found = grouped(photos)
    with pytest.raises(InvalidInput, match="lies in"):
        file_photos(found, photos, photos / "sorted")
    with pytest.raises(InvalidInput, match="new or empty"):
        file_photos(found, photos, photos / "trip")
    with pytest.raises(InvalidInput, match="new or empty"):
        file_photos(found, photos, photos / "a.png")


def test_a_folder_of_views_has_no_people(tmp_path: Path) -> None:
    save_picture(tmp_path / "photos" / "view.png", None)
    found = grouped(tmp_path / "photos")
    assert found.people == () and len(found.faceless) == 1
