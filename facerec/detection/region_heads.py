"""What two-stage detectors make of each region: its class, and where the object lies, seen from the region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.detection.box_codes import HEAD, clipped, decode, encode, overlaps
from facerec.detection.choosing import Choice
from facerec.detection.fresh import begin
from facerec.detection.matching import NOTHING, match, sample
from facerec.detection.roi_pool import position_sensitive_pool, roi_max_pool
from facerec.geometry import nms_per_class
from facerec.records import Detections


class Answers(NamedTuple):
    """Of N regions: logits (N, C + 1), the last the background's, and codes of each class (N, C, 4)."""

    logits: Tensor
    codes: Tensor


class PooledHead(nn.Module):
    """Fast R-CNN's (Girshick, 2015): the region's cells by max pooling, dense layers, two answers."""

    def __init__(self, channels: int, classes: int, cells: int = 7, width: int = 256):
        super().__init__()
        self.cells, self.classes = cells, classes
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * cells**2, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
        )
        self.logits, self.codes = nn.Linear(width, classes + 1), nn.Linear(width, 4 * classes)
        begin(self.logits, 0.01)
        begin(self.codes, 0.001)

    def forward(self, maps: Tensor, regions: Tensor, owners: Tensor, scale: float) -> Answers:
        x = roi_max_pool(maps, regions, owners, self.cells, scale)  # (N, C, cells, cells)
        x = self.dense(x)
        return Answers(self.logits(x), self.codes(x).reshape(len(x), self.classes, 4))


class PositionSensitiveHead(nn.Module):
    """R-FCN's (Dai et al., 2016): everything that learns sees the whole picture, a region only averages.

    cells^2 score maps a class say how much each place looks like that part of an object of the class; a region's part
    takes the mean of its own map there, and the parts vote. Boxes likewise, the same for all classes.
    """

    def __init__(self, channels: int, classes: int, cells: int = 3):
        super().__init__()
        self.cells, self.classes = cells, classes
        self.scores = nn.Conv2d(channels, cells**2 * (classes + 1), 1)
        self.places = nn.Conv2d(channels, cells**2 * 4, 1)
        begin(self.scores, 0.01)
        begin(self.places, 0.001)

    def forward(self, maps: Tensor, regions: Tensor, owners: Tensor, scale: float) -> Answers:
        votes = position_sensitive_pool(self.scores(maps), regions, owners, self.cells, scale)  # (N, C + 1, k, k)
        places = position_sensitive_pool(self.places(maps), regions, owners, self.cells, scale)  # (N, 4, k, k)
        codes = places.mean(dim=(2, 3))
        return Answers(votes.mean(dim=(2, 3)), codes[:, None].expand(-1, self.classes, -1))


class Chosen(NamedTuple):
    """Regions to learn from, S in all: whose they are, what they show (the background last), and its box."""

    regions: Tensor
    owners: Tensor
    labels: Tensor
    boxes: Tensor


@torch.no_grad()
def chosen_regions(
    regions: Sequence[Tensor],
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    classes: int,
    count: int,
    draw: torch.Generator,
) -> Chosen:
    """`count` regions of each picture, a quarter of them at IoU 0.5 or more with an object, which they then show.

    regions (N, 4), boxes (G, 4) and labels (G,) of each picture; the objects' own boxes are regions too.
    """
    parts = []
    for owner, (some, own, kinds) in enumerate(zip(regions, boxes, labels, strict=True)):
        every = torch.cat([some, own])
        taken = match(overlaps(every, own), 0.5, 0.5)
        rows = sample(taken, count, 0.25, draw)
        whose = taken[rows]
        target = torch.where(whose[:, None] >= 0, own[whose.clamp(min=0)], every[rows]) if len(own) else every[rows]
        kind = torch.full_like(whose, classes)
        kind[whose != NOTHING] = kinds[whose[whose != NOTHING]]
        parts.append((every[rows], torch.full_like(whose, owner), kind, target))
    return Chosen(*(torch.cat(each) for each in zip(*parts, strict=True)))


def head_losses(answers: Answers, chosen: Chosen) -> tuple[Tensor, Tensor]:
    """Of the classes, and of the codes of regions that show an object: means over all regions, 0 of none."""
    if not len(chosen.labels):
        return answers.logits.sum(), answers.codes.sum()
    shown = torch.nonzero(chosen.labels < answers.codes.shape[1]).flatten()
    codes = answers.codes[shown, chosen.labels[shown]]
    wanted = encode(chosen.boxes[shown], chosen.regions[shown], HEAD)
    wrong = F.smooth_l1_loss(codes, wanted, reduction="sum") / max(1, len(chosen.labels))
    return F.cross_entropy(answers.logits, chosen.labels), wrong


@torch.no_grad()
def detections_of(answers: Answers, regions: Tensor, size: tuple[int, int], how: Choice) -> Detections:
    """What the answers on one picture's regions amount to: (N, 4) -> the best, each class apart from itself."""
    shares = torch.softmax(answers.logits, dim=1)[:, :-1]
    rows, labels = torch.nonzero(shares >= how.floor, as_tuple=True)
    moved = clipped(decode(answers.codes[rows, labels], regions[rows], HEAD), size[1], size[0])
    boxes, scores, kinds = moved.cpu().numpy(), shares[rows, labels].cpu().numpy(), labels.cpu().numpy()
    kept = nms_per_class(boxes, scores, kinds, how.overlap)[: how.most]
    return Detections.best_first(boxes[kept], scores[kept], kinds[kept])
