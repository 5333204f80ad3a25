"""Videos, frame by frame. With `facerec.faces.yunet`, the home of OpenCV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facerec.errors import BadImage, InvalidInput, MissingPart
from facerec.records import Image

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})


def is_video_name(path: Path) -> bool:
    """Does the name end like a video's, and is it not hidden?"""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def opencv() -> Any:
    """The module cv2. Raises MissingPart where it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise MissingPart("videos need OpenCV: pip install 'facerec[video]'") from error
    return cv2


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a video: frames (0 where it does not say), frames a second, width and height in pixels."""

    frames: int
    rate: float
    width: int
    height: int


def facts_of(path: Path) -> Facts:
    """What a video says of itself. Raises BadImage where it is none."""
    cv2, capture = opencv(), opened(path)
    try:
        values = [capture.get(key) for key in (
            cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT,
        )]  # fmt: skip
    finally:
        capture.release()
    frames, rate, width, height = (value if math.isfinite(value) and value > 0 else 0.0 for value in values)
    return Facts(int(frames), rate, int(width), int(height))


def opened(path: Path) -> Any:
    """An OpenCV capture. Raises BadImage where there is no video that can be read."""
    if not path.is_file():
        raise BadImage(f"{str(path)!r} is no video file")
    capture = opencv().VideoCapture(str(path))
    if not capture.isOpened():
        capture.release()
        raise BadImage(f"{str(path)!r} is no video that can be read: save it as MP4")
    return capture


def frames(path: Path, every: int = 1) -> Iterator[tuple[int, Image]]:
    """Number, from 0, and picture of every so many frames: RGB uint8 (H, W, 3).

    Raises BadImage where there is no video that can be read, or it has no frame; InvalidInput for `every` below 1.
    """
    if every < 1:
        raise InvalidInput(f"every {every} frames makes no sense: give 1 or more")
    capture, number = opened(path), 0
    try:
        while capture.grab():
            if number % every == 0:
                there, frame = capture.retrieve()
                if there:
                    yield number, np.ascontiguousarray(frame[:, :, ::-1])
            number += 1
    finally:
        capture.release()
    if not number:
        raise BadImage(f"{str(path)!r} has no frame that can be read")


class Writer:
    """Writes an MP4 of frames of one size: use as a context. Raises InvalidInput where it cannot be written."""

    def __init__(self, path: Path, rate: float, width: int, height: int):
        cv2 = opencv()
        path.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter_fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(path), code, rate or 25.0, (width, height))
        if not self._writer.isOpened():
            raise InvalidInput(f"{str(path)!r} cannot be written as MP4")

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()

    def __call__(self, frame: Image) -> None:
        """Add one frame: RGB uint8 (height, width, 3)."""
        self._writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
