"""A picture of any size in a frame of one size, its proportions kept, and the way back for boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facerec import images
from facerec.geometry import clip
from facerec.records import Float32, Image

GREY = 114
"""Level of the frame where the picture does not reach: about the mean of photographs."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in a frame.

    picture  (height, width) of the picture, pixels
    frame    (height, width)
    """

    picture: tuple[int, int]
    frame: tuple[int, int]

    @property
    def inner(self) -> tuple[int, int]:
        """(height, width) of the picture in the frame."""
        scale = min(self.frame[0] / self.picture[0], self.frame[1] / self.picture[1])
        return max(1, round(self.picture[0] * scale)), max(1, round(self.picture[1] * scale))

    @property
    def corner(self) -> tuple[int, int]:
        """(top, left): it lies in the middle."""
        return (self.frame[0] - self.inner[0]) // 2, (self.frame[1] - self.inner[1]) // 2

    def image(self, image: Image) -> Image:
        """(H, W, 3) -> (*frame, 3) uint8."""
        framed = np.full((*self.frame, 3), GREY, np.uint8)
        (top, left), (height, width) = self.corner, self.inner
        framed[top : top + height, left : left + width] = images.resize(image, self.inner)
        return framed

    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Frame pixels per picture pixel and the corner, each as x y x y."""
        (top, left), (height, width) = self.corner, self.inner
        share = [width / self.picture[1], height / self.picture[0]]
        return np.array(share * 2), np.array([left, top] * 2)

    def into(self, boxes: np.ndarray) -> Float32:
        """Boxes of the picture as boxes of the frame: (N, 4) -> (N, 4)."""
        share, corner = self._steps()
        return np.asarray(boxes * share + corner, np.float32)

    def back(self, boxes: np.ndarray) -> Float32:
        """Boxes of the frame as boxes of the picture, cut to it: (N, 4) -> (N, 4)."""
        share, corner = self._steps()
        height, width = self.picture
        return np.asarray(clip((boxes - corner) / share, width, height), np.float32)
