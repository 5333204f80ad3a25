"""`facerec gallery remove-face | move-face | merge`: putting right what `facerec gallery health` has found."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, confirm, counted, note, say
from facerec.cli.gallery_leaving import LOG_IS_LEFT

if TYPE_CHECKING:
    from facerec.gallery.results import MendResult


@click.command("remove-face")
@click.argument("face", type=int)
@options.gallery
@options.yes
@answering
def remove_face(face: int, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Delete one enrolled FACE, by its number in `gallery show`; its bytes are overwritten.

    A subject goes with its last face.
    """
    opened = options.existing_gallery(gallery)
    confirm(f"Delete face {face} from {opened}?", yes)
    return answer(opened.forget_face(face), as_json)


@click.command("move-face")
@click.argument("face", type=int)
@click.argument("subject")
@options.gallery
@answering
def move_face(face: int, subject: str, gallery: str | None, as_json: bool) -> int:
    """Give the enrolled FACE, by its number in `gallery show`, to SUBJECT, who is enrolled already or new."""
    return answer(options.existing_gallery(gallery).move_face(face, subject), as_json)


@click.command()
@click.argument("subject")
@click.argument("into")
@options.gallery
@options.yes
@answering
def merge(subject: str, into: str, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Give all faces of SUBJECT to the subject INTO: one person who was enrolled under two names."""
    opened = options.existing_gallery(gallery)
    confirm(f"Are {subject} and {into} in {opened} one person? Afterwards nobody can tell them apart.", yes)
    return answer(opened.merge(subject, into), as_json)


def answer(mended: MendResult, as_json: bool) -> int:
    """Say what became of the faces."""
    done = f"given to {mended.into}" if mended.into else "deleted"
    last = f"; {mended.subject} is no longer enrolled" if mended.is_gone else ""
    say(as_json, f"{counted(mended.faces, 'face')} of {mended.subject} {done}{last}", asdict(mended))
    if not mended.is_log_empty:
        note(LOG_IS_LEFT)
    return FOUND
