"""Our own face detector: one pass of a small net over the picture and over reduced copies of it, without torch.

At strides 8, 16 and 32 every cell says how sure it is to see a face, and where the box and the landmarks lie. The net
knows faces of about 10 to 200 pixels; larger ones are found in a copy of a third of the size, and in a third of that.
Cells that see the same face agree only nearly: box and landmarks are their mean, weighted by their scores. A second
net, much smaller, looks at each face once more, turned upright by these landmarks, and corrects them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.digest import read_verified
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces import align
from facerec.faces.area import shrink
from facerec.faces.reduced import detect_within
from facerec.geometry import apply, invert, iou, nms, similarity_transform, warp
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
STRIDES = (8, 16, 32)
NUMBERS = 15
"""What a cell says: its score, 4 numbers of the box, 10 of the landmarks."""
USUAL = 3.0
"""A box of log-size 0 is so many cells wide."""
SMALLER = 3
"""From one copy of the picture to the next."""
LEAST = 96
"""A copy's longer side is at least so many pixels."""


@dataclass(frozen=True, slots=True)
class SingleShotSettings:
    """What the detector looks for.

    threshold  lowest score of a face, 0..1; the packaged one is chosen where false finds are rare, see its card
    overlap    of two boxes over their union, above which the worse is dropped
    within     of two boxes over the smaller one, above which the worse is dropped: no face lies on another's cheek
    voting     of two boxes over their union, above which both see the same face and are averaged
    long_side  a picture with a longer side is reduced to this before detection, pixels
    """

    threshold: float = 0.5
    overlap: float = 0.4
    within: float = 0.6
    voting: float = 0.75
    long_side: int = 1920

    def __post_init__(self) -> None:
        if not (0 < self.threshold < 1 and 0 <= self.overlap <= self.voting <= 1 and self.long_side >= STRIDES[-1]):
            raise InvalidInput(f"threshold 0..1, 0 <= overlap <= voting <= 1, long_side >= 32 are needed, not {self}")


class SingleShot:
    """The detector, ready: call it with a picture."""

    def __init__(self, cells: Opened, settings: SingleShotSettings | None = None, shifts: Opened | None = None):
        """With the opened graphs.

        cells   (1, H, W, 3) uint8, sides multiples of 32 -> [(1, cells, 15) float32]
        shifts  (N, 64, 64, 3) uint8 -> [(N, 5, 2) float32]; without, landmarks stay as the cells have them
        """
        self._cells, self._shifts = cells, shifts
        self._settings = settings or SingleShotSettings()

    def __call__(self, image: Image) -> Faces:
        """All faces of a picture, best score first: (H, W, 3) uint8 RGB, any size -> Faces."""
        side = self._settings.long_side
        return detect_within((side, side), self._detect, image)

    def _detect(self, image: Image) -> Faces:
        seen = [self._seen(image)]
        height, width = image.shape[:2]
        for factor in (SMALLER, SMALLER**2):
            if max(height, width) // factor >= LEAST:
                small = shrink(image, max(height // factor, 1), max(width // factor, 1))
                seen.append(enlarged(self._seen(small), width / small.shape[1], height / small.shape[0]))
        faces = merged(joined(seen), self._settings)
        return corrected(image, faces, self._shifts) if self._shifts and len(faces) else faces

    def _seen(self, image: Image) -> Faces:
        """What the cells see in one copy, before any of it is dropped."""
        height, width = (-(-side // STRIDES[-1]) * STRIDES[-1] for side in image.shape[:2])
        framed = np.zeros((1, height, width, 3), np.uint8)
        framed[0, : image.shape[0], : image.shape[1]] = image
        return decode(self._cells(framed)[0][0], height, width, self._settings.threshold)


def corrected(image: Image, faces: Faces, shifts: Opened) -> Faces:
    """The same faces with their landmarks placed again, N > 0."""
    matrices = [similarity_transform(points, PLACES) for points in faces.landmarks]
    squares = np.stack([warp(image, matrix, (FACE, FACE)) for matrix in matrices])
    places = (
        PLACES + np.concatenate([shifts(squares[at : at + BATCH])[0] for at in range(0, len(squares), BATCH)]) * FACE
    )
    landmarks = np.stack([apply(invert(matrix), place) for matrix, place in zip(matrices, places, strict=True)])
    return Faces(faces.boxes, landmarks.astype(np.float32), faces.scores)


def open_single_shot(folder: Path = PACKAGED, threads: int | None = None) -> SingleShot:
    """The detector of a folder, with the threshold that its card states.

    Raises MissingPart where there is none, and DamagedFile where the card is none or the graph is not the card's.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        digests = {name: str(card[f"{name}_sha256"]) for name in ("detector", "landmarks")}
        settings = SingleShotSettings(threshold=float(card["threshold"]))
    except OSError as error:
        raise MissingPart(f"no face detector in {folder}: scripts/train_face_detector makes one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path} is no face detector's card: {error!r}") from error
    cells, shifts = (
        open_graph(read_verified(folder / file, digests[name]), threads)
        for name, file in (("detector", GRAPH), ("landmarks", LANDMARKS))
    )
    return SingleShot(cells, settings, shifts)


def enlarged(faces: Faces, across: float, down: float) -> Faces:
    """Faces of a reduced copy in the picture that is `across` times as wide and `down` times as high.

    A box's sides lie between pixels, a landmark at the middle of one: the middle of a pixel of the copy is not the
    middle of the first of those that it was made of.
    """
    factors = np.array([across, down], np.float32)
    shift = (factors - 1) / np.float32(2)
    return Faces(faces.boxes * np.tile(factors, 2), faces.landmarks * factors + shift, faces.scores)


def decode(cells: Float32, height: int, width: int, threshold: float) -> Faces:
    """Faces of the cells whose score is `threshold` or more: (cells, 15) of a picture of that size -> Faces."""
    seen = np.flatnonzero(cells[:, 0] >= threshold)
    middles, strides = grid(height, width)
    middles, strides, chosen = middles[seen], strides[seen, None], cells[seen]
    centres = middles + chosen[:, 1:3] * strides
    halves = np.exp(np.clip(chosen[:, 3:5], -4, 4)) * (USUAL / 2 * strides)
    landmarks = middles[:, None] + chosen[:, 5:].reshape(-1, 5, 2) * strides[:, None]
    return Faces(np.concatenate([centres - halves, centres + halves], axis=1), landmarks, chosen[:, 0])


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
