"""How well a detector does on annotated pictures, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facerec import images
from facerec.detection.annotated import Annotated, Progress, silent
from facerec.errors import BadImage, InvalidInput
from facerec.metrics.detection import average_precisions, coco_ap, confused, mean_ap
from facerec.records import Detections, Image, Objects

Find = Callable[[Image], Detections]
"""A detector of any kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a detector found on pictures that could be read.

    found    of each picture
    truth    of each picture
    names    of the classes
    seconds  for each picture, without reading it
    refused  (source, reason) of every picture that could not be read
    """

    found: tuple[Detections, ...]
    truth: tuple[Objects, ...]
    names: tuple[str, ...]
    seconds: tuple[float, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def as_dict(self, floor: float) -> dict[str, object]:
        """AP as VOC counts it and as COCO does; found, wrong and missed with scores from `floor` on.

        Raises InvalidInput where there is nothing to find.
        """
        if not any(len(each) for each in self.truth):
            raise InvalidInput("there is no object to find on these pictures: average precision needs one at least")
        classes = len(self.names)
        each = average_precisions(self.found, self.truth, classes)
        counts = np.zeros((classes, 3), np.int64)
        counted = confused(self.found, self.truth, floor)
        counts[: len(counted)] = counted
        rows = {
            name: {
                "ap_50": None if np.isnan(ap) else float(ap), "objects": int(right + missed),
                "found": int(right), "wrong": int(wrong), "missed": int(missed),
            }
            for name, ap, (right, wrong, missed) in zip(self.names, each, counts, strict=True)
        }  # fmt: skip
        return {
            "mean_ap_50": float(np.nanmean(each)),
            "mean_ap_50_11_points": mean_ap(self.found, self.truth, classes, form="voc11"),
            "coco_ap": coco_ap(self.found, self.truth, classes),
            "classes": rows, "floor": floor, "pictures": len(self.truth), "left_out": len(self.refused),
            "seconds_per_picture": float(np.median(self.seconds)),
        }  # fmt: skip


def measure(find: Find, data: Annotated, progress: Progress = silent) -> Measured:
    """Let a detector look at every picture; one picture before the clock runs. Those that cannot be read are told.

    Raises InvalidInput where none can be read.
    """
    kept: list[tuple[Detections, Objects, float]] = []
    refused = []
    for done, (path, objects) in enumerate(zip(data.paths, data.objects, strict=True), start=1):
        progress(done, len(data))
        try:
            image = images.load(path, images.ANY_SIZE)
        except BadImage as error:
            refused.append((str(path), str(error)))
            continue
        if not kept:
            find(image)
        started = time.perf_counter()
        found = find(image)
        kept.append((found, objects, time.perf_counter() - started))
    if not kept:
        raise InvalidInput(f"none of {len(data)} pictures can be read; the first: {refused[0][1]}")
    found_all, truth, seconds = zip(*kept, strict=True)
    return Measured(found_all, truth, data.names, seconds, tuple(refused))
