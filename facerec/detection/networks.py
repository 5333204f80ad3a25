"""The networks with anchors that can be trained by `facerec detect train`, and how each speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from facerec.detection.anchors import anchors_of
from facerec.detection.yolo import v3
from facerec.detection.yolo.places import Anchors, Places
from facerec.detection.yolo.small import ANCHORS, STRIDES, SmallYolo
from facerec.errors import InvalidInput
from facerec.records import Objects


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of network.

    build    classes and width -> the network: pictures 0..1 -> a map for each stride
    strides  of its maps, finest first; `anchors` of each
    encode, loss, decode   as in `facerec.detection.yolo.v3`
    """

    build: Callable[[int, float], nn.Module]
    strides: tuple[int, ...]
    anchors: int
    encode: Callable[[Sequence[Objects], Places], v3.Target]
    loss: Callable[[Tensor, v3.Target, Places], v3.Parts]
    decode: Callable[[Tensor, Places], tuple[Tensor, Tensor]]

    def priors(self, sizes: np.ndarray, rng: np.random.Generator) -> Anchors:
        """Anchors for boxes of these sizes (N, 2), the smallest for the finest map."""
        found = anchors_of(sizes, self.anchors * len(self.strides), rng).reshape(len(self.strides), self.anchors, 2)
        return tuple(tuple((round(float(w), 1), round(float(h), 1)) for w, h in own) for own in found)


FAMILIES: dict[str, Family] = {
    "small": Family(SmallYolo, STRIDES, ANCHORS, v3.encode, v3.loss_by_overlap, v3.decode),
}


def family(name: str) -> Family:
    """Raises InvalidInput, listing the known ones, for an unknown network."""
    if name not in FAMILIES:
        raise InvalidInput(f"no detection network {name!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[name]
