"""LeNet-5: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.

Input 32x32, one channel, ten digits. The paper counts 60,000 trainable parameters and 340,908 connections in the
original form (the output layer's codes are fixed); the modern form, with every map of C3 connected, ReLU, max
pooling and a dense output, has 61,706.
"""

from __future__ import annotations

import random
from collections import OrderedDict

import torch
from torch import nn

from facerec.cnn.blocks import Entrance

CONNECTIONS = (  # the maps of S2 that each of the 16 maps of C3 sees: table I of the paper
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)
DIGITS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...#...  .#####.  .#####.  .#...#.  .#####.  ..####.  #######  .#####.  .#####.
.#...#.  ..##...  #.....#  #.....#  .#...#.  .#.....  .#.....  #.....#  #.....#  #.....#
#.....#  .#.#...  ......#  ......#  #....#.  #......  #......  ......#  #.....#  #.....#
#.....#  ...#...  ......#  ......#  #....#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  .....#.  ...###.  #....#.  ######.  ######.  .....#.  .#####.  .######
#.....#  ...#...  ....#..  ......#  #######  ......#  #.....#  ....#..  #.....#  ......#
#.....#  ...#...  ...#...  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
#.....#  ...#...  ..#....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
.#...#.  ...#...  .#.....  #.....#  .....#.  #.....#  #.....#  ..#....  #.....#  .....#.
..###..  .#####.  #######  .#####.  .....#.  .#####.  .#####.  ..#....  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""
"""The target of each digit, 7x12, drawn after figure 3 of the paper."""


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x / 3): it maps 1 to 1 and -1 to -1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """The sum of each 2x2 times the map's coefficient, plus its bias: (B, C, H, W) -> (B, C, H/2, W/2)."""

    def __init__(self, maps: int):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))  # starts as the average
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 4 * nn.functional.avg_pool2d(x, 2) * self.coefficient + self.bias


class PartialConvolution(nn.ModuleList):
    """5x5 filters, each on its own choice of the input's maps: (B, C, H, W) -> (B, 16, H-4, W-4)."""

    def __init__(self, connections: tuple[tuple[int, ...], ...]):
        super().__init__(nn.Conv2d(len(seen), 1, 5) for seen in connections)
        self.connections = connections

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [conv(x[:, list(seen)]) for conv, seen in zip(self, self.connections, strict=True)]
        return torch.cat(maps, dim=1)


class RadialBasis(nn.Module):
    """Minus the squared distance to each class's fixed code of -1 and +1: (B, 84) -> (B, classes).

    Cross entropy on it is the paper's criterion (equation 9) without its constant j. The ten digits have drawn
    codes; any other number of classes has random ones, always the same, which the paper names as the alternative.
    """

    codes: torch.Tensor

    def __init__(self, classes: int):
        super().__init__()
        self.register_buffer("codes", torch.tensor(digit_codes() if classes == 10 else random_codes(classes)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -(x[:, None, :] - self.codes).square().sum(dim=2)


def digit_codes() -> list[list[float]]:
    """The ten drawn digits, each row by row: 10 lists of 84 values, 1 where there is ink and -1 elsewhere."""
    rows = [line.split() for line in DIGITS.strip().splitlines()]
    return [[1.0 if cell == "#" else -1.0 for row in rows for cell in row[digit]] for digit in range(10)]


def random_codes(classes: int) -> list[list[float]]:
    """A list of 84 values of -1 or 1 for each class, the same on every call."""
    draw = random.Random(0)
    return [[draw.choice((-1.0, 1.0)) for _ in range(84)] for _ in range(classes)]


class LeNet5(nn.Sequential):
    """The original form: (B, channels, 32, 32) -> (B, classes)."""

    def __init__(self, classes: int = 10, channels: int = 1):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 32, fixed=True),
                c1=nn.Conv2d(channels, 6, 5),  # (B, 6, 28, 28)
                squash1=ScaledTanh(),
                s2=Subsampling(6),  # (B, 6, 14, 14)
                squash2=ScaledTanh(),
                c3=PartialConvolution(CONNECTIONS),  # (B, 16, 10, 10)
                squash3=ScaledTanh(),
                s4=Subsampling(16),  # (B, 16, 5, 5)
                squash4=ScaledTanh(),
                c5=nn.Conv2d(16, 120, 5),  # (B, 120, 1, 1)
                squash5=ScaledTanh(),
                flatten=nn.Flatten(),
                f6=nn.Linear(120, 84),
                squash6=ScaledTanh(),
                output=RadialBasis(classes),
            )
        )
        self.apply(_small_start)


def _small_start(module: nn.Module) -> None:
    """Uniform within 2.4 / fan-in, as in the paper, which keeps the squashing out of its flat ends."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        bound = 2.4 / module.weight[0].numel()
        nn.init.uniform_(module.weight, -bound, bound)


class LeNet5Modern(nn.Sequential):
    """What is called LeNet-5 today: (B, channels, 32, 32) -> (B, classes)."""

    def __init__(self, classes: int = 10, channels: int = 1):
        super().__init__(
            OrderedDict(
                entrance=Entrance(channels, 32, fixed=True),
                conv1=nn.Conv2d(channels, 6, 5),  # (B, 6, 28, 28)
                relu1=nn.ReLU(inplace=True),
                pool1=nn.MaxPool2d(2),  # (B, 6, 14, 14)
                conv2=nn.Conv2d(6, 16, 5),  # (B, 16, 10, 10)
                relu2=nn.ReLU(inplace=True),
                pool2=nn.MaxPool2d(2),  # (B, 16, 5, 5)
                flatten=nn.Flatten(),  # (B, 400)
                fc1=nn.Linear(400, 120),
                relu3=nn.ReLU(inplace=True),
                fc2=nn.Linear(120, 84),
                relu4=nn.ReLU(inplace=True),
                fc3=nn.Linear(84, classes),
            )
        )
