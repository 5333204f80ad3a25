"""`facerec gallery manifest`: which picture gave which embedding, to be compared between machines."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NOT_FOUND, answering, counted, say


@click.command()
@click.argument("target", type=options.pictures, metavar="FILE")
@click.option("--compare", is_flag=True, help="Read FILE, of another gallery, and say whether it is equal.")
@options.gallery
@options.encoder_of_gallery
@answering
def manifest(target: Path, compare: bool, gallery: str | None, encoder: str | None, as_json: bool) -> int:
    """Write the digests of every enrolled picture and of its embedding to FILE, one JSON object a line.

    It holds no name, no path and no embedding.

    Exit status: 0 written, or equal; 1 different.
    """
    from facerec.faces.encoder import Card, encoder_folder
    from facerec.recognition.manifest import compared, read_manifest, write_manifest
    from facerec.recognition.manifest import manifest as manifest_of

    opened = options.existing_gallery(gallery)
    digest = Card.read(encoder_folder(options.encoder_for(opened, encoder))).digest
    if not compare:
        count = write_manifest(opened, digest, target)
        say(as_json, counted(count, "template"), {"outcome": "written", "templates": count, "encoder": digest})
        return FOUND
    found = compared(manifest_of(opened, digest), read_manifest(target))
    words = "equal" if found.is_none else "different"
    numbers = f"{counted(found.equal, 'template')} equal, {found.different} different"
    apart = f"{found.only_first} only here, {found.only_second} only there"
    say(as_json, f"{words}: {numbers}, {apart}", {"outcome": words, **asdict(found), "encoder": digest})
    return FOUND if found.is_none else NOT_FOUND
