"""The pictures of a folder."""

from __future__ import annotations

from pathlib import Path

from facerec import images
from facerec.errors import InvalidInput


def photos_in(folder: Path) -> list[Path]:
    """Every picture file of a folder and the folders below it, sorted.

    Raises InvalidInput where it is no folder or holds no picture.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder: give one with pictures in it")
    if not (files := images.find(folder)):
        raise InvalidInput(f"no pictures in {folder}")
    return files
