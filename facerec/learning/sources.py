"""What a run may be given to learn from: a folder of faces, a folder per subject, or a list of pictures."""

from __future__ import annotations

from pathlib import Path

from facerec.errors import InvalidInput, MissingPart
from facerec.learning.datasets import TABLE
from facerec.learning.labelled import in_folders, in_list

FORMS = (
    f"a folder with {TABLE} and its shards, a folder with a folder of pictures per subject, "
    "or a list of `path label` lines"
)

Pictures = list[tuple[Path, str]]
"""Each picture and its subject."""


def is_packed(data: Path) -> bool:
    """Is this a folder of faces, whose crops are ready and whose subjects are divided?"""
    return (data / TABLE).is_file()


def named_pictures(data: Path) -> Pictures:
    """The pictures of a folder per subject, or of a list, and whose they are.

    Raises MissingPart where nothing is there, and InvalidInput where it is neither or names no picture.
    """
    if not data.exists():
        raise MissingPart(f"nothing at {str(data)!r}: give {FORMS}")
    if data.name == TABLE:
        raise InvalidInput(f"{str(data)!r} is the table of a folder of faces: give the folder, {str(data.parent)!r}")
    pictures = list(in_folders(data) if data.is_dir() else in_list(data))
    if not pictures:
        raise InvalidInput(f"no picture of anybody in {str(data)!r}: give {FORMS}")
    return pictures
