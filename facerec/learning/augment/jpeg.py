"""What JPEG does to a picture, as arithmetic on a batch: ISO/IEC 10918-1 with the tables of its Annex K.

Nothing is coded or stored: colours are turned to YCbCr, chroma is halved, blocks of 8x8 are transformed, rounded to the
quality's steps and transformed back.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

BLOCK = 8
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8 for _ in range(4)),
)
TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Of JFIF; Cb and Cr about 0 instead of 128, which the transform wants anyway."""


def compressed(images: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Each image as JPEG of its quality would leave it: (N, 3, H, W) 0..1, (N,) 1..100 -> (N, 3, H, W)."""
    height, width = images.shape[-2:]
    down, right = -height % (2 * BLOCK), -width % (2 * BLOCK)
    whole = F.pad(images, (0, right, 0, down), mode="replicate") * 255
    colours = torch.tensor(TO_YCBCR).to(whole)
    levels = torch.einsum("ij,njhw->nihw", colours, whole)
    light, chroma = levels[:, :1] - 128, F.avg_pool2d(levels[:, 1:], 2)
    light = rounded(light, steps(LUMINANCE, quality).to(whole)) + 128
    chroma = rounded(chroma, steps(CHROMINANCE, quality).to(whole))
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    back = torch.einsum("ij,njhw->nihw", colours.inverse(), torch.cat([light, chroma], dim=1))
    return (back[:, :, :height, :width] / 255).clamp_(0, 1)


def steps(table: tuple[tuple[int, ...], ...], quality: torch.Tensor) -> torch.Tensor:
    """The table at some qualities, by libjpeg's rule: (N,) -> (N, 8, 8), whole numbers in 1..255."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    return ((torch.tensor(table) * percent[:, None, None] + 50) / 100).floor().clamp(1, 255)


def rounded(planes: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Planes whose 8x8 blocks have only multiples of the steps in their transform: (N, C, H, W), (N, 8, 8)."""
    count, channels, height, width = planes.shape
    blocks = planes.reshape(count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(3, 4)
    cosines, step = cosine_transform().to(planes), step[:, None, None, None]
    kept = (cosines @ blocks @ cosines.T / step).round() * step
    return (cosines.T @ kept @ cosines).transpose(3, 4).reshape(planes.shape)


def cosine_transform() -> torch.Tensor:
    """The 8x8 matrix of the orthonormal DCT-II: rows are frequencies."""
    frequency, place = torch.arange(BLOCK)[:, None], torch.arange(BLOCK)[None, :]
    waves = torch.cos(math.pi / BLOCK * frequency * (place + 0.5)) * math.sqrt(2 / BLOCK)
    waves[0] /= math.sqrt(2)
    return waves
