"""What excites a unit most: the patches of many pictures that it answers to (Zeiler and Fergus, 2013)."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from facerec.cnn.paint import enlarged, sheet
from facerec.cnn.receptive_field import ReceptiveField
from facerec.cnn.summary import fields_at
from facerec.cnn.visualise.layers import columns_for, output_of
from facerec.cnn.visualise.sight import Sight
from facerec.errors import InvalidInput
from facerec.records import Image

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A part of a picture that a unit answers to.

    source      which picture
    box         x1 y1 x2 y2, pixels of the picture in the network's size, x2 and y2 exclusive
    image       what lies in the box
    activation  the unit's answer
    """

    source: str
    box: Box
    image: Image
    activation: float


def exciting_patches(
    sight: Sight, layer: str, unit: int, pictures: Iterable[tuple[str, Image]], count: int = 9
) -> list[Patch]:
    """The patches that a unit (a map of a layer) answers to most, best first, at most one of each picture.

    Each is as large as the layer's receptive field, as far as that lies inside the picture. `pictures` are pairs
    of a name and a picture of any size. Raises InvalidInput for an unknown layer or unit, and for no picture.
    """
    fields = fields_at(sight.net, layer, sight.input_shape)
    found = [best_patch(sight, layer, unit, fields, source, image) for source, image in pictures]
    if not found:
        raise InvalidInput("there is no picture to take patches from")
    return heapq.nlargest(count, found, key=lambda patch: patch.activation)


def best_patch(
    sight: Sight, layer: str, unit: int, fields: tuple[ReceptiveField, ...], source: str, image: Image
) -> Patch:
    """Where in a picture the unit answers most."""
    square = sight.fitted(image)
    output = output_of(sight.net, layer, sight.prepared(square))[0]
    if not 0 <= unit < len(output):
        raise InvalidInput(f"layer {layer!r} has {len(output)} units, 0 to {len(output) - 1}; got {unit}")
    answers = output[unit].reshape(output.shape[1:] or (1,))
    place = torch.unravel_index(answers.argmax(), answers.shape)
    cells = [int(axis) for axis in place] if answers.ndim == len(fields) else [0] * len(fields)
    x1, y1, x2, y2 = box = box_of(fields, cells, sight.size)
    return Patch(source, box, square[y1:y2, x1:x2], float(answers.max()))


def box_of(fields: tuple[ReceptiveField, ...], cell: list[int], size: int) -> Box:
    """What a cell (row, column) sees of a square picture."""
    (top, bottom), (left, right) = (
        (max(math.floor(begin), 0), min(math.ceil(end), size))
        for begin, end in (field.of(place) for field, place in zip(fields, cell, strict=True))
    )
    return left, top, right, bottom


def paint_patches(patches: list[Patch], side: int = 96) -> Image:
    """The patches in reading order, best first, all to the same scale and about `side` pixels large."""
    largest = max(max(patch.image.shape[:2]) for patch in patches)
    times = max(side // largest, 1)
    return sheet([enlarged(patch.image, times) for patch in patches], columns_for(len(patches)))
