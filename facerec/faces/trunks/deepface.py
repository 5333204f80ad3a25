"""DeepFace: Taigman, Yang, Ranzato, Wolf, "DeepFace: closing the gap to human-level performance in face verification",
2014 (figure 2).

Input 152x152. The paper says more than 120 million parameters; with its last layer, which tells 4,030 people apart, it
would be 118,923,774 here, and with 128 numbers in that place it is 102,937,280. 502 million multiply-adds. Faces are
aligned by a similarity in the plane, not by the paper's model of the head.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from facerec.cnn.blocks import ConvReLU
from facerec.faces.trunks.trunk import Trunk, UnitRows
from facerec.records import DIM


class LocallyConnected(nn.Module):
    """A convolution whose filters differ from place to place: (B, C_in, S, S) -> (B, C_out, s, s).

    s is (S - kernel) // stride + 1.

    weight  (s * s, C_in * kernel * kernel, C_out), places row by row
    bias    (s * s, 1, C_out)
    """

    def __init__(self, c_in: int, c_out: int, side: int, kernel: int, stride: int = 1):
        super().__init__()
        self.kernel, self.stride, self.side = kernel, stride, (side - kernel) // stride + 1
        places, inputs = self.side**2, c_in * kernel**2
        bound = 1 / math.sqrt(inputs)  # as torch's own convolutions start
        self.weight = nn.Parameter(torch.empty(places, inputs, c_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(places, 1, c_out).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = nn.functional.unfold(x, self.kernel, stride=self.stride)  # (B, inputs, places)
        y = patches.permute(2, 0, 1) @ self.weight + self.bias  # (places, B, C_out)
        # len(x) would be a plain number, and a trace for ONNX would keep it for every batch
        maps: torch.Tensor = y.permute(1, 2, 0).reshape(x.shape[0], -1, self.side, self.side)
        return maps

    def extra_repr(self) -> str:
        return f"{self.kernel}x{self.kernel}, stride={self.stride}, {self.side}x{self.side} places"


def deepface(maps: int = 16, wide: int = 4096) -> Trunk:
    """(B, 3, 152, 152) -> (B, 128) rows of length 1."""
    layers = {
        "C1": ConvReLU(3, 2 * maps, 11, padding=0),  # (B, 32, 142, 142)
        "M2": nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (B, 32, 71, 71)
        "C3": ConvReLU(2 * maps, maps, 9, padding=0),  # (B, 16, 63, 63)
        "L4": nn.Sequential(LocallyConnected(maps, maps, 63, 9), nn.ReLU(inplace=True)),  # (B, 16, 55, 55)
        "L5": nn.Sequential(LocallyConnected(maps, maps, 55, 7, stride=2), nn.ReLU(inplace=True)),  # (B, 16, 25, 25)
        "L6": nn.Sequential(LocallyConnected(maps, maps, 25, 5), nn.ReLU(inplace=True)),  # (B, 16, 21, 21)
        "F7": nn.Sequential(nn.Flatten(), nn.Linear(maps * 21 * 21, wide), nn.ReLU(inplace=True)),
        "dropout": nn.Dropout(0.5),
        "project": nn.Linear(wide, DIM),
        "unit": UnitRows(),
    }
    return Trunk(layers, side=152)
