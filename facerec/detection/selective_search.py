"""Selective search: Uijlings et al., "Selective search for object recognition", 2013.

A picture is cut into small even pieces (Felzenszwalb and Huttenlocher, 2004, from scikit-image); the two neighbours
most alike are joined, again and again, until one is left; the box of every piece that ever was is a proposal. Several
colour spaces, sizes of the first pieces and ways of being alike make up for each other's mistakes. Colour and texture
count as in the paper, in 25 levels and in 8 directions of 10 levels a channel; gradients are plain differences.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from facerec.errors import MissingPart
from facerec.records import Float32, Image

COLOUR_LEVELS, DIRECTIONS, TEXTURE_LEVELS = 25, 8, 10
SIDE = 320
"""Pictures are reduced to this longer side first, pixels: the boxes hardly change, the time does."""
SPACES = ("lab", "hsv")
SCALES = (50.0, 150.0)
LIKENESSES = (("colour", "texture", "size", "fill"), ("texture", "size", "fill"))
Float64 = NDArray[np.float64]


@dataclass(slots=True)
class Pieces:
    """N pieces of a picture, and those made by joining them; piece k of them has row k.

    boxes     (M, 4)  x1 y1 x2 y2, pixels, far edges exclusive
    sizes     (M,)    pixels
    colour    (M, 3 * 25), texture (M, 3 * 8 * 10)  histograms, each sums to 1
    touching  the pieces beside each
    """

    boxes: Float64
    sizes: Float64
    colour: Float64
    texture: Float64
    touching: list[set[int]] = field(default_factory=list)


def selective_search(image: Image, smallest: int = 12) -> Float32:
    """Where something may be: (H, W, 3) -> (N, 4) x1 y1 x2 y2, pixels, large pieces first, each box once.

    `smallest` is the least side of a proposal in pixels; a smaller picture has none. Raises MissingPart without
    scikit-image.
    """
    height, width = image.shape[:2]
    if min(height, width) < smallest:
        return np.zeros((0, 4), np.float32)
    reduced = _reduced(image)
    scale = np.array([width, height] * 2) / np.array([reduced.shape[1], reduced.shape[0]] * 2)
    found = np.concatenate([boxes * scale for boxes in _groupings(reduced)])
    kept = found[(found[:, 2:] - found[:, :2]).min(axis=1) >= smallest]
    kept = np.unique(np.rint(kept).astype(np.float32), axis=0)
    return kept[np.argsort(-np.prod(kept[:, 2:] - kept[:, :2], axis=1), kind="stable")]


def _library() -> ModuleType:
    """scikit-image, which no everyday command needs."""
    try:
        import skimage.color
        import skimage.segmentation
        import skimage.transform
    except ImportError as error:
        raise MissingPart("selective search needs scikit-image: pip install 'facerec[rcnn]'") from error
    return skimage


def _reduced(image: Image) -> Float64:
    """The picture as 0..1, its longer side SIDE at most."""
    height, width = image.shape[:2]
    share = min(1.0, SIDE / max(height, width))
    size = max(2, round(height * share)), max(2, round(width * share))  # a gradient needs two
    return np.asarray(_library().transform.resize(image, size, anti_aliasing=share < 1), np.float64)


def _groupings(image: Float64) -> Iterator[Float64]:
    """The boxes of every way of cutting and joining."""
    skimage = _library()
    for space in SPACES:
        levels = _in_space(image, space)
        for scale in SCALES:
            labels = skimage.segmentation.felzenszwalb(levels, scale, sigma=0.8, min_size=int(scale / 2))
            for likeness in LIKENESSES:
                yield joined(pieces_of(levels, labels), likeness, labels.size)


def _in_space(image: Float64, space: str) -> Float64:
    """The three channels of a colour space, each brought to about 0..1."""
    if space == "lab":
        return np.asarray(_library().color.rgb2lab(image) / 100 + np.array([0.0, 0.5, 0.5]))
    return np.asarray(_library().color.rgb2hsv(image))


def pieces_of(levels: Float64, labels: np.ndarray) -> Pieces:
    """What is known of each piece of a cut picture: (H, W, 3), (H, W) from 0 -> its pieces."""
    count, flat = int(labels.max()) + 1, labels.ravel()
    sizes = np.bincount(flat, minlength=count).astype(np.float64)
    colour = _histograms(np.clip(levels, 0, 1), flat, count, COLOUR_LEVELS)
    texture = _histograms(np.clip(_gradients(levels) + 0.5, 0, 1), flat, count, TEXTURE_LEVELS)
    touching: list[set[int]] = [set() for _ in range(count)]
    for a, b in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        for one, other in np.unique(np.stack([a[a != b], b[a != b]], axis=1), axis=0).tolist():
            touching[one].add(other)
            touching[other].add(one)
    return Pieces(_boxes(labels, count), sizes, colour, texture, touching)


def _boxes(labels: np.ndarray, count: int) -> Float64:
    """The box around each piece: (count, 4)."""
    y, x = (each.ravel() for each in np.indices(labels.shape))
    boxes = np.empty((count, 4))
    for column, (low, values) in enumerate(((True, x), (True, y), (False, x + 1), (False, y + 1))):
        extreme = np.full(count, np.inf if low else -np.inf)
        (np.minimum if low else np.maximum).at(extreme, labels.ravel(), values)
        boxes[:, column] = extreme
    return boxes


def _gradients(levels: Float64) -> Float64:
    """How each channel rises in 8 directions: (H, W, C) -> (H, W, C * 8), negative where it falls."""
    down, right = np.gradient(levels, axis=(0, 1))
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    return np.concatenate([np.maximum(np.cos(a) * right + np.sin(a) * down, 0) for a in angles], axis=2)


def _histograms(values: Float64, flat: np.ndarray, count: int, levels: int) -> Float64:
    """Each piece's histogram over all channels: (H, W, C) in 0..1 -> (count, C * levels), rows sum to 1."""
    channels = values.reshape(len(flat), -1).T
    steps = np.minimum((channels * levels).astype(np.int64), levels - 1)
    counts = [np.bincount(flat * levels + step, minlength=count * levels).reshape(count, levels) for step in steps]
    joint = np.concatenate(counts, axis=1).astype(np.float64)
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def joined(pieces: Pieces, likeness: tuple[str, ...], pixels: int) -> Float64:
    """Join the two neighbours most alike until nothing touches: the boxes of all pieces that ever were, (M, 4)."""
    _make_room(pieces)
    alive, following = [True] * len(pieces.touching), len(pieces.touching)
    waiting: list[tuple[float, int, int]] = []
    for one, others in enumerate(pieces.touching):
        _consider(waiting, pieces, one, [other for other in others if other > one], likeness, pixels)
    while waiting:
        _, a, b = heapq.heappop(waiting)
        if not (alive[a] and alive[b]):
            continue
        _join(pieces, a, b, following)
        alive[a] = alive[b] = False
        alive.append(True)
        _consider(waiting, pieces, following, sorted(pieces.touching[following]), likeness, pixels)
        following += 1
    return pieces.boxes[:following]


def _make_room(pieces: Pieces) -> None:
    """As many empty rows again: so many pieces can arise."""
    for name in ("boxes", "sizes", "colour", "texture"):
        rows = getattr(pieces, name)
        setattr(pieces, name, np.concatenate([rows, np.zeros_like(rows)]))


def _join(pieces: Pieces, a: int, b: int, new: int) -> None:
    """Piece `new` is a and b together: histograms weighed by size, neighbours of both."""
    sizes = pieces.sizes[[a, b]]
    pieces.sizes[new] = sizes.sum()
    pieces.boxes[new, :2] = pieces.boxes[[a, b], :2].min(axis=0)
    pieces.boxes[new, 2:] = pieces.boxes[[a, b], 2:].max(axis=0)
    for histogram in (pieces.colour, pieces.texture):
        histogram[new] = sizes @ histogram[[a, b]] / sizes.sum()
    around = (pieces.touching[a] | pieces.touching[b]) - {a, b}
    pieces.touching.append(around)
    for other in around:
        pieces.touching[other] -= {a, b}
        pieces.touching[other].add(new)


def _consider(
    waiting: list[tuple[float, int, int]],
    pieces: Pieces,
    one: int,
    others: list[int],
    likeness: tuple[str, ...],
    pixels: int,
) -> None:
    """Put the pairs of a piece and its neighbours in line, the most alike first."""
    if others:
        for value, other in zip(alike(pieces, one, others, likeness, pixels).tolist(), others, strict=True):
            heapq.heappush(waiting, (-value, one, other))


def alike(pieces: Pieces, one: int, others: list[int], likeness: tuple[str, ...], pixels: int) -> Float64:
    """How alike a piece and each of its neighbours are: the sum of the named measures, each 0..1."""
    both = pieces.sizes[one] + pieces.sizes[others]
    total = np.zeros(len(others))
    if "colour" in likeness:
        total += np.minimum(pieces.colour[one], pieces.colour[others]).sum(axis=1)
    if "texture" in likeness:
        total += np.minimum(pieces.texture[one], pieces.texture[others]).sum(axis=1)
    if "size" in likeness:
        total += 1 - both / pixels
    if "fill" in likeness:
        corner = np.minimum(pieces.boxes[one, :2], pieces.boxes[others, :2])
        far = np.maximum(pieces.boxes[one, 2:], pieces.boxes[others, 2:])
        total += 1 - ((far - corner).prod(axis=1) - both) / pixels
    return total
