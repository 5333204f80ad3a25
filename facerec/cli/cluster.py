"""`facerec cluster`: photos by person, where nobody has said who is on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.curation.by_person import Person, PhotosByPerson

NAMED = 5
"""Photos of a person that a line of text names."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv|DIR",
    help="Also write a table with a row per face, or copies of the photos into a new folder, one folder per person.",
)  # fmt: skip
@click.option(
    "--fmr", type=float, default=0.001, show_default=True,
    help="Join groups while they are as alike as a verification at this measured rate wants. Higher: larger groups.",
)  # fmt: skip
@options.detector
@options.encoder
@answering
def cluster(folder: Path, output: Path | None, fmr: float, detector: str, encoder: str, as_json: bool) -> int:
    """Group the photos in DIR, and the folders below it, by person. Nobody needs to be enrolled.

    \b
      facerec cluster photos/ -o people.csv
      facerec cluster photos/ -o sorted/       # sorted/person-001/..., sorted/seen-once/..., sorted/no-face/...

    A photo with several faces belongs to several people. Nothing in DIR is changed.
    """
    from facerec.curation.by_person import photos_by_person
    from facerec.curation.filing import file_photos, require_new, write_table
    from facerec.recognition import Recognizer

    is_table = output is not None and output.suffix.lower() == ".csv"
    if output and not is_table:
        require_new(output, folder)
    recognizer = Recognizer.open(detector=detector, encoder=encoder)
    with Counter("photos") as progress:
        found = photos_by_person(folder, recognizer.pipeline, recognizer.points.at_fmr(fmr), progress)
    if output and is_table:
        write_table(found, output)
    elif output:
        file_photos(found, folder, output)
    answer(found, as_json)
    return FOUND


def answer(found: PhotosByPerson, as_json: bool) -> None:
    """Say who was found, what has no face, and what could not be read."""
    for person in found.people:
        say(as_json, person_in_words(person), person_as_dict(person, found))
    for file in found.faceless:
        say(as_json, f"no face  {file}", {"file": str(file), "outcome": "no_face"})
    for file, reason in found.refused:
        note(reason)
        if as_json:
            say(True, "", {"file": str(file), "outcome": "bad_image", "reason": reason})


def person_in_words(person: Person) -> str:
    """A line: how many faces, and on which photos."""
    named = ", ".join(str(file) for file in person.files[:NAMED])
    more = f" and {len(person.files) - NAMED} more" if len(person.files) > NAMED else ""
    return f"person {person.number}  {len(person.faces)} face{'s' * (len(person.faces) != 1)}  {named}{more}"


def person_as_dict(person: Person, found: PhotosByPerson) -> dict[str, Any]:
    """One person as an object, with the threshold that joined the faces."""
    faces = [{"file": str(face.file), "box": face.box, "similarity": face.similarity} for face in person.faces]
    return {
        "outcome": "found", "person": person.number, "photos": len(person.files), "faces": faces,
        "threshold": found.point.threshold, "fmr": found.point.fmr, "encoder": found.point.encoder,
    }  # fmt: skip
