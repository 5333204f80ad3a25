"""U-Net: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015.

As published but for three things that everybody changes: convolutions are padded, so that the answer is as large as
the picture (the paper's 572x572 give 388x388); a batch norm follows each; and any size is taken, by filling it up
to a multiple of 16. The paper's base width is 64, with 31.0 million parameters.
"""

from __future__ import annotations

import torch
from torch import nn

from facerec.cnn.blocks import ConvBN, Entrance, initialise
from facerec.errors import InvalidInput
from facerec.segmentation.upsampling import filled

WIDTHS = (32, 64, 128)
DEPTH = 4
"""How often the picture is halved."""


def plan(width: int) -> tuple[int, ...]:
    """Channels of each level, finest first; each halving of the picture doubles them.

    >>> plan(64)
    (64, 128, 256, 512, 1024)

    Raises InvalidInput for a width that is none of WIDTHS.
    """
    if width not in WIDTHS:
        raise InvalidInput(
            f"a U-Net has a base width of {', '.join(map(str, WIDTHS))}, not {width}: choose one of these"
        )
    return tuple(width * 2**level for level in range(DEPTH + 1))


class Twice(nn.Sequential):
    """Two 3x3 convolutions: (B, C_in, H, W) -> (B, C_out, H, W)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(ConvBN(c_in, c_out, 3), ConvBN(c_out, c_out, 3))


class Rise(nn.Module):
    """Double the sides, halve the channels, and look again beside what was seen on the way down.

    coarse (B, 2 C, h, w) and seen (B, C, 2 h, 2 w) -> (B, C, 2 h, 2 w)
    """

    def __init__(self, channels: int):
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
        self.look = Twice(2 * channels, channels)

    def forward(self, coarse: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.look(torch.cat([seen, self.up(coarse)], dim=1))
        return joined


class UNet(nn.Module):
    """(B, channels, H, W) -> scores (B, classes, H, W), of any size."""

    def __init__(self, classes: int, channels: int = 3, width: int = 64):
        super().__init__()
        levels = plan(width)
        self.entrance = Entrance(channels, 1)
        self.down = nn.ModuleList(Twice(a, b) for a, b in zip((channels, *levels), levels, strict=False))
        self.halve = nn.MaxPool2d(2)
        self.up = nn.ModuleList(Rise(c) for c in reversed(levels[:-1]))
        self.score = nn.Conv2d(width, classes, 1)
        initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        x = filled(self.entrance(x), 2**DEPTH)
        seen: list[torch.Tensor] = []
        for level, look in enumerate(self.down):
            x = look(self.halve(x) if level else x)
            seen.append(x)
        for rise, fine in zip(self.up, reversed(seen[:-1]), strict=True):
            x = rise(x, fine)
        scores: torch.Tensor = self.score(x)
        return scores[:, :, :height, :width]
