"""Alignment: every face turned, scaled and shifted so that its landmarks lie where the encoder expects them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facerec.geometry import similarity_transform, warp
from facerec.records import Faces, Float32, Image

SIDE = 112
TEMPLATE: Float32 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
"""(5, 2) x y, pixels of the aligned face: where ArcFace (Deng et al., 2019) and its successors put them."""


def align(image: Image, faces: Faces) -> NDArray[np.uint8]:
    """The faces of a picture, aligned: (H, W, 3) RGB -> (N, 112, 112, 3), in the order of `faces`.

    By the similarity transform that brings the five landmarks nearest to TEMPLATE in the least squares sense;
    black where the picture ends. A face much larger than 112 pixels is averaged down, not sampled.
    Raises InvalidInput for landmarks that coincide or are not finite.
    """
    crops = np.empty((len(faces), SIDE, SIDE, 3), np.uint8)
    for crop, landmarks in zip(crops, faces.landmarks, strict=True):
        crop[:] = warp(image, similarity_transform(landmarks, TEMPLATE), (SIDE, SIDE))
    return crops
