"""A small YOLO that a CPU can train: two maps, strides 8 and 16, 1.2 million parameters at width 1.

Trunk and heads are cut down from YOLOv3's: residual blocks, and the coarse map, doubled, beside the fine one.
Input: sides that 32 divides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facerec.cnn.blocks import Entrance
from facerec.detection.yolo.darknet import conv, thin
from facerec.detection.yolo.v3 import Residual

STRIDES = (8, 16)
ANCHORS = 3
"""Of each map."""

RARE = -4.0
"""Where objectness begins: almost everywhere there is nothing, and the first steps need not learn that."""


class Head(nn.Sequential):
    """A 3x3 convolution and a 1x1 that predicts: (B, C, H, W) -> (B, anchors * (5 + classes), H, W)."""

    def __init__(self, c_in: int, channels: int, anchors: int, classes: int):
        last = nn.Conv2d(channels, anchors * (5 + classes), 1)
        super().__init__(conv(c_in, channels, 3), last)
        nn.init.normal_(last.weight, std=0.01)
        start = torch.zeros(anchors, 5 + classes)
        start[:, 4] = RARE
        last.bias = nn.Parameter(start.flatten())


class SmallYolo(nn.Module):
    """(B, 3, H, W) levels 0..1 -> two maps (B, 3 * (5 + classes), H / 8, W / 8) and (..., H / 16, W / 16)."""

    def __init__(self, classes: int, width: float = 1.0):
        super().__init__()
        w16, w32, w64, w128, w192 = thin(width, 16, 32, 64, 128, 192)
        self.entrance = Entrance(3, 32)
        self.to8 = nn.Sequential(
            conv(3, w16, 3, 2),  # (B, 16, H / 2, W / 2)
            conv(w16, w32, 3, 2),  # (B, 32, H / 4, W / 4)
            Residual(w32),
            conv(w32, w64, 3, 2),  # (B, 64, H / 8, W / 8)
            *(Residual(w64) for _ in range(2)),
        )
        self.to16 = nn.Sequential(conv(w64, w128, 3, 2), *(Residual(w128) for _ in range(3)))
        self.to32 = nn.Sequential(conv(w128, w192, 3, 2), *(Residual(w192) for _ in range(2)))
        self.from32, self.from16 = conv(w192, w64, 1), conv(w64 + w128, w64, 1)
        self.upsample = nn.Upsample(scale_factor=2)
        self.head16 = Head(w64, w128, ANCHORS, classes)
        self.head8 = Head(w64 + w64, w64, ANCHORS, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.to8(self.entrance(x))
        middle = self.to16(fine)
        coarse = self.from32(self.to32(middle))
        middle = self.from16(torch.cat([self.upsample(coarse), middle], dim=1))
        return self.head8(torch.cat([self.upsample(middle), fine], dim=1)), self.head16(middle)
