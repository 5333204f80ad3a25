"""YOLOv2: Redmon and Farhadi, "YOLO9000: Better, Faster, Stronger", 2017.

Darknet-19 without its last layer, three 3x3 convolutions, and the finer map before the last pooling passed through, its
2x2 pixels stacked as channels. One map of stride 32; five anchors predict in each cell, classes by softmax.
Input: sides that 32 divides. With 80 classes at 608x608 the head is 19x19x425 and the net has 50,983,561 numbers, the
20,672 statistics of its norms included.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from facerec.cnn.blocks import Entrance
from facerec.detection.yolo.darknet import conv, thin
from facerec.detection.yolo.pairs import iou_of_pairs
from facerec.detection.yolo.places import Places
from facerec.detection.yolo.targets import Parts, Target, boxes_of, extent
from facerec.detection.yolo.v3 import nearest

STRIDES = (32,)
ANCHORS = (((18.3, 21.7), (60.0, 66.0), (106.8, 175.2), (252.3, 112.9), (312.7, 293.4)),)
"""Of COCO's boxes, at 416x416: the authors' 0.57273x0.677385 and so on, times 32."""

IGNORED_FROM = 0.6
"""A place whose box overlaps an object by more than this IoU is not told that nothing is there: the authors' code."""

OBJECT = 5.0
"""Weight of objectness where an object is: the authors' code."""


def pool() -> nn.MaxPool2d:
    """Halve."""
    return nn.MaxPool2d(2)


def narrowed(wide: int, narrow: int, times: int) -> list[nn.Module]:
    """1x1 to `narrow` channels and 3x3 back to `wide`, so many times."""
    return [layer for _ in range(times) for layer in (conv(wide, narrow, 1), conv(narrow, wide, 3))]


class YoloV2(nn.Module):
    """(B, 3, H, W) levels 0..1 -> one map (B, 5 * (5 + classes), H / 32, W / 32)."""

    def __init__(self, classes: int = 80, width: float = 1.0):
        super().__init__()
        c32, c64, c128, c256, c512, c1024 = thin(width, 32, 64, 128, 256, 512, 1024)
        self.entrance = Entrance(3, 32)
        self.to16 = nn.Sequential(
            *(conv(3, c32, 3), pool(), conv(c32, c64, 3), pool()),
            *(conv(c64, c128, 3), *narrowed(c128, c64, 1), pool()),
            *(conv(c128, c256, 3), *narrowed(c256, c128, 1), pool()),
            *(conv(c256, c512, 3), *narrowed(c512, c256, 2)),  # (B, 512, H / 16, W / 16)
        )
        self.to32 = nn.Sequential(
            *(pool(), conv(c512, c1024, 3), *narrowed(c1024, c512, 2)),  # Darknet-19 ends here
            *(conv(c1024, c1024, 3), conv(c1024, c1024, 3)),
        )
        self.passthrough = nn.Sequential(conv(c512, c64, 1), nn.PixelUnshuffle(2))  # (B, 256, H / 32, W / 32)
        joined = 4 * c64 + c1024
        self.head = nn.Sequential(conv(joined, c1024, 3), nn.Conv2d(c1024, len(ANCHORS[0]) * (5 + classes), 1))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        fine = self.to16(self.entrance(x))
        return (self.head(torch.cat([self.passthrough(fine), self.to32(fine)], dim=1)),)


def decode(rows: Tensor, where: Places) -> tuple[Tensor, Tensor]:
    """(B, P, 5 + C) -> boxes (B, P, 4), pixels of the input, and scores (B, P, C): objectness times class."""
    return boxes_of(rows[..., :4], where), rows[..., 4:5].sigmoid() * rows[..., 5:].softmax(dim=-1)


def loss(rows: Tensor, target: Target, where: Places) -> Parts:
    """Sums over all places, divided by the number of pictures: (B, P, 5 + C) -> scalars.

    Squared errors of centre and size, small boxes weighing more as in the authors' code; objectness is to be the IoU
    that the box has reached; cross-entropy of the softmax over classes.
    """
    found, batch = rows.flatten(0, 1)[target.rows], len(rows)
    at = torch.from_numpy(target.rows % len(where))
    values, boxes = (torch.from_numpy(each).to(rows) for each in (target.values, target.boxes))
    weight = 2 - (boxes[:, 2:] - boxes[:, :2]).prod(dim=1, keepdim=True) / extent(where)
    said = torch.cat([found[:, :2].sigmoid(), found[:, 2:4]], dim=1)
    box = (weight * (said - values).square()).sum()
    reached = iou_of_pairs(boxes_of(found[:, :4], where, at), boxes).detach()
    kind = cross_entropy(found[:, 5:], torch.from_numpy(target.labels).to(rows.device), reduction="sum")
    return Parts(box / batch, objectness(rows, reached, target, where) / batch, kind / batch)


def objectness(rows: Tensor, reached: Tensor, target: Target, where: Places) -> Tensor:
    """Squared errors: the IoU that was reached where an object has its place, 0 elsewhere unless nearly right."""
    sure = rows[..., 4].sigmoid()
    away = (nearest(rows, target, where) <= IGNORED_FROM).flatten()
    away[target.rows] = False
    there = OBJECT * (sure.flatten()[target.rows] - reached).square().sum()
    return there + sure.flatten()[away].square().sum()
