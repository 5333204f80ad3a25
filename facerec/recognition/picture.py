"""A picture as the use cases want it: what to call it in an answer, its digest, and its pixels when they are needed."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from facerec import images
from facerec.digest import sha256
from facerec.errors import InvalidInput
from facerec.records import Image

Source = str | os.PathLike[str] | bytes | np.ndarray
"""A path, an image file's bytes, or RGB uint8 (H, W, 3) pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that has been read, and perhaps not yet decoded; `digest` is the sha256 of what was read.

    `place` is where on it the face is that is meant, x1 y1 x2 y2 in pixels; None where a rule chooses.
    """

    name: str
    digest: str
    content: bytes | np.ndarray
    place: tuple[float, float, float, float] | None = None

    def decode(self) -> Image:
        """The pixels, upright RGB uint8 (H, W, 3). Raises BadImage."""
        if isinstance(self.content, bytes):
            return images.decode(self.content, name=self.name)
        return self.content


def read_picture(source: Source) -> Picture:
    """Read a picture once. Raises BadImage where it cannot be read, InvalidInput for pixels of another kind."""
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise InvalidInput(f"pixels must be uint8 (H, W, 3) RGB, got {source.dtype} {source.shape}")
        return Picture(name_of(source), sha256(source.tobytes()), source)
    content = images.read_bytes(source)
    return Picture(name_of(source), sha256(content), content)


def name_of(source: Source) -> str:
    """What an answer calls a picture: its path, with what cannot be printed escaped, or what it is."""
    if isinstance(source, np.ndarray):
        return "pixels"
    if isinstance(source, bytes):
        return "bytes"
    path = os.fsdecode(source)
    return path if path.isprintable() else repr(path)[1:-1]
