"""How sure a detector has to be: chosen on pictures whose faces are known, of people outside the training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from facerec.errors import InvalidInput
from facerec.faces.single_shot import STRIDES, SingleShotSettings
from facerec.geometry import iou
from facerec.records import Faces, Float32, Image
from facerec.training.face_detector.composing import Scene

OVERLAP = 0.35
"""A face counts as found when a box has this overlap with its own."""
FALSE = 0.0025
"""False finds a picture that the threshold of a stride lets through."""


NEVER = 1 - 1e-6
"""What is usual at a stride that is not to find anything."""


def only(stride: int, threshold: float = 0.05) -> SingleShotSettings:
    """Settings with which the cells of one stride find faces, and the others none."""
    usual = tuple(0.5 if other == stride else NEVER for other in STRIDES)
    return SingleShotSettings(threshold=threshold, usual=usual)  # type: ignore[arg-type]


class Chosen(NamedTuple):
    """A threshold with its evidence."""

    threshold: float
    false_per_picture: float
    recall: float
    pictures: int
    faces: int


class Answers(NamedTuple):
    """What a detector says of pictures whose faces are known.

    true    (faces,)  float32  the score of the best find of each; 0 where there is none
    false   (finds,)  float32  the scores of finds that are no face
    """

    true: Float32
    false: Float32
    pictures: int


def answers(detect: Callable[[Image], Faces], scenes: Iterable[Scene]) -> Answers:
    """Ask a detector, at a low threshold, about pictures."""
    true: list[np.ndarray] = []
    false: list[np.ndarray] = []
    count = 0
    for scene in scenes:
        faces = detect(scene.picture)
        hit = iou(scene.boxes, faces.boxes) >= OVERLAP
        true.append((hit * faces.scores).max(axis=1, initial=0))
        false.append(faces.scores[~hit.any(axis=0)])
        count += 1
    if not count:
        raise InvalidInput("a threshold needs pictures to be chosen on")
    return Answers(np.concatenate(true).astype(np.float32), np.concatenate(false).astype(np.float32), count)


def choose(given: Answers, false: float = FALSE) -> Chosen:
    """The lowest threshold, in hundredths and from 0.5 up, that lets through at most `false` false finds a picture.

    The score is what the net thinks of its box: below 0.5 it thinks that less than half of it is right.

    >>> answers = Answers(np.float32([0.9, 0.55, 0]), np.float32([0.7, 0.6]), pictures=2)
    >>> choose(answers, false=0.5).threshold
    0.61
    """
    for hundredths in range(50, 100):
        threshold = hundredths / 100
        wrong = float((given.false >= threshold).sum()) / given.pictures
        if wrong <= false:
            break
    recall = float((given.true >= threshold).mean()) if len(given.true) else 0.0
    return Chosen(threshold, wrong, recall, given.pictures, len(given.true))
