"""How usable a face is, before anybody is compared: the detector's score, size, sharpness and pose.

From the five landmarks, with u the direction from the left to the right eye, v the one at right angles to it
that points down the face, e the point midway between the eyes, m the one midway between the mouth's corners and
n the nose:

    eye distance  |right eye - left eye|
    roll          the angle of u, degrees
    yaw           2 (n - e).u / eye distance
    pitch         2 ((n - e).v / (m - e).v - the same share in the canonical template)

so that a frontal, upright face has yaw, pitch and roll near 0. Yaw and pitch are cut to -1..1; they order faces by
pose, and are no angles. Sharpness is the variance of the Laplacian of the aligned face (Pech-Pacheco et al., 2000)
over the face itself, the border of the crop left out, for that may show where the picture ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facerec.faces.align import TEMPLATE
from facerec.records import Faces, Float32, Quality

GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
FACE = (slice(32, 105), slice(24, 88))  # rows and columns of the aligned face: brows to chin, cheek to cheek


def quality(faces: Faces, crops: NDArray[np.uint8]) -> Quality:
    """The quality of the faces of a picture, given their aligned crops, (N, 112, 112, 3)."""
    yaw, pitch, roll = pose(faces.landmarks)
    return Quality(faces.scores, eye_distance(faces.landmarks), sharpness(crops), yaw, pitch, roll)


def eye_distance(landmarks: Float32) -> Float32:
    """(N, 5, 2) -> (N,), pixels."""
    return np.asarray(np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1), np.float32)


def sharpness(crops: NDArray[np.uint8]) -> Float32:
    """(N, 112, 112, 3) RGB -> (N,), grey levels squared; 0 for a face of one colour."""
    grey = crops[:, *FACE] @ GREY
    middle = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.asarray((around - 4 * middle).var(axis=(1, 2)), np.float32)


def pose(landmarks: Float32) -> tuple[Float32, Float32, Float32]:
    """Yaw, pitch (-1..1) and roll (degrees, -180..180, clockwise in the image): (N, 5, 2) -> three (N,)."""
    along, down = _nose(landmarks)
    _, frontal = _nose(TEMPLATE[None])
    eyes = landmarks[:, 1] - landmarks[:, 0]
    roll = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    return np.clip(2 * along, -1, 1), np.clip(2 * (down - frontal), -1, 1), roll


def _nose(landmarks: Float32) -> tuple[Float32, Float32]:
    """Where the nose is, (N,), (N,): along the eyes, in eye distances from their middle; from eyes 0 to mouth 1.

    Where a distance is less than a pixel, so that it can divide nothing, it counts as one.
    """
    between, mouth = (landmarks[:, 0] + landmarks[:, 1]) / 2, (landmarks[:, 3] + landmarks[:, 4]) / 2
    apart = np.maximum(eye_distance(landmarks), 1)
    u = (landmarks[:, 1] - landmarks[:, 0]) / apart[:, None]
    v = np.stack([-u[:, 1], u[:, 0]], axis=1)
    nose = landmarks[:, 2] - between
    height = np.maximum(((mouth - between) * v).sum(axis=1), 1)
    return (nose * u).sum(axis=1) / apart, (nose * v).sum(axis=1) / height
