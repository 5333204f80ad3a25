"""Crops put into pictures through a transform: masks, soft shapes, and what a camera does to the whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facerec.geometry import apply
from facerec.images import decode
from facerec.learning.datasets import SIDE
from facerec.records import Float32, Image

BLACK = 12
"""Levels up to this at a crop's edge are where its source picture ended."""


def pictured(crop: Image) -> NDArray[np.bool_]:
    """Where a crop shows its source, (128, 128): all but black areas at its edge, and what lies next to these."""
    dark = cv2.inRange(np.ascontiguousarray(crop), (0, 0, 0), (BLACK, BLACK, BLACK)) // 255
    edge = dark[[0, -1]].any() or dark[:, [0, -1]].any()
    if not edge:
        return np.ones(dark.shape, np.bool_)
    _, areas = cv2.connectedComponents(dark)
    outer = np.unique(np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]]))
    outside = np.isin(areas, outer[outer > 0]).astype(np.uint8)
    if outside.sum() < 64:
        return np.ones(dark.shape, np.bool_)
    return np.asarray(cv2.dilate(outside, np.ones((7, 7), np.uint8)) == 0)


def blob(random: np.random.Generator) -> Float32:
    """A soft shape like a hand or an arm, (128, 128) of 0..1: some ovals that touch."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    x, y = 64.0, 64.0
    for _ in range(random.integers(1, 6)):
        axes = (int(random.uniform(8, 40)), int(random.uniform(6, 26)))
        cv2.ellipse(mask, (int(x), int(y)), axes, float(random.uniform(0, 180)), 0, 360, 1.0, -1)
        x, y = np.clip(np.array([x, y]) + random.normal(0, 22, 2), 30, 98)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), float(random.uniform(0.8, 3))), np.float32)


def about(middle: np.ndarray, target: np.ndarray, scale: float, degrees: float, stretch: float) -> NDArray[np.float64]:
    """The transform (2, 3) that turns and scales about `middle`, which goes to `target`; `stretch` widens first."""
    turn = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * [stretch, 1 / stretch]
    return np.column_stack([linear, target - linear @ middle])


def drawn_out(crop: Image, matrix: np.ndarray, border: int) -> tuple[Image, np.ndarray, Float32]:
    """A crop with its edge pixels drawn outwards and faded, and the transform that keeps it where it was."""
    larger = as_image(cv2.copyMakeBorder(crop, border, border, border, border, cv2.BORDER_REPLICATE))
    mask = np.zeros(larger.shape[:2], np.float32)
    mask[border // 2 : -border // 2, border // 2 : -border // 2] = 1
    mask = np.asarray(cv2.blur(mask, (border, border)), np.float32)
    shift = np.full(2, -border)
    return larger, np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ shift]), mask


def paste(picture: Image, crop: Image, matrix: np.ndarray, mask: Float32) -> None:
    """Draw a crop into a picture through a transform, as much of each pixel as `mask` says; it is averaged down first
    where it becomes much smaller, so that nothing is sampled at random.
    """
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if scale < 0.7:
        side = max(round(crop.shape[0] * scale), 2)
        factor = side / crop.shape[0]
        crop = as_image(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA))
        mask = np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA), np.float32)
        linear = matrix[:, :2] / factor
        matrix = np.column_stack([linear, matrix[:, 2] + linear @ np.full(2, (factor - 1) / 2)])
    corners = apply(matrix, np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (crop.shape[0] - 1))
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, [picture.shape[1], picture.shape[0]])
    if (high <= low).any():
        return
    moved = np.column_stack([matrix[:, :2], matrix[:, 2] - low])
    size = tuple(int(side) for side in high - low)
    window = picture[low[1] : high[1], low[0] : high[0]]
    drawn = cv2.warpAffine(crop, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(mask, moved, size, flags=cv2.INTER_LINEAR)[..., None]
    window[:] = (window + share * (drawn.astype(np.float32) - window)).astype(np.uint8)


def smear(picture: Image, box: Float32) -> None:
    """Blur what lies in a box beyond recognition: half a face is neither a face nor none."""
    low, high = np.maximum(box[:2], 0).astype(int), np.maximum(np.ceil(box[2:]), 0).astype(int)
    window = picture[low[1] : high[1], low[0] : high[0]]
    if window.size:
        window[:] = cv2.blur(window, (2 * window.shape[1] + 1, 2 * window.shape[0] + 1))


def as_image(levels: np.ndarray) -> Image:
    """Levels as OpenCV and arithmetic return them, as uint8."""
    return np.asarray(levels).astype(np.uint8, copy=False)


def compressed(picture: Image, quality: int) -> Image:
    """The picture after a round through JPEG, `quality` 1..100."""
    _, content = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return decode(content.tobytes())
