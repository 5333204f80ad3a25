"""How well a trained network does on pictures with masks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from facerec.metrics.segmentation import PixelAgreement
from facerec.segmentation.data import Masked, Progress, silent
from facerec.segmentation.segmenter import Segmenter


def evaluate(segmenter: Segmenter, tested: Masked, progress: Progress = silent) -> PixelAgreement:
    """Over all pixels that count, at the pictures' own size."""

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for done, (picture, mask) in enumerate(zip(tested.pictures, tested.masks, strict=True), start=1):
            yield mask, segmenter(picture)
            progress(done, len(tested))

    return PixelAgreement.of(pairs(), len(segmenter.labels.names))


def as_answer(found: PixelAgreement, names: tuple[str, ...]) -> dict[str, Any]:
    """For a report: shares 0..1, None where a class neither occurs nor is guessed."""
    return {
        "accuracy": found.accuracy,
        "mean_accuracy": found.mean_accuracy,
        "mean_iou": found.mean_iou,
        "classes": {
            name: {"iou": known(iou), "dice": known(dice), "recall": known(recall)}
            for name, iou, dice, recall in zip(names, found.ious, found.dices, found.recalls, strict=True)
        },
        "pixels": found.pixels,
        "confusion": found.confusion.tolist(),
    }


def known(value: float) -> float | None:
    """NaN is no JSON."""
    return float(value) if np.isfinite(value) else None
