"""SSD300: Liu et al., "SSD: single shot multibox detector", 2016.

VGG-16 without its dense layers, the first two of which become convolutions, and four more stages; from six maps, 38 to
1 cell a side, small convolutions say of each of 8,732 default boxes what it shows and where that lies. Scales as the
authors have them for COCO; boxes are no larger than the picture, as in torchvision (`ssd300_vgg16`, 35,641,826
parameters with 90 classes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.blocks import ConvReLU, Entrance, initialise
from facerec.cnn.networks.vgg import stages
from facerec.detection.box_codes import HEAD, clipped, decode, encode, overlaps
from facerec.detection.choosing import Choice, choose
from facerec.detection.matching import hardest, match
from facerec.detection.reference_boxes import default_boxes
from facerec.records import Detections, Objects

SIZE = 300
CELLS = (38, 19, 10, 5, 3, 1)
STRIDES = (8, 16, 32, 64, 100, 300)
SCALES = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)
RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
CHANNELS = (512, 1024, 512, 256, 256, 256)
POOL3, AFTER_CONV4_3 = 16, 23
MEAN = (123.0, 117.0, 104.0)
"""Levels of red, green and blue that are subtracted."""
DEFAULT_BOXES = default_boxes(SIZE, CELLS, STRIDES, [SIZE * scale for scale in SCALES], RATIOS)


class ChannelScale(nn.Module):
    """Each place's channels brought to length 1, then each channel to a length that it learns (Liu et al., 2015)."""

    def __init__(self, channels: int, start: float = 20.0):
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale[:, None, None] * F.normalize(x, dim=1)


def further(c_in: int, narrow: int, wide: int, stride: int) -> nn.Sequential:
    """One more stage: 1x1, then 3x3, by 2 or without padding."""
    return nn.Sequential(*ConvReLU(c_in, narrow, 1), *ConvReLU(narrow, wide, 3, stride, padding=stride - 1))


class SSDOutputs(NamedTuple):
    """Of every default box: logits (B, 8732, C + 1), the last the background's, and codes (B, 8732, 4)."""

    logits: Tensor
    codes: Tensor


class SSD300(nn.Module):
    """(B, 3, 300, 300) 0..1 -> what each default box shows."""

    def __init__(self, classes: int = 90):
        super().__init__()
        self.classes = classes
        self.entrance = Entrance(3, SIZE, fixed=True)
        vgg = list(stages(3, (2, 2, 3, 3, 3)))
        vgg[POOL3] = nn.MaxPool2d(2, ceil_mode=True)  # 75 -> 38
        self.to_conv4_3 = nn.Sequential(*vgg[:AFTER_CONV4_3])  # (B, 512, 38, 38)
        self.norm = ChannelScale(512)
        self.further = nn.ModuleList(
            (
                nn.Sequential(
                    *vgg[AFTER_CONV4_3:-1],
                    nn.MaxPool2d(3, stride=1, padding=1),
                    *(nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True)),  # fc6
                    *ConvReLU(1024, 1024, 1),  # fc7: (B, 1024, 19, 19)
                ),
                further(1024, 256, 512, 2),  # (B, 512, 10, 10)
                further(512, 128, 256, 2),  # (B, 256, 5, 5)
                further(256, 128, 256, 1),  # (B, 256, 3, 3)
                further(256, 128, 256, 1),  # (B, 256, 1, 1)
            )
        )
        counts = [2 + 2 * len(ratios) for ratios in RATIOS]
        pairs = list(zip(CHANNELS, counts, strict=True))
        self.kinds = nn.ModuleList(nn.Conv2d(c, k * (classes + 1), 3, padding=1) for c, k in pairs)
        self.places = nn.ModuleList(nn.Conv2d(c, k * 4, 3, padding=1) for c, k in pairs)
        initialise(self)

    def forward(self, pictures: Tensor) -> SSDOutputs:
        mean = pictures.new_tensor(MEAN)[:, None, None]
        x = self.to_conv4_3(self.entrance(pictures) * 255 - mean)
        maps = [self.norm(x)]
        for stage in self.further:
            x = stage(x)
            maps.append(x)
        logits = [in_rows(conv(each), self.classes + 1) for conv, each in zip(self.kinds, maps, strict=True)]
        codes = [in_rows(conv(each), 4) for conv, each in zip(self.places, maps, strict=True)]
        return SSDOutputs(torch.cat(logits, dim=1), torch.cat(codes, dim=1))


def in_rows(maps: Tensor, width: int) -> Tensor:
    """(B, K * width, h, w) -> (B, h * w * K, width): the order of the reference boxes."""
    return maps.permute(0, 2, 3, 1).reshape(len(maps), -1, width)


def ssd_losses(outputs: SSDOutputs, objects: Sequence[Objects], boxes: Tensor = DEFAULT_BOXES) -> tuple[Tensor, Tensor]:
    """Of classes, over boxes with an object and three times as many of the worst without; and of codes.

    A default box answers for an object from IoU 0.5 on, or as its best. Both losses are sums over the number of boxes
    with an object, as in the paper.
    """
    classes = outputs.logits.shape[2] - 1
    taken, labels, wrong = [], [], outputs.codes.sum() * 0
    for codes, own in zip(outputs.codes, objects, strict=True):
        theirs = torch.from_numpy(own.boxes).to(codes.device)
        whose = match(overlaps(boxes.to(codes.device), theirs), 0.5, 0.5, each_object=True)
        rows = torch.nonzero(whose >= 0).flatten()
        kinds = torch.full_like(whose, classes)
        kinds[rows] = torch.from_numpy(own.labels).to(codes.device)[whose[rows]]
        wanted = encode(theirs[whose[rows]], boxes.to(codes.device)[rows], HEAD)
        wrong = wrong + F.smooth_l1_loss(codes[rows], wanted, reduction="sum")
        taken.append(whose)
        labels.append(kinds)
    matched, kind = torch.stack(taken), torch.stack(labels)
    each = F.cross_entropy(outputs.logits.transpose(1, 2), kind, reduction="none")  # (B, 8732)
    counted = (matched >= 0) | hardest(each, matched)
    count = max(1, int((matched >= 0).sum()))
    return (each * counted).sum() / count, wrong / count


@torch.no_grad()
def ssd_detections(outputs: SSDOutputs, how: Choice, boxes: Tensor = DEFAULT_BOXES) -> list[Detections]:
    """What is on each picture, in pixels of the input."""
    shares = torch.softmax(outputs.logits, dim=2)[..., :-1]
    found = []
    for codes, scores in zip(outputs.codes, shares, strict=True):
        places = clipped(decode(codes, boxes.to(codes.device), HEAD), SIZE, SIZE)
        found.append(choose(places.cpu().numpy(), scores.cpu().numpy(), how))
    return found
