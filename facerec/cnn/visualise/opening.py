"""The pictures of a folder, one after the other, without those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from facerec import images
from facerec.errors import BadImage
from facerec.records import Image


def opened(paths: Iterable[Path], folder: Path, left_out: Callable[[str], None]) -> Iterator[tuple[str, Image]]:
    """Each picture with its path in the folder; `left_out` hears why one cannot be used."""
    for path in paths:
        try:
            image = images.load(path, images.ANY_SIZE)
        except BadImage as error:
            left_out(str(error))
            continue
        yield str(path.relative_to(folder)), image
