"""`facerec gallery remove`: people who are no longer enrolled."""

from __future__ import annotations

from dataclasses import asdict

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, say


@click.command()
@click.argument("subject")
@options.gallery
@answering
def remove(subject: str, gallery: str | None, as_json: bool) -> int:
    """Delete SUBJECT with all faces and templates; their bytes are overwritten."""
    gone = options.existing_gallery(gallery).remove(subject)
    say(
        as_json,
        f"{subject} removed: {gone.faces} faces, {gone.templates} templates",
        {"subject": subject, **asdict(gone)},
    )
    return FOUND
