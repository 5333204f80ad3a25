"""Fast R-CNN, Faster R-CNN and R-FCN, small enough for a processor: one trunk for the whole picture, then regions.

Fast R-CNN (Girshick, 2015) takes regions from outside, selective search's for one. Faster R-CNN (Ren et al., 2015)
proposes them itself. R-FCN (Dai et al., 2016) is Faster R-CNN whose head is averages of score maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from facerec.detection.choosing import Choice
from facerec.detection.reference_boxes import around_cells, shapes
from facerec.detection.region_heads import (
    PooledHead,
    PositionSensitiveHead,
    chosen_regions,
    detections_of,
    head_losses,
)
from facerec.detection.rpn import RPN, Guesses, proposals, rpn_losses
from facerec.detection.squeeze_trunk import SqueezeTrunk, squeeze_trunk
from facerec.errors import InvalidInput
from facerec.records import Detections, Objects

Head = PooledHead | PositionSensitiveHead
WIDTH = 128
"""Channels of the map that both stages look at."""


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """How regions are proposed and learned from.

    scales, ratios   of the anchors: sides in pixels, and height over width
    sampled          anchors of a picture that the proposals learn from; `regions` likewise for the head
    before, after    boxes of a picture before non-maximum suppression and after it, in detection
    """

    scales: tuple[float, ...] = (16.0, 32.0, 64.0, 112.0)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    sampled: int = 128
    regions: int = 64
    before: int = 500
    after: int = 100


class Losses(NamedTuple):
    """The parts of a loss: of anchors, their codes, regions' classes, and their codes."""

    objectness: Tensor
    proposals: Tensor
    classes: Tensor
    boxes: Tensor

    @property
    def total(self) -> Tensor:
        return torch.stack(list(self)).sum()


class TwoStage(nn.Module):
    """Trunk, proposals and head. Pictures are (B, 3, H, W), 0..1, with sides that the trunk's stride divides.

    Without an RPN it is Fast R-CNN, and needs regions from outside.
    """

    def __init__(
        self,
        trunk: SqueezeTrunk,
        head: PooledHead | PositionSensitiveHead,
        settings: RegionSettings,
        has_rpn: bool = True,
    ):
        super().__init__()
        self.settings, self.trunk, self.head = settings, trunk, head
        self.neck = nn.Sequential(nn.Conv2d(trunk.channels, WIDTH, 1), nn.ReLU(inplace=True))
        self.sizes = shapes(settings.scales, settings.ratios)
        self.rpn = RPN(WIDTH, len(self.sizes)) if has_rpn else None

    def forward(self, pictures: Tensor) -> Tensor:
        """The map that both stages look at: (B, 128, H / 8, W / 8)."""
        maps: Tensor = self.neck(self.trunk(pictures))
        return maps

    def anchors(self, maps: Tensor) -> Tensor:
        """All anchors of a map: (A, 4) pixels."""
        return around_cells(maps.shape[2], maps.shape[3], self.trunk.stride, self.sizes).to(maps.device)

    def losses(
        self,
        pictures: Tensor,
        objects: Sequence[Objects],
        draw: torch.Generator,
        regions: Sequence[Tensor] | None = None,
    ) -> Losses:
        """What the network still has to learn from a batch. Regions from outside stand in for its own proposals."""
        maps, of = self(pictures), self.settings
        boxes = [torch.from_numpy(each.boxes).to(maps.device) for each in objects]
        labels = [torch.from_numpy(each.labels).to(maps.device) for each in objects]
        wrong, misplaced = maps.new_zeros(()), maps.new_zeros(())
        if self.rpn is not None:
            guesses, anchors = self.rpn(maps), self.anchors(maps)
            wrong, misplaced = rpn_losses(guesses, anchors, boxes, of.sampled, draw)
            regions = self._proposed(guesses, anchors, pictures)
        chosen = chosen_regions(self._given(regions), boxes, labels, self.head.classes, of.regions, draw)
        answers = self.head(maps, chosen.regions, chosen.owners, 1 / self.trunk.stride)
        return Losses(wrong, misplaced, *head_losses(answers, chosen))

    @torch.no_grad()
    def detect(self, pictures: Tensor, how: Choice, regions: Sequence[Tensor] | None = None) -> list[Detections]:
        """What is on each picture, in its pixels."""
        maps = self(pictures)
        if self.rpn is not None:
            regions = self._proposed(self.rpn(maps), self.anchors(maps), pictures)
        found = []
        for owner, some in enumerate(self._given(regions)):
            owners = torch.zeros(len(some), dtype=torch.long, device=maps.device)
            answers = self.head(maps[owner : owner + 1], some, owners, 1 / self.trunk.stride)
            found.append(detections_of(answers, some, (pictures.shape[2], pictures.shape[3]), how))
        return found

    def _proposed(self, guesses: Guesses, anchors: Tensor, pictures: Tensor) -> list[Tensor]:
        of, size = self.settings, (pictures.shape[2], pictures.shape[3])
        return proposals(guesses, anchors, size, of.before, of.after)

    def _given(self, regions: Sequence[Tensor] | None) -> Sequence[Tensor]:
        if regions is None:
            raise InvalidInput("Fast R-CNN proposes no regions itself: give those of selective search")
        return regions


def fast_rcnn(classes: int, weights: Path | None = None, settings: RegionSettings | None = None) -> TwoStage:
    """Fast R-CNN on SqueezeNet, with ImageNet's weights from a file or fresh ones."""
    return TwoStage(squeeze_trunk(weights), PooledHead(WIDTH, classes), settings or RegionSettings(), has_rpn=False)


def faster_rcnn(classes: int, weights: Path | None = None, settings: RegionSettings | None = None) -> TwoStage:
    """Faster R-CNN on SqueezeNet."""
    return TwoStage(squeeze_trunk(weights), PooledHead(WIDTH, classes), settings or RegionSettings())


def rfcn(classes: int, weights: Path | None = None, settings: RegionSettings | None = None) -> TwoStage:
    """R-FCN on SqueezeNet."""
    return TwoStage(squeeze_trunk(weights), PositionSensitiveHead(WIDTH, classes), settings or RegionSettings())
