"""Our own face detector: one pass of a small net over the picture and over reduced copies of it, without torch.

At strides 8, 16 and 32 every cell says how sure it is to see a face, and where the box and the landmarks lie. The net
knows faces of about 10 to 200 pixels; larger ones are found in a copy of a third of the size, and in a third of that.
Cells that see the same face agree only nearly: box and landmarks are their mean, weighted by their scores. A second
net, much smaller, looks at each face once more, turned upright by these landmarks, and corrects them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.digest import read_verified
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces import align
from facerec.faces.reduced import detect_within
from facerec.faces.together import Place, Size, by_size, in_parts, portion
from facerec.geometry import Float64, apply, invert, iou, nms, similarity_transform, warp
from facerec.records import Faces, Float32, Image
from facerec.runtime import open_graph

PACKAGED = Path(__file__).parent / "weights" / "detector"

GRAPH, LANDMARKS, CARD = "detector.onnx", "landmarks.onnx", "card.json"
"""What lies in a detector's folder."""
FACE = 64
"""Side of the square in which landmarks are placed again, pixels."""
PLACES: Float32 = (align.TEMPLATE - np.array([56, 71], np.float32)) * np.float32(0.65) + np.float32((FACE - 1) / 2)
"""(5, 2) x y: where the first guess is brought to in that square; the encoder's face at 0.65 of its size."""
BATCH = 32
"""Faces that are looked at again together."""
Opened = Callable[[np.ndarray], list[np.ndarray]]
CALLS = 8
"""Its net holds less of each pixel than MTCNN's, for which a call's portion is chosen: it is given more at once."""
STRIDES = (8, 16, 32)
NUMBERS = 15
"""What a cell says: its score, 4 numbers of the box, 10 of the landmarks."""
USUAL = 3.0
"""A box of log-size 0 is so many cells wide."""
SMALLER = 3
"""From one copy of the picture to the next."""
COPIES = 3
"""The picture itself and reduced ones, at most."""
LEAST = 96
"""A copy's longer side is at least so many pixels."""


@dataclass(frozen=True, slots=True)
class SingleShotSettings:
    """What the detector looks for.

    threshold  lowest score of a face, 0..1, once the scores of all strides are made even
    usual      what the net says at strides 8, 16 and 32 of what is just enough for a face, 0..1, which becomes a score
               of 0.5: the net is surer of large faces than of small ones
    overlap    of two boxes over their union, above which the worse is dropped
    within     of two boxes over the smaller one, above which the worse is dropped: no face lies on another's cheek
    voting     of two boxes over their union, above which both see the same face and are averaged
    long_side  a picture with a longer side is reduced to this before detection, pixels
    """

    threshold: float = 0.5
    usual: tuple[float, float, float] = (0.5, 0.5, 0.5)
    overlap: float = 0.4
    within: float = 0.6
    voting: float = 0.75
    long_side: int = 1920

    def __post_init__(self) -> None:
        shares = all(0 < one < 1 for one in (self.threshold, *self.usual))
        if not (shares and 0 <= self.overlap <= self.voting <= 1 and self.long_side >= STRIDES[-1]):
            raise InvalidInput(
                f"threshold and usual 0..1, 0 <= overlap <= voting <= 1 and long_side >= 32 are needed, not {self}"
            )


class SingleShot:
    """The detector, ready: call it with a picture."""

    def __init__(self, cells: Opened, settings: SingleShotSettings | None = None, shifts: Opened | None = None):
        """With the opened graphs.

        cells   (N, H, W, 3) uint8, sides multiples of 32 -> [(N, cells, 15) float32]
        shifts  (N, 64, 64, 3) uint8 -> [(N, 5, 2) float32]; without, landmarks stay as the cells have them
        """
        self._cells, self._shifts = cells, shifts
        self._settings, self._at_once = settings or SingleShotSettings(), CALLS * portion().call

    def __call__(self, image: Image) -> Faces:
        """All faces of a picture, best score first: (H, W, 3) uint8 RGB, any size -> Faces."""
        return self.detect_all([image])[0]

    def detect_all(self, images: Sequence[Image]) -> list[Faces]:
        """The same of each picture, of any sizes, in fewer calls of the nets."""
        side = self._settings.long_side
        return detect_within((side, side), self._detect, images)

    def _detect(self, images: Sequence[Image]) -> list[Faces]:
        seen = self._seen([reduced(image) for image in images])
        faces = [merged(joined(own), self._settings) for own in seen]
        return corrected(images, faces, self._shifts) if self._shifts else faces

    def _seen(self, copies: Sequence[Sequence[Image]]) -> list[list[Faces]]:
        """What the cells see in each copy of each picture, before any of it is dropped, in the picture's own pixels."""
        found: dict[Place, Faces] = {}
        for size, places in by_size([[framing(copy) for copy in own] for own in copies]).items():
            for part in in_parts(places, self._at_once // (size[0] * size[1])):
                cells = self._cells(framed([copies[picture][number] for picture, number in part], size))[0]
                for place, own in zip(part, cells, strict=True):
                    found[place] = enlarged(decode(own, *size, self._settings), SMALLER ** place[1])
        return [[found[picture, number] for number in range(len(own))] for picture, own in enumerate(copies)]


def reduced(image: Image) -> list[Image]:
    """The picture, and smaller and smaller copies of it in which large faces are found."""
    copies = [image]
    while max(copies[-1].shape[:2]) // SMALLER >= LEAST and len(copies) < COPIES:
        copies.append(thirds(copies[-1]))
    return copies


def framing(image: Image) -> Size:
    """The size that the net can take: up to the next multiples of the largest stride."""
    height, width = (-(-side // STRIDES[-1]) * STRIDES[-1] for side in image.shape[:2])
    return height, width


def framed(images: Sequence[Image], size: Size) -> np.ndarray:
    """(N, *size, 3): pictures that fit into it, black to the right and below."""
    frames = np.zeros((len(images), *size, 3), np.uint8)
    for frame, image in zip(frames, images, strict=True):
        frame[: image.shape[0], : image.shape[1]] = image
    return frames


def corrected(images: Sequence[Image], found: Sequence[Faces], shifts: Opened) -> list[Faces]:
    """The same faces of each picture with their landmarks placed again."""
    matrices = [[similarity_transform(points, PLACES) for points in faces.landmarks] for faces in found]
    squares = [warp(image, one, (FACE, FACE)) for image, own in zip(images, matrices, strict=True) for one in own]
    moved = [shift for part in in_parts(squares, BATCH) for shift in shifts(np.stack(part))[0]]
    left = iter(moved)
    return [_moved(faces, own, left) for faces, own in zip(found, matrices, strict=True)]


def _moved(faces: Faces, matrices: Sequence[Float64], shifts: Iterator[Float32]) -> Faces:
    """One picture's faces with the next of the shifts, each (5, 2) in the sides of its square."""
    places = [apply(invert(matrix), PLACES + shift * FACE) for matrix, shift in zip(matrices, shifts, strict=False)]
    landmarks = np.array(places, np.float32).reshape(-1, 5, 2)
    return Faces(faces.boxes, landmarks, faces.scores)


def open_single_shot(folder: Path = PACKAGED, threads: int | None = None) -> SingleShot:
    """The detector of a folder, with the threshold that its card states.

    Raises MissingPart where there is none, and DamagedFile where the card is none or the graph is not the card's.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        digests = {name: str(card[f"{name}_sha256"]) for name in ("detector", "landmarks")}
        settings = SingleShotSettings(usual=tuple(float(one) for one in card["usual"]))  # type: ignore[arg-type]
    except OSError as error:
        raise MissingPart(f"no face detector in {folder}: scripts/train_face_detector makes one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path} is no face detector's card: {error!r}") from error
    cells, shifts = (
        open_graph(read_verified(folder / file, digests[name]), threads)
        for name, file in (("detector", GRAPH), ("landmarks", LANDMARKS))
    )
    return SingleShot(cells if cells.inputs["pixels"][0] is None else one_at_a_time(cells), settings, shifts)


def one_at_a_time(cells: Opened) -> Opened:
    """A graph that takes one picture, as folders have it that were written earlier, as one that takes several."""
    return lambda frames: [np.concatenate([cells(frame[None])[0] for frame in frames])]


def thirds(image: Image) -> Image:
    """A copy of a third of the size, means of 3x3 pixels; up to two rows and columns at the far edges are left out."""
    height, width = image.shape[0] // SMALLER, image.shape[1] // SMALLER
    if not height or not width:
        return np.zeros((max(height, 1), max(width, 1), 3), np.uint8)
    sums = np.zeros((height, width, 3), np.uint16)
    for row in range(SMALLER):
        for column in range(SMALLER):
            sums += image[row : height * SMALLER : SMALLER, column : width * SMALLER : SMALLER]
    return ((sums + SMALLER**2 // 2) // SMALLER**2).astype(np.uint8)


def enlarged(faces: Faces, factor: int) -> Faces:
    """Faces of a copy of one `factor`-th of the size, in the picture itself.

    A box's sides lie between pixels, a landmark at the middle of one: the middle of a pixel of the copy is not the
    middle of the first of those that it was made of.
    """
    shift = np.float32((factor - 1) / 2)
    return Faces(faces.boxes * np.float32(factor), faces.landmarks * np.float32(factor) + shift, faces.scores)


def even(scores: Float32, usual: float) -> Float32:
    """Scores on one scale: the odds of each in those of what is usual there; as sure as usual is 0.5.

    >>> [round(float(score), 2) for score in even(np.float32([0.6, 0.9]), 0.6)]
    [0.5, 0.86]
    """
    return np.asarray(scores * (1 - usual) / (scores * (1 - usual) + (1 - scores) * usual), np.float32)


def least(threshold: float, usual: float) -> float:
    """What the net has to say for a score of `threshold`: `even` the other way.

    >>> round(least(0.5, 0.6), 3), round(least(0.86, 0.6), 2)
    (0.6, 0.9)
    """
    return threshold * usual / (threshold * usual + (1 - threshold) * (1 - usual))


def decode(cells: Float32, height: int, width: int, settings: SingleShotSettings) -> Faces:
    """Faces of the cells that are sure enough: (cells, 15) of a picture of that size -> Faces."""
    counts = [(height // stride) * (width // stride) for stride in STRIDES]
    levels = np.split(cells, np.cumsum(counts)[:-1])
    parts = zip(levels, STRIDES, settings.usual, strict=True)
    return joined(
        [_of_level(level, stride, width // stride, usual, settings.threshold) for level, stride, usual in parts]
    )


def _of_level(cells: Float32, stride: int, columns: int, usual: float, threshold: float) -> Faces:
    """Faces of one stride's cells, `columns` in a row."""
    seen = np.flatnonzero(cells[:, 0] >= least(threshold, usual))
    chosen = cells[seen]
    middles = (np.stack([seen % columns, seen // columns], axis=1) + 0.5) * stride - 0.5
    centres = middles + chosen[:, 1:3] * stride
    halves = np.exp(np.clip(chosen[:, 3:5], -4, 4)) * (USUAL / 2 * stride)
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    landmarks = middles[:, None] + chosen[:, 5:].reshape(-1, 5, 2) * stride
    return Faces(boxes.astype(np.float32), landmarks.astype(np.float32), even(chosen[:, 0], usual))


def grid(height: int, width: int) -> tuple[Float32, Float32]:
    """Where the cells of a picture lie, in the net's order: middles (cells, 2) x y in pixels, strides (cells,)."""
    middles, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        middles.append((np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * stride - 0.5)
        strides.append(np.full(rows.size, stride))
    return np.concatenate(middles).astype(np.float32), np.concatenate(strides).astype(np.float32)


def joined(parts: list[Faces]) -> Faces:
    """The faces of several lists in one."""
    names = ("boxes", "landmarks", "scores")
    return Faces(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def merged(faces: Faces, settings: SingleShotSettings) -> Faces:
    """One face for all cells that see it: the best of those that overlap, with the mean box and landmarks of them all.

    The score is the best one's; the mean is weighted by the scores.
    """
    kept = nms(faces.boxes, faces.scores, settings.overlap)
    kept = kept[nms(faces.boxes[kept], faces.scores[kept], settings.within, over="min")]
    weights = (iou(faces.boxes[kept], faces.boxes) >= settings.voting) * faces.scores
    weights[np.arange(len(kept)), kept] = faces.scores[kept]  # a box without an area overlaps nothing, not even itself
    weights = weights / weights.sum(axis=1, keepdims=True)
    boxes = weights @ faces.boxes
    landmarks = np.einsum("kn,nij->kij", weights, faces.landmarks)
    return Faces(boxes.astype(np.float32), landmarks.astype(np.float32), faces.scores[kept])
