"""`facerec gallery remove | forget`: people who are no longer enrolled."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, confirm, counted, note, say

if TYPE_CHECKING:
    from facerec.gallery.results import RemoveResult

LOG_IS_LEFT = "somebody was reading all the while: the database's log keeps the bytes until the last reader is done"


@click.command()
@click.argument("subject")
@options.gallery
@options.yes
@answering
def remove(subject: str, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Delete SUBJECT with all faces and templates; their bytes are overwritten.

    A backup that still holds SUBJECT can bring it back: see `forget`.
    """
    opened = options.existing_gallery(gallery)
    confirm(f"Delete {subject} with {counted(len(opened.show(subject).faces), 'face')} from {opened}?", yes)
    return answer(subject, "removed", opened.remove(subject), as_json)


@click.command()
@click.argument("subject")
@options.gallery
@options.yes
@answering
def forget(subject: str, gallery: str | None, yes: bool, as_json: bool) -> int:
    """Delete SUBJECT for good: no backup or export that still holds it brings it back into this gallery.

    Besides what `remove` deletes, the erasure is remembered in the gallery and in the file GALLERY.erased beside it, as
    a digest that names nobody. Keep that file where the backups are: `restore` and `import` obey it.
    """
    opened = options.existing_gallery(gallery)
    confirm(f"Forget {subject} with {counted(len(opened.show(subject).faces), 'face')} in {opened}, for good?", yes)
    return answer(subject, "forgotten", opened.forget(subject), as_json)


def answer(subject: str, what: str, gone: RemoveResult, as_json: bool) -> int:
    """Say what went."""
    words = f"{subject} {what}: {counted(gone.faces, 'face')}, {counted(gone.templates, 'template')}"
    say(as_json, words, {"subject": subject, **asdict(gone)})
    if not gone.is_log_empty:
        note(LOG_IS_LEFT)
    return FOUND
