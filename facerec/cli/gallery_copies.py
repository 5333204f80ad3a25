"""`facerec gallery backup | restore`: the gallery as a whole."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, confirm, counted, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.gallery.copies import Copied


@click.command()
@click.argument("file", type=options.pictures)
@options.gallery
@options.yes
@answering
def backup(file: Path, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Copy the gallery to FILE, as it is at one moment, while others may go on writing.

    FILE is a gallery itself: look into it with --gallery FILE. It holds embeddings, so only you may read it.
    """
    from facerec.gallery.copies import backup as copy
    from facerec.settings import default_gallery

    if file.exists():
        confirm(f"Replace {file}?", yes)
    with Counter("copying") as counter:
        copied = copy(gallery or default_gallery(), file, counter)
    say(as_json, f"{held(copied)} in {file}", {"file": str(file), **as_answer(copied)})
    return FOUND


@click.command()
@click.argument("file", type=options.pictures)
@click.option("--plain", is_flag=True, help="Also where FILE is not encrypted and the gallery is, or may be.")
@options.gallery
@options.yes
@answering
def restore(file: Path, plain: bool, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Put the backup FILE in the place of the gallery, or where none is yet.

    Whoever reads meanwhile sees the old gallery or the new one. Subjects who were forgotten since the backup was made
    are not restored. A damaged gallery in the way is moved aside, not deleted.
    """
    from facerec.gallery.copies import restore as put_back
    from facerec.settings import default_gallery

    where = gallery or default_gallery()
    if Path(where).exists():
        confirm(f"Replace everything in {where} by what is in {file}?", yes)
    with Counter("restoring") as counter:
        copied = put_back(file, where, counter, plain)
    left_out = f"; {copied.erased} forgotten since, not restored" if copied.erased else ""
    say(as_json, f"{held(copied)} in {where}{left_out}", {"gallery": where, **as_answer(copied)})
    if copied.aside:
        note(f"the damaged gallery that was there is now {copied.aside}: delete it when nobody needs it any more")
    return FOUND


def held(copied: Copied) -> str:
    """What a copy holds, in words."""
    return f"{counted(copied.subjects, 'subject')}, {counted(copied.templates, 'template')}"


def as_answer(copied: Copied) -> dict[str, object]:
    """The same for --json."""
    return {**asdict(copied), "aside": str(copied.aside) if copied.aside else None}
