"""The region proposal network: Ren et al., "Faster R-CNN: towards real-time object detection with region proposal
networks", 2015.

A small convolution slides over the trunk's map and says at every cell, for each of K anchors, whether it shows an
object of any class, and where that lies, seen from the anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.detection.box_codes import clipped, decode, encode, overlaps
from facerec.detection.fresh import begin
from facerec.detection.matching import match, sample
from facerec.geometry import nms

SMOOTH = 1 / 9
"""Where the error of a code turns from squared to absolute, in the RPN."""


class Guesses(NamedTuple):
    """What the network says of the A anchors of every picture: objectness (B, A) logits, codes (B, A, 4)."""

    objectness: Tensor
    codes: Tensor


class RPN(nn.Module):
    """Maps (B, C, h, w) -> guesses for the h * w * K anchors in the order of `around_cells`."""

    def __init__(self, channels: int, per_cell: int, width: int = 128):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.objectness = nn.Conv2d(width, per_cell, 1)
        self.codes = nn.Conv2d(width, 4 * per_cell, 1)
        for layer in (self.conv, self.objectness, self.codes):
            begin(layer, 0.01)

    def forward(self, maps: Tensor) -> Guesses:
        x = F.relu(self.conv(maps))
        objectness = self.objectness(x).permute(0, 2, 3, 1)  # (B, h, w, K)
        codes = self.codes(x).permute(0, 2, 3, 1)  # (B, h, w, K * 4)
        return Guesses(objectness.flatten(1), codes.reshape(len(maps), -1, 4))


def rpn_losses(
    guesses: Guesses, anchors: Tensor, objects: Sequence[Tensor], count: int, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Of objectness, and of the codes of anchors with an object: the mean over `count` sampled anchors of a picture.

    `objects` are each picture's boxes (G, 4). An anchor is an object from IoU 0.7 on, or as an object's best, and
    background below 0.3.
    """
    logits, wanted, wrong = [], [], [guesses.codes.sum() * 0]
    for objectness, codes, boxes in zip(*guesses, objects, strict=True):
        taken = match(overlaps(anchors, boxes), 0.7, 0.3, each_object=True)
        rows = sample(taken, count, 0.5, draw)
        logits.append(objectness[rows])
        wanted.append((taken[rows] >= 0).float())
        near = rows[taken[rows] >= 0]
        codes_wanted = encode(boxes[taken[near]], anchors[near])
        wrong.append(F.smooth_l1_loss(codes[near], codes_wanted, reduction="sum", beta=SMOOTH))
    all_logits = torch.cat(logits)
    return (
        F.binary_cross_entropy_with_logits(all_logits, torch.cat(wanted)),
        torch.stack(wrong).sum() / len(all_logits),
    )


@torch.no_grad()
def proposals(
    guesses: Guesses, anchors: Tensor, size: tuple[int, int], before: int, after: int, overlap: float = 0.7
) -> list[Tensor]:
    """The likeliest boxes of each picture of (height, width) `size`, apart from each other: at most `after` (N, 4)."""
    found = []
    for objectness, codes in zip(*guesses, strict=True):
        scores, rows = objectness.topk(min(before, len(objectness)))
        boxes = clipped(decode(codes[rows], anchors[rows]), size[1], size[0])
        seen = ((boxes[:, 2:] - boxes[:, :2]) >= 2).all(dim=1)
        boxes, scores = boxes[seen], scores[seen]
        kept = nms(boxes.cpu().numpy(), scores.cpu().numpy(), overlap)[:after]
        found.append(boxes[torch.from_numpy(kept).to(boxes.device)])
    return found
