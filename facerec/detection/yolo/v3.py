"""YOLOv3: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018.

Darknet-53 looks at the picture; three maps of strides 8, 16 and 32 predict, each finer one from the coarser one,
doubled, beside the trunk's own. Each place says how sure it is that an object is there, and each class by itself.
Input: sides that 32 divides; 416x416 in the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from facerec.cnn.blocks import Entrance
from facerec.detection.yolo.darknet import conv, thin
from facerec.detection.yolo.pairs import iou_of_pairs, overlaps
from facerec.detection.yolo.places import Places
from facerec.detection.yolo.targets import Parts, Target, boxes_of, extent

STRIDES = (8, 16, 32)
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)), ((30, 61), (62, 45), (59, 119)), ((116, 90), (156, 198), (373, 326)),
)  # fmt: skip
"""Of COCO's boxes at 416x416 (section 2.3)."""

STAGES = (1, 2, 8, 8, 4)
"""Residual blocks of Darknet-53 after each halving."""

IGNORED_FROM = 0.5
"""A place whose box overlaps an object by more than this IoU is not told that nothing is there (section 2.1)."""


class Residual(nn.Module):
    """Half as many channels by 1x1, back by 3x3, and the input added: (B, C, H, W) -> the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(conv(channels, channels // 2, 1), conv(channels // 2, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.branch(x)
        return x + y


def stage(c_in: int, c_out: int, blocks: int) -> nn.Sequential:
    """Halve the picture, then look: (B, c_in, H, W) -> (B, c_out, H / 2, W / 2)."""
    return nn.Sequential(conv(c_in, c_out, 3, 2), *(Residual(c_out) for _ in range(blocks)))


def five(c_in: int, channels: int) -> nn.Sequential:
    """1x1 and 3x3 in turn, from and to `channels`: the part of a head from which the next finer map goes on."""
    wide = 2 * channels
    return nn.Sequential(
        conv(c_in, channels, 1), conv(channels, wide, 3), conv(wide, channels, 1), conv(channels, wide, 3),
        conv(wide, channels, 1),
    )  # fmt: skip


def told(channels: int, anchors: int, classes: int) -> nn.Sequential:
    """The prediction of a map: (B, channels, H, W) -> (B, anchors * (5 + classes), H, W)."""
    return nn.Sequential(conv(channels, 2 * channels, 3), nn.Conv2d(2 * channels, anchors * (5 + classes), 1))


class YoloV3(nn.Module):
    """(B, 3, H, W) levels 0..1 -> three maps (B, 3 * (5 + classes), H / s, W / s) of strides 8, 16, 32."""

    def __init__(self, classes: int = 80, width: float = 1.0):
        super().__init__()
        c32, c64, c128, c256, c512, c1024 = thin(width, 32, 64, 128, 256, 512, 1024)
        anchors = len(ANCHORS[0])
        self.entrance = Entrance(3, 32)
        self.to8 = nn.Sequential(
            conv(3, c32, 3), stage(c32, c64, STAGES[0]), stage(c64, c128, STAGES[1]), stage(c128, c256, STAGES[2])
        )
        self.to16, self.to32 = stage(c256, c512, STAGES[3]), stage(c512, c1024, STAGES[4])
        self.neck32, self.head32 = five(c1024, c512), told(c512, anchors, classes)
        self.from32, self.neck16 = conv(c512, c256, 1), five(c256 + c512, c256)
        self.from16, self.neck8 = conv(c256, c128, 1), five(c128 + c256, c128)
        self.head16, self.head8 = told(c256, anchors, classes), told(c128, anchors, classes)
        self.upsample = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x8 = self.to8(self.entrance(x))  # (B, 256, H / 8, W / 8)
        x16 = self.to16(x8)  # (B, 512, H / 16, W / 16)
        n32 = self.neck32(self.to32(x16))  # (B, 512, H / 32, W / 32)
        n16 = self.neck16(torch.cat([self.upsample(self.from32(n32)), x16], dim=1))
        n8 = self.neck8(torch.cat([self.upsample(self.from16(n16)), x8], dim=1))
        return self.head8(n8), self.head16(n16), self.head32(n32)


def decode(rows: Tensor, where: Places) -> tuple[Tensor, Tensor]:
    """(B, P, 5 + C) -> boxes (B, P, 4), pixels of the input, and scores (B, P, C): objectness times class."""
    return boxes_of(rows[..., :4], where), rows[..., 4:5].sigmoid() * rows[..., 5:].sigmoid()


def loss(rows: Tensor, target: Target, where: Places) -> Parts:
    """Sums over all places, divided by the number of pictures: (B, P, 5 + C) -> scalars.

    Cross-entropy for centre, objectness and classes; squared errors of the sizes. Small boxes weigh more, as in the
    authors' code: 2 - w * h, as shares of the picture.
    """
    found, batch = rows.flatten(0, 1)[target.rows], len(rows)
    values, boxes = (torch.from_numpy(each).to(rows) for each in (target.values, target.boxes))
    weight = 2 - (boxes[:, 2:] - boxes[:, :2]).prod(dim=1, keepdim=True) / extent(where)
    centre = cross_entropy(found[:, :2], values[:, :2], weight.expand(-1, 2), reduction="sum")
    size = 0.5 * (weight * (found[:, 2:4] - values[:, 2:]).square()).sum()
    return Parts((centre + size) / batch, objectness(rows, target, where) / batch, classes(found, target) / batch)


def classes(found: Tensor, target: Target) -> Tensor:
    """Each class by itself: an object may be of two (a woman is a person)."""
    wanted = torch.zeros_like(found[:, 5:])
    wanted[torch.arange(len(found)), torch.from_numpy(target.labels)] = 1
    return cross_entropy(found[:, 5:], wanted, reduction="sum")


def objectness(rows: Tensor, target: Target, where: Places) -> Tensor:
    """1 where an object has its place, 0 elsewhere, nothing where a box is nearly right without having the place."""
    wanted = torch.zeros_like(rows[..., 4])
    wanted.view(-1)[target.rows] = 1
    counted = (nearest(rows, target, where) <= IGNORED_FROM) | (wanted > 0)
    return cross_entropy(rows[..., 4], wanted, counted.to(rows), reduction="sum")


@torch.no_grad()
def nearest(rows: Tensor, target: Target, where: Places) -> Tensor:
    """The IoU of each place's box with the object of its picture that it overlaps most: (B, P, 5 + C) -> (B, P)."""
    found = boxes_of(rows[..., :4], where)
    nothing = found.new_zeros(1, 4)  # overlaps no box, and is there where no object is
    best = [
        overlaps(boxes, torch.cat([nothing, torch.from_numpy(objects).to(boxes)])).amax(dim=1)
        for boxes, objects in zip(found, target.every, strict=True)
    ]
    return torch.stack(best)


def loss_by_overlap(rows: Tensor, target: Target, where: Places, box: float = 3.0) -> Parts:
    """The same, with 1 - generalised IoU for the boxes, and sums divided by the number of objects.

    Centre and size then learn together what is measured in the end (Rezatofighi et al., 2019).
    """
    found, count = rows.flatten(0, 1)[target.rows], max(len(target.rows), 1)
    at = torch.from_numpy(target.rows % len(where))
    boxes = boxes_of(found[:, :4], where, at)
    wrong = 1 - iou_of_pairs(boxes, torch.from_numpy(target.boxes).to(rows), generalised=True)
    return Parts(box * wrong.sum() / count, objectness(rows, target, where) / count, classes(found, target) / count)
