"""FCN: Long, Shelhamer, Darrell, "Fully convolutional networks for semantic segmentation", 2015.

A classifier whose dense layers are convolutions scores every cell of its last map. FCN-32s enlarges those scores to the
picture in one step; FCN-16s doubles them first and adds scores of the map in front of the last pooling; FCN-8s does
that once more. The number is the step of the finest map that is looked at, in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from facerec.cnn.blocks import Entrance
from facerec.cnn.receptive_field import ReceptiveField
from facerec.cnn.trace import trace
from facerec.errors import InvalidInput
from facerec.segmentation.upsampling import Upsampling, filled

STRIDES = (8, 16, 32)
PROBE = 256
"""Side of the input that maps are followed with, pixels: a multiple of every step."""


@dataclass(frozen=True, slots=True, eq=False)
class Trunk:
    """A classifier cut where its maps are looked at.

    stages    modules, one after the other; each ends where a map may be scored, the last in front of the head
    head      what was the classifier's dense end, without its last layer: maps of the last stage -> maps
    channels  of the pictures
    """

    stages: Sequence[nn.Module]
    head: nn.Module
    channels: int = 3


class FCN(nn.Module):
    """(B, channels, H, W) -> scores (B, classes, H, W), of any size.

    stride   8, 16 or 32: the step of the finest map that is scored
    learned  enlarge by transposed convolutions that begin as bilinear, else by bilinear interpolation alone

    Raises InvalidInput where the trunk has no map of that step.
    """

    def __init__(self, trunk: Trunk, classes: int, stride: int = 8, learned: bool = True):
        super().__init__()
        places = follow(trunk)
        steps = [int(place.field.jump) for place in places]
        if stride not in STRIDES or stride not in steps:
            known = ", ".join(str(step) for step in STRIDES if step in steps)
            raise InvalidInput(f"an FCN-{stride}s needs a map with a step of {stride} pixels; this trunk has: {known}")
        self.multiple = steps[-1]
        self.entrance = Entrance(trunk.channels, 1)
        self.stages = nn.ModuleList(trunk.stages)
        self.head = trunk.head
        self.scored = [number for number, step in enumerate(steps[:-1]) if stride <= step < steps[-1]]
        self.score = scorer(places[-1].channels, classes)
        self.skips = nn.ModuleDict({str(n): scorer(places[n].channels, classes) for n in self.scored})
        route = [places[-1], *(places[n] for n in reversed(self.scored)), Place(ReceptiveField(), trunk.channels)]
        self.rises = nn.ModuleList(
            between(coarse.field, fine.field, classes, learned) for coarse, fine in pairwise(route)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = (x.shape[2], x.shape[3])
        x = filled(self.entrance(x), self.multiple)
        skipped: list[torch.Tensor] = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in self.scored:
                skipped.append(self.skips[str(number)](x))
        x = self.score(self.head(x))
        for rise in list(self.rises)[:-1]:
            fine = skipped.pop()
            x = fine + rise(x, (fine.shape[2], fine.shape[3]))
        scores: torch.Tensor = self.rises[-1](x, size)
        return scores


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cells of a map lie in the picture, and how many channels it has."""

    field: ReceptiveField
    channels: int


def follow(trunk: Trunk) -> list[Place]:
    """Of the map behind each stage, the last one's behind the head: without computing any."""
    whole = nn.Sequential(*trunk.stages, trunk.head)
    ends = {call.name: call for call in trace(whole, (trunk.channels, PROBE, PROBE))}
    names = [*map(str, range(len(trunk.stages) - 1)), str(len(trunk.stages))]
    return [Place(ends[name].fields[0], ends[name].shape[0]) for name in names]


def between(coarse: ReceptiveField, fine: ReceptiveField, classes: int, learned: bool) -> Upsampling:
    """What lays a map of scores over a finer map."""
    factor = round(coarse.jump / fine.jump)
    return Upsampling(classes, factor, (coarse.centre - fine.centre) / fine.jump, learned)


def scorer(channels: int, classes: int) -> nn.Conv2d:
    """A 1x1 convolution that begins at zero, as the authors' do: what it sees counts only once it has learned."""
    layer = nn.Conv2d(channels, classes, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
