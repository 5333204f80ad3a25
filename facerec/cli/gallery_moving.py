"""`facerec gallery move`: from a file to a server, or back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, counted, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.gallery.moving import Moved


@click.command()
@click.argument("target", metavar="URL|PATH")
@options.gallery
@answering
def move(target: str, gallery: str | None, as_json: bool) -> int:
    """Copy everything in the gallery to an empty database on a server, or to a new file, and compare both.

    URL is like postgresql://USER@HOST/DATABASE. The gallery that is moved stays as it is; nobody may write to it
    meanwhile. What was stopped is gone on with by starting it again.
    """
    from facerec.gallery.moving import move as move_to
    from facerec.settings import default_gallery

    with Counter("moving") as counter:
        moved = move_to(gallery or default_gallery(), target, counter)
    say(as_json, words(moved), asdict(moved))
    if moved.dropped_index and not as_json:
        note(f"a file has no server that searches it (index {moved.dropped_index}): it is searched exactly now; "
             "`facerec gallery index` chooses another way")  # fmt: skip
    note("name the new place by --gallery or FACEREC_GALLERY, and delete the old one once it is not needed")
    return FOUND


def words(moved: Moved) -> str:
    """What went over."""
    held = f"{counted(moved.subjects, 'subject')}, {counted(moved.templates, 'template')}"
    return f"{held}; {counted(moved.rows, 'row')} counted and compared"
