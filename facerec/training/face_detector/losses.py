"""What is wrong with the cells' answers: score, box and landmarks.

The score shall be how well the cell's own box fits (quality focal loss, Li et al., 2020), so that of all cells that see
a face the best one wins. Boxes by their generalised overlap (Rezatofighi et al., 2019), landmarks by their distance in
sizes of the face.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from facerec.faces.single_shot import USUAL

BOX, LANDMARKS = 2.0, 12.0
"""Weights beside the score's 1, so that none of the three drowns the others."""


class Parts(NamedTuple):
    """The three parts of the loss, each a scalar; `sum` is what is minimised."""

    score: torch.Tensor
    box: torch.Tensor
    landmarks: torch.Tensor

    def total(self) -> torch.Tensor:
        return self.score + BOX * self.box + LANDMARKS * self.landmarks


def decoded(cells: torch.Tensor, middles: torch.Tensor, strides: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (N, 4) and landmarks (N, 5, 2) in pixels of the answers (N, 15) of cells at `middles` (N, 2)."""
    centres = middles + cells[:, 1:3] * strides[:, None]
    halves = cells[:, 3:5].clamp(-4, 4).exp() * (USUAL / 2 * strides[:, None])
    landmarks = middles[:, None] + cells[:, 5:].reshape(-1, 5, 2) * strides[:, None, None]
    return torch.cat([centres - halves, centres + halves], dim=1), landmarks


def overlaps(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection over union of each row's two boxes, plain and generalised: (N, 4), (N, 4) -> (N,), (N,)."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - shared
    around = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(dim=1)
    plain = shared / union.clamp(min=1e-6)
    return plain, plain - (around - union) / around.clamp(min=1e-6)


def loss(
    cells: torch.Tensor, face: torch.Tensor, boxes: torch.Tensor, landmarks: torch.Tensor,
    middles: torch.Tensor, strides: torch.Tensor,
) -> Parts:  # fmt: skip
    """Of a batch: answers (B, cells, 15) with logits as scores; `face` (B, cells) is a row of all the batch's `boxes`
    (M, 4) and `landmarks` (M, 5, 2), -1 for none, -2 for cells that are not asked.
    """
    sees = face >= 0
    picture, place = sees.nonzero(as_tuple=True)
    mine = face[sees]
    found, points = decoded(cells[picture, place], middles[place], strides[place])
    plain, general = overlaps(found, boxes[mine])
    size = (boxes[mine, 2:] - boxes[mine, :2]).prod(dim=1).sqrt()
    away = (points - landmarks[mine]).abs().mean(dim=(1, 2)) / size
    wanted = torch.zeros(face.shape)
    wanted[sees] = plain.detach().clamp(min=0.05)
    logits = cells[..., 0]
    cross = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    scores = (cross * (wanted - logits.sigmoid()).abs().square())[face >= -1].sum()
    count = max(len(mine), 1)
    weight = plain.detach() + 0.1
    weight = weight / weight.sum().clamp(min=1e-6)
    return Parts(scores / count, ((1 - general) * weight).sum(), (away * weight).sum())
