"""The networks that can be trained by `facerec detect train`, and how each speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from facerec.detection.anchors import anchors_of
from facerec.detection.yolo import v1, v2, v3
from facerec.detection.yolo.places import Anchors, Places
from facerec.detection.yolo.small import ANCHORS, STRIDES, SmallYolo
from facerec.detection.yolo.targets import Parts, encode
from facerec.errors import InvalidInput
from facerec.records import Objects


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of network.

    build    classes and width -> the network: pictures 0..1 -> a map for each stride
    strides  of its maps, finest first; `anchors` of each
    encode   objects of a batch -> what the places have to say, in the network's own form
    loss     rows of all places (B, P, K) and that -> its parts
    decode   rows -> boxes (B, N, 4) and scores (B, N, C)
    """

    build: Callable[[int, float], nn.Module]
    strides: tuple[int, ...]
    anchors: int
    encode: Callable[[Sequence[Objects], Places], Any]
    loss: Callable[[Tensor, Any, Places], Parts]
    decode: Callable[[Tensor, Places], tuple[Tensor, Tensor]]

    def priors(self, sizes: np.ndarray, rng: np.random.Generator) -> Anchors:
        """Anchors for boxes of these sizes (N, 2), the smallest for the finest map.

        Where too few boxes differ, smaller and larger ones of their shape are taken in.
        """
        count = self.anchors * len(self.strides)
        if len(np.unique(sizes, axis=0)) < count:
            sizes = np.concatenate([sizes * factor for factor in np.geomspace(0.5, 2, count)])
        found = anchors_of(sizes, count, rng).reshape(len(self.strides), self.anchors, 2)
        return tuple(tuple((round(float(w), 1), round(float(h), 1)) for w, h in own) for own in found)


FAMILIES: dict[str, Family] = {
    "small": Family(SmallYolo, STRIDES, ANCHORS, encode, v3.loss_by_overlap, v3.decode),
    "yolov1": Family(v1.YoloV1, (v1.STRIDE,), 1, v1.encode, v1.loss, v1.decode),
    "yolov2": Family(v2.YoloV2, v2.STRIDES, 5, encode, v2.loss, v2.decode),
    "yolov3": Family(v3.YoloV3, v3.STRIDES, 3, encode, v3.loss, v3.decode),
}


def family(name: str) -> Family:
    """Raises InvalidInput, listing the known ones, for an unknown network."""
    if name not in FAMILIES:
        raise InvalidInput(f"no detection network {name!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[name]
