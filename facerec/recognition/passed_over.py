"""What a folder of subjects holds that is nobody's picture, with numbers: nothing may be missing unsaid."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from facerec import images


def passed_over(folder: Path, subjects: Collection[str]) -> list[tuple[str, int]]:
    """What `folder_samples` leaves out, and how many; `subjects` are the folders that it found pictures in."""
    inside = [one for one in folder.iterdir() if not one.name.startswith(".")]
    loose = [one for one in inside if images.is_picture_name(one) and one.is_file()]
    empty = [one for one in inside if one.is_dir() and not one.is_symlink() and one.name not in subjects]
    counts = [
        ("pictures of no subject, directly in it", len(loose)),
        ("linked folders", len(list(_linked(folder)))),
        ("folders without a picture", len(empty)),
    ]
    return [(what, count) for what, count in counts if count]


def _linked(folder: Path) -> Iterator[Path]:
    """The folders that are not entered, since they are links: they may lead anywhere, and round in circles."""
    for place, folders, _ in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in folders if Path(place, name).is_symlink())
