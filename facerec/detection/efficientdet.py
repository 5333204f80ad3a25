"""EfficientDet-D0: Tan, Pang, Le, "EfficientDet: scalable and efficient object detection", 2020.

Input 512x512. EfficientNet-B0, three BiFPN layers of 64 channels over strides 8 to 128, and two heads that all
strides share except for their norms. 3.9 million parameters in the paper; 3,880,067 with 90 classes, the authors'
biases in front of norms, which are without effect, counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.blocks import Entrance, halve
from facerec.cnn.networks.efficientnet import EfficientNetB0
from facerec.detection.bifpn import LEVELS, BiFPNLayer, norm, separable, to_width
from facerec.detection.box_codes import clipped, decode, encode, overlaps
from facerec.detection.choosing import Choice, choose
from facerec.detection.focal import focal_loss
from facerec.detection.matching import BETWEEN, match
from facerec.detection.reference_boxes import around_cells, octaves, shapes
from facerec.records import Detections, Objects

WIDTH, DEPTH, HEAD_DEPTH = 64, 3, 3
STRIDES = (8, 16, 32, 64, 128)
RATIOS = (0.5, 1.0, 2.0)
PER_CELL = 9
TAPS = {3: 40, 5: 112, 7: 320}
"""Stages of EfficientNet whose maps are taken, and their channels: P3, P4, P5."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMOOTH, BOX_WEIGHT = 0.1, 50.0
"""Where a code's error turns from squared to absolute, and its weight in the loss."""


class EfficientDetOutputs(NamedTuple):
    """Of every anchor: logits of each class (B, A, C), and codes (B, A, 4)."""

    logits: Tensor
    codes: Tensor


class SharedHead(nn.Module):
    """Separable convolutions that all levels share, each level with norms of its own: maps -> (B, A, outputs)."""

    def __init__(self, outputs: int, bias: float = 0.0):
        super().__init__()
        self.outputs = outputs
        self.convs = nn.ModuleList(separable(WIDTH, WIDTH) for _ in range(HEAD_DEPTH))
        self.norms = nn.ModuleList(nn.ModuleList(norm(WIDTH) for _ in range(LEVELS)) for _ in range(HEAD_DEPTH))
        self.answer = separable(WIDTH, PER_CELL * outputs)
        last = self.answer.get_submodule("pointwise")
        nn.init.constant_(last.get_parameter("bias"), bias)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        rows = []
        for level, x in enumerate(maps):
            for conv, norms in zip(self.convs, self.norms, strict=True):
                x = F.silu(norms[level](conv(x)))  # type: ignore[index]
            answers = self.answer(x).permute(0, 2, 3, 1)  # (B, h, w, 9 * outputs)
            rows.append(answers.reshape(len(x), -1, self.outputs))
        return torch.cat(rows, dim=1)


class EfficientDetD0(nn.Module):
    """(B, 3, H, W) 0..1 with sides that 128 divides, 512 as published -> what each anchor shows."""

    def __init__(self, classes: int = 90):
        super().__init__()
        self.entrance = Entrance(3, STRIDES[-1])
        features = EfficientNetB0().get_submodule("features")
        self.stages = nn.ModuleList(list(features.children())[: max(TAPS) + 1])
        self.p6, self.halve = to_width(TAPS[7], WIDTH), halve()
        widths = [*TAPS.values(), WIDTH, WIDTH]
        self.mixing = nn.ModuleList(
            BiFPNLayer(widths if layer == 0 else [WIDTH] * LEVELS, WIDTH) for layer in range(DEPTH)
        )
        self.kinds = SharedHead(classes, bias=-math.log(99))  # every class begins at 1 %
        self.places = SharedHead(4)

    def forward(self, pictures: Tensor) -> EfficientDetOutputs:
        mean, deviation = (pictures.new_tensor(each)[:, None, None] for each in (MEAN, DEVIATION))
        x, maps = (self.entrance(pictures) - mean) / deviation, []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in TAPS:
                maps.append(x)  # (B, 40, 64, 64), (B, 112, 32, 32), (B, 320, 16, 16)
        maps.append(self.halve(self.p6(x)))  # (B, 64, 8, 8)
        maps.append(self.halve(maps[-1]))  # (B, 64, 4, 4)
        for layer in self.mixing:
            maps = layer(maps)
        return EfficientDetOutputs(self.kinds(maps), self.places(maps))


def efficientdet_anchors(height: int, width: int) -> Tensor:
    """Nine to a cell, three sizes from four times the stride on in three ratios: (A, 4) pixels; 49,104 at 512x512."""
    return torch.cat(
        [
            around_cells(-(-height // stride), -(-width // stride), stride, shapes(octaves(4.0 * stride), RATIOS))
            for stride in STRIDES
        ]
    )


def efficientdet_losses(
    outputs: EfficientDetOutputs, objects: Sequence[Objects], anchors: Tensor
) -> tuple[Tensor, Tensor]:
    """Focal loss of the classes, and the codes' error: sums over the number of anchors with an object.

    An anchor answers for an object from IoU 0.5 on and shows nothing below 0.4.
    """
    kinds, wrong, count = outputs.logits.sum() * 0, outputs.codes.sum() * 0, 0
    for logits, codes, own in zip(*outputs, objects, strict=True):
        theirs = torch.from_numpy(own.boxes).to(codes.device)
        whose = match(overlaps(anchors, theirs), 0.5, 0.4)
        rows = torch.nonzero(whose >= 0).flatten()
        wanted = torch.zeros_like(logits)
        wanted[rows, torch.from_numpy(own.labels).to(codes.device)[whose[rows]]] = 1
        kinds = kinds + focal_loss(logits, wanted, gamma=1.5)[whose != BETWEEN].sum()
        code = encode(theirs[whose[rows]], anchors[rows])
        wrong = wrong + F.huber_loss(codes[rows], code, reduction="sum", delta=SMOOTH)
        count += len(rows)
    return kinds / max(1, count), BOX_WEIGHT * wrong / max(1, 4 * count)


@torch.no_grad()
def efficientdet_detections(
    outputs: EfficientDetOutputs, anchors: Tensor, size: tuple[int, int], how: Choice
) -> list[Detections]:
    """What is on each picture of (height, width) `size`, in pixels of the input."""
    found = []
    for logits, codes in zip(*outputs, strict=True):
        boxes = clipped(decode(codes, anchors), size[1], size[0])
        found.append(choose(boxes.cpu().numpy(), torch.sigmoid(logits).cpu().numpy(), how))
    return found
