"""What was found, for people and for programs: drawn, as JSON, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from facerec import images
from facerec.errors import InvalidInput
from facerec.records import Detections, Image
from facerec.replacing import replacing

COLOURS = (
    (230, 60, 50), (50, 150, 240), (80, 190, 80), (240, 170, 40), (170, 90, 220), (40, 190, 190), (240, 110, 180),
    (150, 120, 60),
)  # fmt: skip
COLUMNS = ("file", "frame", "name", "score", "x1", "y1", "x2", "y2")


def drawn(image: Image, found: Detections, names: Sequence[str]) -> Image:
    """A copy with a frame, a name and a score for each detection; each class has its colour, the best are on top."""
    best_last = found[::-1]
    labels = [f"{names[label]} {score:.2f}" for label, score in zip(best_last.labels, best_last.scores, strict=True)]
    return images.annotate(image, best_last.boxes, labels, [COLOURS[n % len(COLOURS)] for n in best_last.labels])


def answers_of(found: Detections, names: Sequence[str]) -> list[dict[str, Any]]:
    """Each detection as plain values: class, score, box in pixels."""
    return [
        {"name": names[label], "score": round(float(score), 4), "box": [round(float(side), 1) for side in box]}
        for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
    ]


def table_of(rows: Iterable[tuple[str, int | None, dict[str, Any]]], path: Path) -> None:
    """Write (file, number of the frame, detection) rows as CSV. Raises InvalidInput where it cannot be written."""
    try:
        with replacing(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(COLUMNS)
            for file, frame, each in rows:
                writer.writerow([file, "" if frame is None else frame, each["name"], each["score"], *each["box"]])
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be written: {error.strerror}") from error
