"""`facerec duplicates`: copies of one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.curation.copies import Copies, PictureFile


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@answering
def duplicates(folder: Path, as_json: bool) -> int:
    """Find pictures in DIR, and the folders below it, that are there more than once.

    Files of the same bytes, and pictures that look the same: resized, saved again, or slightly changed in brightness.
    A mirrored, turned or clearly cut picture is another one, and so is another photo of the same person: `facerec
    cluster` is for those. The largest of each group is named first. Nothing is deleted.
    """
    from facerec.curation.copies import find_copies

    with Counter("pictures") as progress:
        found = find_copies(folder, progress)
    for group in found.groups:
        say(as_json, group_in_words(group), as_dict(group))
    for file, reason in found.refused:
        note(reason)
        if as_json:
            say(True, "", {"file": str(file), "outcome": "bad_image", "reason": reason})
    if not as_json:
        copies = sum(len(group.copies) for group in found.groups)
        say(False, f"{copies} of {found.pictures} pictures are copies of a larger or equal one", {})
    return FOUND


def group_in_words(group: Copies) -> str:
    """The picture to keep, and a line for each copy."""
    lines = [f"{group.keep.file}  {group.keep.width}x{group.keep.height}"]
    for copy in group.copies:
        looks = "the same bytes" if copy.kind == "same_bytes" else f"looks the same, {copy.distance} of 256 bits differ"
        lines.append(f"  {copy.picture.file}  {copy.picture.width}x{copy.picture.height}  {looks}")
    return "\n".join(lines)


def as_dict(group: Copies) -> dict[str, Any]:
    """A group as an object."""
    copies = [{**described(copy.picture), "kind": copy.kind, "bits_apart": copy.distance} for copy in group.copies]
    return {"outcome": "found", "keep": described(group.keep), "copies": copies}


def described(picture: PictureFile) -> dict[str, Any]:
    """A picture file as an object."""
    return {"file": str(picture.file), "width": picture.width, "height": picture.height, "bytes": picture.bytes}
