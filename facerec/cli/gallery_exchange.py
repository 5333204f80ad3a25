"""`facerec gallery export | import`: the enrolled people as text, to be read by others or to go to another gallery."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, confirm, note, say
from facerec.cli.progress import Counter


@click.command()
@click.argument("file", type=options.pictures)
@options.gallery
@options.yes
@answering
def export(file: Path, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Write everybody enrolled to FILE: JSON, one subject per line, each line with its checksum.

    docs/gallery.md describes the format. It holds names and embeddings, so only you may read it.
    """
    opened = options.existing_gallery(gallery)
    if file.exists():
        confirm(f"Replace {file}?", yes)
    with Counter("exporting") as counter:
        done = opened.export(file, counter)
    say(as_json, f"{done.subjects} subjects, {done.templates} templates in {file}", {"file": str(file), **asdict(done)})
    if done.left_out:
        note(f"{done.left_out} damaged templates were left out: `facerec doctor` names their pictures")
    return FOUND


@click.command("import")
@click.argument("file", type=options.pictures)
@click.option("--merge", is_flag=True, help="A subject of the same name is the same person, and gets the templates.")
@options.gallery
@answering
def import_(file: Path, merge: bool, gallery: str | None, as_json: bool) -> int:
    """Store everybody of the export FILE who is not enrolled yet; the gallery is made if there is none.

    All of FILE is checked before the first is stored, and what was stopped is gone on with by starting it again. Those
    who were forgotten in this gallery are left out. Thresholds do not come along.
    """
    from facerec.gallery import open_gallery
    from facerec.gallery.arriving import survey, take_all_in
    from facerec.settings import default_gallery

    people = survey(file)
    with Counter("importing") as counter:
        done = take_all_in(open_gallery(gallery or default_gallery()), file, people, merge, counter)
    words = f"{done.subjects} new subjects, {done.stored} templates stored, {done.known} known"
    say(as_json, f"{words}{f', {done.erased} subjects forgotten here' if done.erased else ''}", asdict(done))
    return FOUND
