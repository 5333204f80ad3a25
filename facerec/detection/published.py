"""Detectors in their published shapes by name, with the size and the count that their publishers give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from facerec.detection.efficientdet import EfficientDetD0
from facerec.detection.ssd import SSD300
from facerec.detection.yolo.v1 import YoloV1
from facerec.detection.yolo.v2 import YoloV2
from facerec.detection.yolo.v3 import YoloV3
from facerec.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class PublishedDetector:
    """How to build a detector, and what its publishers say of it.

    build       classes -> the network with fresh weights, for pictures 0..1
    size        side of the published input, pixels
    classes     how many it was published with
    parameters  published, trainable; None where nobody prints a count
    source      whose count that is
    """

    build: Callable[[int], nn.Module]
    size: int
    classes: int
    parameters: int | None
    source: str


DETECTORS: dict[str, PublishedDetector] = {
    "yolov1": PublishedDetector(YoloV1, 448, 20, None, "the paper prints the layers"),
    "yolov2": PublishedDetector(YoloV2, 608, 80, 50_962_889, "Keras' summary of the authors' file"),
    "yolov3": PublishedDetector(YoloV3, 416, 80, 61_949_149, "Keras' summary of the authors' file"),
    "ssd300": PublishedDetector(SSD300, 300, 90, 35_641_826, "torchvision (as ssd300_vgg16)"),
    "efficientdet_d0": PublishedDetector(EfficientDetD0, 512, 90, 3_880_067, "by hand (the paper: 3.9 million)"),
}


def create(name: str, classes: int | None = None) -> nn.Module:
    """Build the named detector with fresh weights, for as many classes as published or others.

    Raises InvalidInput for an unknown name, listing the known ones, and for fewer than one class.
    """
    if name not in DETECTORS:
        raise InvalidInput(f"no detector {name!r}; known: {', '.join(DETECTORS)}")
    entry = DETECTORS[name]
    count = entry.classes if classes is None else classes
    if count < 1:
        raise InvalidInput(f"a detector needs at least one class, got {count}")
    return entry.build(count)
