"""Where a network sees a class: cover the picture place by place and watch the score (Zeiler and Fergus, 2013)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facerec.cnn.arithmetic import Window, output_size
from facerec.cnn.classifier import probabilities
from facerec.cnn.paint import enlarged, heat, rgb
from facerec.cnn.visualise.sight import Sight
from facerec.errors import InvalidInput
from facerec.records import Image

Float32 = NDArray[np.float32]
GREY = 128
"""Level of the square that covers."""
Progress = Callable[[int, int], None]
"""Hears how many of all positions are done."""


def silent(done: int, total: int) -> None:
    """The default: say nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """What a class is worth to a network while a grey square covers a part of a picture.

    image   (size, size, 3)  the picture as the network takes it
    label   the class
    share   0..1             its probability with nothing covered
    shares  (rows, columns)  float32, 0..1, its probability with the square at each position
    square  side of the square, pixels
    stride  from one position to the next, pixels
    """

    image: Image
    label: int
    share: float
    shares: Float32
    square: int
    stride: int


def occlusion(
    sight: Sight,
    image: Image,
    square: int | None = None,
    stride: int | None = None,
    label: int | None = None,
    batch: int = 16,
    progress: Progress = silent,
) -> Occlusion:
    """Cover a picture with a grey square at every position; `label` None is the class that the network predicts.

    The square is in pixels of the picture in the network's size and never hangs over its edge; None is 3/14 of the
    size, which is 48 of 224, in steps of a sixth of it. Raises InvalidInput when it does not fit, or for an unknown
    class.
    """
    square = max(sight.size * 3 // 14, 1) if square is None else square
    stride = max(square // 6, 1) if stride is None else stride
    if square > sight.size:
        raise InvalidInput(f"a square of {square} does not fit into the network's {sight.size} pixels: give a smaller")
    picture = sight.fitted(image)
    side = output_size(sight.size, Window(square, stride))
    plain = shares_of(sight, [picture])[0]
    label = int(plain.argmax()) if label is None else label
    if not 0 <= label < len(plain):
        raise InvalidInput(f"this network has classes 0 to {len(plain) - 1}; got {label}")
    places = positions(sight.size, square, stride)
    shares = np.zeros(len(places), np.float32)
    for first in range(0, len(places), batch):
        part = [covered(picture, place, square) for place in places[first : first + batch]]
        shares[first : first + batch] = shares_of(sight, part)[:, label]
        progress(first + len(part), len(places))
    return Occlusion(picture, label, float(plain[label]), shares.reshape(side, side), square, stride)


def positions(side: int, square: int, stride: int) -> list[tuple[int, int]]:
    """Row and column of the square's first pixel, for each position in a square picture, row by row."""
    places = range(0, side - square + 1, stride)
    return [(y, x) for y in places for x in places]


def covered(picture: Image, place: tuple[int, int], square: int) -> Image:
    """A copy with the square at a place."""
    copy = picture.copy()
    copy[place[0] : place[0] + square, place[1] : place[1] + square] = GREY
    return copy


def shares_of(sight: Sight, pictures: list[Image]) -> Float32:
    """What the network makes of pictures of its size: (N, classes), rows that add up to 1."""
    shares: Float32 = probabilities(sight.net, torch.cat([sight.prepared(picture) for picture in pictures])).numpy()
    return shares


def loss_map(seen: Occlusion) -> Float32:
    """What covering each pixel costs: the mean loss over the squares that cover it, (size, size), 0..1.

    0 where covering changes nothing, where it helps, and where no square reached.
    """
    total, count = (np.zeros(seen.image.shape[:2]) for _ in range(2))
    places = positions(len(seen.image), seen.square, seen.stride)
    for (y, x), share in zip(places, seen.shares.ravel(), strict=True):
        total[y : y + seen.square, x : x + seen.square] += max(seen.share - float(share), 0)
        count[y : y + seen.square, x : x + seen.square] += 1
    return (total / np.maximum(count, 1)).astype(np.float32)


def paint_occlusion(seen: Occlusion, side: int = 224) -> Image:
    """The picture, and beside it the picture that glows where covering it costs most, each about `side` pixels."""
    loss = loss_map(seen)
    glow = heat(loss / (float(loss.max()) or 1))
    mixed = (seen.image.astype(np.float32) + glow) / (2 * 255)
    return enlarged(np.concatenate([seen.image, rgb(mixed)], axis=1), max(side // len(seen.image), 1))
