"""Photos grouped by person, written down: as a table, or as a folder with a copy of each photo under its people."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

from facerec.curation.by_person import Person, PhotosByPerson
from facerec.errors import InvalidInput
from facerec.replacing import replacing

COLUMNS = ("person", "file", "x1", "y1", "x2", "y2", "similarity", "outcome")
ONCE, FACELESS = "seen-once", "no-face"
"""Folders for people with a single photo, and for photos without a face."""


def write_table(found: PhotosByPerson, path: Path) -> None:
    """Write a CSV with a row per face, and one per photo that has none. Raises InvalidInput where it cannot be."""
    try:
        with replacing(path) as fresh, fresh.open("w", newline="", encoding="utf-8", errors="backslashreplace") as out:
            table = csv.writer(out)
            table.writerow(COLUMNS)
            table.writerows(table_rows(found))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def table_rows(found: PhotosByPerson) -> Iterator[tuple[object, ...]]:
    """The rows of the table, person by person."""
    for person in found.people:
        for face in person.faces:
            likeness = "" if face.similarity is None else f"{face.similarity:.4f}"
            yield person.number, face.file, *(f"{side:.1f}" for side in face.box), likeness, "face"
    for file in found.faceless:
        yield "", file, "", "", "", "", "", "no_face"
    for file, _ in found.refused:
        yield "", file, "", "", "", "", "", "bad_image"


def require_new(target: Path, folder: Path) -> None:
    """Raise InvalidInput unless `target` is empty or not there yet, and outside of the folder that is looked at."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InvalidInput(f"{target} is there already: name a folder that is new or empty")
    if target.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(f"{target} lies in {folder}: the copies would be found as photos the next time")


def file_photos(found: PhotosByPerson, folder: Path, target: Path) -> None:
    """Copy each photo of `folder` under each of its people: `target/person-001/where/it/was.jpg`.

    People with one photo share a folder, and so do photos without a face. Raises InvalidInput as `require_new`, and
    where a copy cannot be written.
    """
    require_new(target, folder)
    for name, file in placed(found):
        copy = target / name / file.relative_to(folder)
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        except OSError as error:
            raise InvalidInput(f"{file} cannot be copied to {copy}: {error.strerror}") from error


def placed(found: PhotosByPerson) -> Iterator[tuple[str, Path]]:
    """(folder, photo) of every copy to make."""
    for person in found.people:
        for file in person.files:
            yield place_of(person), file
    for file in found.faceless:
        yield FACELESS, file


def place_of(person: Person) -> str:
    """The folder that holds a person's photos."""
    return f"person-{person.number:03d}" if len(person.files) > 1 else ONCE
