"""Drawn faces whose embeddings are known: a silently changed encoder, engine or input path shows on them."""

from __future__ import annotations

import numpy as np

from facerec.records import Image

SIDE = 112
COUNT = 4


def golden_faces() -> np.ndarray:
    """Four drawn faces, the same on every machine: (4, 112, 112, 3) uint8 RGB. Nobody is meant by them."""
    return np.stack([draw_face(place) for place in range(COUNT)])


def draw_face(place: int) -> Image:
    """An oval with eyes, nose and mouth near the canonical landmarks; `place` varies colours and proportions."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.int64)
    image = np.empty((SIDE, SIDE, 3), np.int64)
    image[:] = np.stack([(x + 40 * place) % 256, (2 * y) % 256, (x + y) % 256], axis=2) // 2
    wide = 38 + 4 * place
    paint(image, x, y, (56, 60), (wide, 52), (225 - 35 * place, 180 - 25 * place, 150 - 15 * place))
    for eye in (38, 74):
        paint(image, x, y, (eye, 52), (8, 4 + place), (245, 245, 245))
        paint(image, x, y, (eye + place, 52), (3, 3), (40, 30 * place, 90))
    paint(image, x, y, (56, 70), (4 + place, 8), (190 - 30 * place, 140 - 20 * place, 120))
    paint(image, x, y, (56, 92), (15 - 2 * place, 3 + place), (170, 50 + 10 * place, 60))
    return image.astype(np.uint8)


def paint(
    image: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    centre: tuple[int, int],
    radii: tuple[int, int],
    colour: tuple[int, ...],
) -> None:
    """Fill an ellipse, in whole numbers only so that every machine draws the same."""
    (cx, cy), (rx, ry) = centre, radii
    inside = ((x - cx) * ry) ** 2 + ((y - cy) * rx) ** 2 <= (rx * ry) ** 2
    image[inside] = colour
