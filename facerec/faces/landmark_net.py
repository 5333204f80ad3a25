"""The network that looks at one face and says more exactly where its landmarks lie, in torch: for training and export.

The detector places landmarks to a tenth of the distance between the eyes. With these the face is turned upright and
brought to a size, as for the encoder; seen like that, a very small net is enough to place them again.
"""

from __future__ import annotations

import torch
from torch import nn

from facerec.faces.single_shot import FACE
from facerec.faces.single_shot_net import Block

WIDTHS = (16, 24, 32, 48)


class LandmarkNet(nn.Module):
    """(N, 3, 64, 64) float32 in -1..1 -> (N, 5, 2) float32: how far the landmarks lie from where they were thought to
    be, in the sides of the square.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = WIDTHS
        self.seen = nn.Sequential(
            Block(3, first, 2), Block(first, second, 2), Block(second, second), Block(second, third, 2),
            Block(third, third), Block(third, fourth, 2),
        )  # fmt: skip
        self.said = nn.Sequential(
            nn.Flatten(), nn.Linear(fourth * (FACE // 16) ** 2, 32), nn.ReLU(inplace=True), nn.Linear(32, 10)
        )
        last = self.said[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        shifts: torch.Tensor = self.said(self.seen(faces))
        return shifts.reshape(-1, 5, 2)


class PixelsToLandmarks(nn.Module):
    """What is exported: (N, 64, 64, 3) uint8 RGB -> (N, 5, 2) float32."""

    def __init__(self, net: LandmarkNet):
        super().__init__()
        self.net = net

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        shifts: torch.Tensor = self.net(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return shifts
