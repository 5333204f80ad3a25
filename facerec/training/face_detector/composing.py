"""Pictures to learn from: crops of faces put into other pictures, at known places.

A crop has its own hair, neck and background, 128x128 pixels of it, so it is put in whole or as a soft oval; where it
ends, its edge may be drawn out, so that not every face sits in a frame. Whatever is done to a crop is done to its
landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from facerec.geometry import apply, similarity_transform
from facerec.learning.datasets import SIDE
from facerec.records import Float32, Image
from facerec.training.face_detector.labels import Labels
from facerec.training.face_detector.pasting import about, as_image, blob, compressed, drawn_out, paste, pictured, smear

WINDOW = 224
"""Side of the pictures that the net learns from, pixels."""
MIRRORED = [1, 0, 2, 4, 3]
"""The order of the landmarks in a mirror."""


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """How faces are put into pictures.

    sizes       smallest and largest geometric mean of a box's sides, pixels; even in the logarithm
    turn        standard deviation of most faces' angle, degrees
    turned      share of faces at any angle up to `most`
    most        degrees
    faceless    share of pictures without a face
    peopled     share of pictures of people whose faces are replaced, where there are such pictures
    parts       share of pictures with parts of faces that are none: skin, hair, a cheek
    covered     share of faces behind something
    drawn_out   share of faces whose crop's edge is drawn outwards and faded, of those that end in no black
    grey, soft, jpeg, noise   share of pictures
    """

    sizes: tuple[float, float] = (9.0, 190.0)
    turn: float = 12.0
    turned: float = 0.2
    most: float = 50.0
    faceless: float = 0.1
    peopled: float = 0.15
    parts: float = 0.5
    covered: float = 0.12
    drawn_out: float = 0.4
    grey: float = 0.12
    soft: float = 0.3
    jpeg: float = 0.5
    noise: float = 0.2


Peopled = tuple[Image, Float32]
"""A picture of people, (H, W, 3), and the landmarks of every face in it, (N, 5, 2): all will be replaced."""


class Scene(NamedTuple):
    """A picture and its faces.

    picture    (H, W, 3)  uint8    RGB
    boxes      (N, 4)     float32
    landmarks  (N, 5, 2)  float32
    """

    picture: Image
    boxes: Float32
    landmarks: Float32


class Composer:
    """Makes pictures for ever, from one generator of random numbers."""

    def __init__(
        self, crops: np.ndarray, labels: Labels, backgrounds: Sequence[Image], seed: int,
        settings: ComposeSettings | None = None, window: int = WINDOW, peopled: Sequence[Peopled] = (),
    ):  # fmt: skip
        """With crops (N, 128, 128, 3) that all show the face that `labels` says."""
        self.peopled = peopled
        self.crops, self.labels, self.backgrounds, self.window = crops, labels, backgrounds, window
        self.random = np.random.default_rng(seed)
        self.settings = settings or ComposeSettings()

    def __call__(self) -> Scene:
        if self.peopled and self._happens(self.settings.peopled):
            return self._among_people()
        picture = self._background()
        if self._happens(self.settings.parts):
            for _ in range(self.random.integers(1, 6)):
                self._put_part(picture)
        boxes: list[Float32] = []
        landmarks: list[Float32] = []
        for size in self._sizes():
            placed = self._put_face(picture, size, boxes)
            if placed is not None:
                boxes.append(placed[0])
                landmarks.append(placed[1])
        return Scene(
            self._photographed(picture),
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(landmarks, np.float32).reshape(-1, 5, 2),
        )

    def _among_people(self) -> Scene:
        """A part of a picture of people, all their faces replaced by others."""
        frame, heads = self.peopled[int(self.random.integers(len(self.peopled)))]
        side = int(np.exp(self.random.uniform(np.log(120), np.log(min(frame.shape[:2])))))
        y, x = (int(self.random.integers(length - side + 1)) for length in frame.shape[:2])
        cut = np.ascontiguousarray(frame[y : y + side, x : x + side])
        picture, factor = (
            as_image(cv2.resize(cut, (self.window, self.window), interpolation=cv2.INTER_AREA)),
            self.window / side,
        )
        boxes, landmarks = [np.zeros((0, 4), np.float32)], [np.zeros((0, 5, 2), np.float32)]
        for head in heads:
            box, points = self._replace(picture, (head - [x, y] + 0.5) * factor - 0.5)
            if _room(box, [], self.window) and box[2] - box[0] >= self.settings.sizes[0] * 0.8:
                boxes.append(box[None])
                landmarks.append(points[None])
            else:
                smear(picture, box)
        scene = Scene(self._photographed(picture), np.concatenate(boxes), np.concatenate(landmarks))
        return mirrored(scene) if self._happens(0.5) else scene

    def _replace(self, picture: Image, head: np.ndarray) -> tuple[Float32, Float32]:
        """Draw a crop's face over the one whose landmarks are `head`; its box and landmarks."""
        row = int(self.random.integers(len(self.crops)))
        crop, box, points = self.crops[row], self.labels.boxes[row], self.labels.landmarks[row]
        matrix = similarity_transform(points, head)
        oval = np.zeros((SIDE, SIDE), np.float32)
        cv2.ellipse(oval, (SIDE // 2, SIDE // 2 + 4), (50, 60), 0, 0, 360, 1.0, -1)
        mask = np.asarray(cv2.GaussianBlur(oval, (0, 0), 3), np.float32) * pictured(crop)
        paste(picture, self._lit(crop), matrix, np.asarray(mask, np.float32))
        scale, middle = np.sqrt(np.linalg.det(matrix[:, :2])), apply(matrix, (box[:2] + box[2:]) / 2)
        half = (box[2:] - box[:2]) / 2 * scale
        return np.concatenate([middle - half, middle + half]).astype(np.float32), apply(matrix, points).astype(
            np.float32
        )

    def _happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _sizes(self) -> list[float]:
        """Sizes of the faces of one picture, the largest first."""
        if self._happens(self.settings.faceless):
            return []
        least, most = np.log(self.settings.sizes)
        if self._happens(0.25):  # a group: many of nearly one size
            one = self.random.uniform(least, np.clip(np.log(50), least, most))
            sizes = np.exp(one + self.random.normal(0, 0.25, self.random.integers(4, 13)))
        else:
            sizes = np.exp(self.random.uniform(least, most, self.random.integers(1, 6)))
        return sorted(np.clip(sizes, *self.settings.sizes), reverse=True)

    def _background(self) -> Image:
        """A part of a faceless picture, mirrored, enlarged or reduced; or none but colour."""
        window, random = self.window, self.random
        if self._happens(0.15):
            corners = random.integers(0, 256, (random.integers(1, 5), random.integers(1, 5), 3)).astype(np.uint8)
            return as_image(cv2.resize(corners, (window, window), interpolation=cv2.INTER_CUBIC))
        source = self.backgrounds[int(random.integers(len(self.backgrounds)))]
        height, width = source.shape[:2]
        side = int(min(height, width) * np.exp(random.uniform(np.log(0.35), 0)))
        y, x = random.integers(height - side + 1), random.integers(width - side + 1)
        cut = source[y : y + side, x : x + side]
        cut = np.rot90(cut, int(random.integers(4))) if self._happens(0.1) else cut
        cut = cut[:, ::-1] if self._happens(0.5) else cut
        return as_image(cv2.resize(np.ascontiguousarray(cut), (window, window), interpolation=cv2.INTER_AREA))

    def _put_face(self, picture: Image, size: float, taken: list[Float32]) -> tuple[Float32, Float32] | None:
        """Draw one face; its box and landmarks, or None where there was no room."""
        row = int(self.random.integers(len(self.crops)))
        crop, box, landmarks = self.crops[row], self.labels.boxes[row], self.labels.landmarks[row]
        if self._happens(0.5):
            crop, box = crop[:, ::-1], np.array([SIDE - box[2], box[1], SIDE - box[0], box[3]], np.float32)
            landmarks = (landmarks * [-1, 1] + [SIDE - 1, 0])[MIRRORED].astype(np.float32)
        scale = size / np.sqrt((box[2:] - box[:2]).prod())
        middle = (box[:2] + box[2:]) / 2
        for _ in range(6):
            target = self.random.uniform(-0.05, 1.05, 2) * self.window
            half = (box[2:] - box[:2]) / 2 * scale
            placed = np.concatenate([target - half, target + half]).astype(np.float32)
            if _room(placed, taken, self.window):
                break
        else:
            return None
        matrix = about(middle, target, scale, self._angle(), self.random.normal(1, 0.04))
        paste(picture, *self._prepared(self._lit(crop), matrix))
        if self._happens(self.settings.covered):
            self._cover(picture, placed)
        return placed, apply(matrix, landmarks).astype(np.float32)

    def _angle(self) -> float:
        """Degrees."""
        if self._happens(self.settings.turned):
            return float(self.random.uniform(-self.settings.most, self.settings.most))
        return float(self.random.normal(0, self.settings.turn))

    def _mask(self, crop: Image) -> Float32:
        """How much of each pixel of a crop is put in, (128, 128), 0..1: all that is picture, or a soft oval of it."""
        kind, edge = self.random.random(), self.random.uniform(1, 12)
        mask = pictured(crop).astype(np.float32)
        if kind < 0.3:
            oval = np.zeros((SIDE, SIDE), np.float32)
            axes = (int(self.random.uniform(44, 62)), int(self.random.uniform(58, 72)))
            cv2.ellipse(oval, (SIDE // 2, SIDE // 2), axes, 0, 0, 360, 1.0, -1)
            mask = mask * oval
        if kind > 0.85:
            return mask
        mask[[0, -1]] = 0
        mask[:, [0, -1]] = 0
        soft = cv2.GaussianBlur(mask, (0, 0), edge / 2)
        return np.clip(soft * 2 - 1, 0, 1) if edge > 2 else mask  # nothing beyond the old edge

    def _lit(self, crop: Image) -> Image:
        """The crop in another light."""
        if self._happens(0.5):
            return crop
        gain = np.exp(self.random.normal(0, 0.2) + self.random.normal(0, 0.05, 3))
        return as_image(np.clip(crop * gain + self.random.normal(0, 8), 0, 255))

    def _prepared(self, crop: Image, matrix: np.ndarray) -> tuple[Image, np.ndarray, Float32]:
        """A crop, its transform and its mask: whole with its edge drawn out, or cut out of its source."""
        if self._happens(self.settings.drawn_out) and pictured(crop).all():
            return drawn_out(crop, matrix, int(self.random.integers(16, 80)))
        return crop, matrix, self._mask(crop)

    def _cover(self, picture: Image, box: Float32) -> None:
        """Something in front of up to two fifths of a face."""
        low, high = np.clip(box, 0, self.window).astype(int).reshape(2, 2)
        width, height = high - low
        if min(width, height) < 8:
            return
        part, side = self.random.uniform(0.15, 0.4), self.random.integers(3)
        if side == 0:
            window = picture[high[1] - int(part * height) : high[1], low[0] : high[0]]
        elif side == 1:
            window = picture[low[1] : high[1], low[0] : low[0] + int(part * width)]
        else:
            window = picture[low[1] : high[1], high[0] - int(part * width) : high[0]]
        source = self.backgrounds[int(self.random.integers(len(self.backgrounds)))]
        y = self.random.integers(max(source.shape[0] - window.shape[0], 1))
        x = self.random.integers(max(source.shape[1] - window.shape[1], 1))
        cover = source[y : y + window.shape[0], x : x + window.shape[1]]
        if cover.shape == window.shape and self._happens(0.5):
            window[:] = cover
        else:
            window[:] = self.random.integers(0, 256, 3)

    def _put_part(self, picture: Image) -> None:
        """Draw what is of people and no face: hair around nothing, pieces that do not fit, skin of any shape."""
        crop, kind = self.crops[int(self.random.integers(len(self.crops)))], self.random.random()
        if kind < 0.2:
            piece = crop.copy()
            piece[30:118, 28:100] = cv2.blur(piece[30:118, 28:100], (61, 61))
            mask = self._mask(piece)
        elif kind < 0.35:
            tiles = crop.reshape(4, 32, 4, 32, 3).swapaxes(1, 2).reshape(16, 32, 32, 3)
            tiles = tiles[self.random.permutation(16)]
            piece = np.ascontiguousarray(tiles.reshape(4, 4, 32, 32, 3).swapaxes(1, 2).reshape(SIDE, SIDE, 3))
            mask = self._mask(piece)
        else:
            side = int(self.random.integers(16, 44))
            y, x = self.random.integers(24, 112 - side, 2)
            piece = as_image(cv2.resize(crop[y : y + side, x : x + side], (SIDE, SIDE)))
            mask = blob(self.random) if kind < 0.85 else self._mask(piece)
        scale = np.exp(self.random.uniform(np.log(0.12), np.log(1.2)))
        target = self.random.uniform(0, self.window, 2)
        angle, stretch = float(self.random.uniform(-180, 180)), float(np.exp(self.random.normal(0, 0.25)))
        paste(picture, self._lit(piece), about(np.full(2, SIDE / 2), target, scale, angle, stretch), mask)

    def _photographed(self, picture: Image) -> Image:
        """The finished picture as a camera might have kept it."""
        random, settings = self.random, self.settings
        if self._happens(settings.soft):
            picture = as_image(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.4, 1.6)))
        if self._happens(0.5):
            levels = 255 * (np.arange(256) / 255) ** np.exp(random.normal(0, 0.3)) * np.exp(random.normal(0, 0.15))
            picture = as_image(cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)))
        if self._happens(settings.grey):
            picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        if self._happens(settings.noise):
            noise = random.integers(-32, 33, picture.shape, np.int8) * random.uniform(0.05, 0.6)
            picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
        if self._happens(settings.jpeg):
            picture = compressed(picture, int(random.integers(35, 95)))
        return np.ascontiguousarray(picture)


def mirrored(scene: Scene) -> Scene:
    """The scene in a mirror."""
    width = scene.picture.shape[1]
    boxes = np.stack([width - scene.boxes[:, 2], scene.boxes[:, 1], width - scene.boxes[:, 0], scene.boxes[:, 3]], 1)
    landmarks: Float32 = scene.landmarks[:, MIRRORED]
    landmarks[..., 0] = width - 1 - landmarks[..., 0]
    picture: Image = np.ascontiguousarray(scene.picture[:, ::-1])
    return Scene(picture, boxes, landmarks)


def _room(box: Float32, taken: Sequence[Float32], window: int) -> bool:
    """Whether a face may stand there: three fifths of it in the picture, and little of another's box under it."""
    low, high = np.maximum(box[:2], 0), np.minimum(box[2:], window)
    area = (box[2:] - box[:2]).prod()
    if np.maximum(high - low, 0).prod() < 0.6 * area:
        return False
    for other in taken:
        shared = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
        if np.maximum(shared, 0).prod() > 0.15 * min(area, (other[2:] - other[:2]).prod()):
            return False
    return True
