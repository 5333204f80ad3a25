"""Why two faces are alike: which parts of each raise their similarity, and which lower it.

Occlusion (Zeiler and Fergus, 2013), for two faces: a grey square covers one face place by place while the other is left
whole, and the similarity is taken anew. Where it falls, what was covered spoke for one person; where it rises, against.
A place's effect is the mean fall over the squares that cover it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facerec.faces.align import SIDE
from facerec.records import Float32, Image

if TYPE_CHECKING:
    from facerec.recognition.picture import Source
    from facerec.recognition.recognizer import Recognizer

SQUARE, STRIDE, GREY = 14, 14, 128
"""Side of the square and its step, pixels of the aligned face, and its level: 64 places a face. Of several sizes this
lowered genuine similarities fastest when the places it named were removed (docs/results/explain.md)."""

Alike = Callable[[np.ndarray], Float32]
"""Aligned faces (N, 112, 112, 3) -> how alike each is to the other face, (N,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What each part of two faces does to their similarity.

    similarity  of the two with nothing covered
    faces       two of (112, 112, 3), aligned
    effects     two of (112, 112) float32: by how much the similarity falls where the place is covered; negative
                where it rises
    """

    similarity: float
    faces: tuple[Image, Image]
    effects: tuple[Float32, Float32]


def explain(recognizer: Recognizer, first: Source, second: Source) -> Explanation:
    """Explain the similarity of the one meant face of each of two pictures, by the recognizer's own measure.

    Raises what `Recognizer.verify` raises.
    """
    a, b = (recognizer.aligned(picture) for picture in (first, second))
    rows = recognizer.pipeline.embed(np.stack([a, b]))

    def alike_to(other: Float32) -> Alike:
        return lambda faces: recognizer.head(recognizer.pipeline.embed(faces), other)[:, 0]

    effects = effect(a, alike_to(rows[1:])), effect(b, alike_to(rows[:1]))
    return Explanation(float(recognizer.head(rows[:1], rows[1:])[0, 0]), (a, b), effects)


def effect(face: Image, alike: Alike, square: int = SQUARE, stride: int = STRIDE) -> Float32:
    """By how much covering each place lowers the similarity: (112, 112, 3) -> (112, 112) float32.

    The square never hangs over the edge; pixels that it does not reach have effect 0.
    """
    starts = range(0, SIDE - square + 1, stride)
    places = [(slice(y, y + square), slice(x, x + square)) for y in starts for x in starts]
    similarities = alike(np.stack([face, *(covered(face, place) for place in places)]))
    total, count = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    for place, similarity in zip(places, similarities[1:].tolist(), strict=True):
        total[place] += float(similarities[0]) - similarity
        count[place] += 1
    return (total / np.maximum(count, 1)).astype(np.float32)


def covered(face: Image, place: tuple[slice, slice]) -> Image:
    """A copy that is grey at a place."""
    copy = face.copy()
    copy[place] = GREY
    return copy
