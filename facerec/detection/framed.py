"""Annotated pictures, decoded once, all in a frame of one size and held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec import images
from facerec.detection.annotated import Annotated, Progress, silent
from facerec.detection.letterbox import Letterbox
from facerec.errors import BadImage, InvalidInput
from facerec.records import Image, Objects


@dataclass(frozen=True, slots=True, eq=False)
class Framed:
    """N pictures in frames of one size.

    pixels   (N, H, W, 3) uint8
    objects  of each picture, boxes in pixels of the frame
    letters  where each picture lies in its frame
    truth    of each picture, boxes in pixels of the picture as it was
    names    of the classes
    sources  the pictures' paths
    refused  (source, reason) of every picture that was left out
    """

    pixels: np.ndarray
    objects: tuple[Objects, ...]
    letters: tuple[Letterbox, ...]
    truth: tuple[Objects, ...]
    names: tuple[str, ...]
    sources: tuple[Path, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)


def frame_all(data: Annotated, size: tuple[int, int], progress: Progress = silent) -> Framed:
    """Read the pictures into frames of (height, width). Those that cannot be read are left out, and told.

    Boxes are cut to their picture; one that lies outside is left out.
    Raises InvalidInput where no picture can be read.
    """
    kept, refused = [], []
    for done, (path, objects) in enumerate(zip(data.paths, data.objects, strict=True), start=1):
        progress(done, len(data))
        try:
            kept.append((path, *framed(images.load(path, images.ANY_SIZE), objects, size)))
        except BadImage as error:
            refused.append((str(path), str(error)))
    if not kept:
        raise InvalidInput(f"none of {len(data)} pictures can be read; the first: {refused[0][1]}")
    sources, pixels, inside, letters, truth = zip(*kept, strict=True)
    return Framed(np.stack(pixels), inside, letters, truth, data.names, sources, tuple(refused))


def framed(image: Image, objects: Objects, size: tuple[int, int]) -> tuple[Image, Objects, Letterbox, Objects]:
    """One picture and its objects in a frame, and both as they were."""
    letter = Letterbox((image.shape[0], image.shape[1]), size)
    inside = letter.into(objects.boxes)
    back = letter.back(inside)  # cut to the picture
    seen = (back[:, 2:] > back[:, :2]).all(axis=1)
    whole = Objects(back[seen], objects.labels[seen], objects.hard[seen])
    return letter.image(image), Objects(letter.into(whole.boxes), whole.labels, whole.hard), letter, whole


def sizes_of(objects: Sequence[Objects]) -> np.ndarray:
    """Widths and heights of all boxes: (N, 2)."""
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(each.boxes for each in objects)])
    return np.asarray(boxes[:, 2:] - boxes[:, :2], np.float64)
