"""Landmarks: is the thing there, and where are its n points; one answer for the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.detection.one_object import small_trunk
from facerec.errors import InvalidInput

SMOOTH = 0.02
"""Where a point's error, as a share of the side, turns from squared to absolute."""
POINTS_WEIGHT = 100.0
"""Of the points in the loss: their errors are small numbers."""


class LandmarkNet(nn.Sequential):
    """(B, 3, side, side) 0..1 -> (B, 1 + 2 n): a logit of presence, then x, y of each point in shares of the side."""

    def __init__(self, points: int, side: int = 64, width: int = 16):
        super().__init__(small_trunk(side, 3, width), nn.Linear(128, 1 + 2 * points))
        self.points = points


def landmark_targets(present: Tensor, points: Tensor, side: int) -> Tensor:
    """(B,) bool and points (B, n, 2) in pixels -> (B, 1 + 2 n)."""
    return torch.cat([present[:, None].float(), points.flatten(1) / side], dim=1)


def landmark_loss(answers: Tensor, targets: Tensor) -> Tensor:
    """Presence, and the points where the thing is there: (B, 1 + 2 n) twice -> ()."""
    shown = targets[:, 0] > 0
    presence = F.binary_cross_entropy_with_logits(answers[:, 0], targets[:, 0])
    if not shown.any():
        return presence
    wrong = F.smooth_l1_loss(answers[shown, 1:], targets[shown, 1:], beta=SMOOTH)
    return presence + POINTS_WEIGHT * wrong * shown.float().mean()


@torch.no_grad()
def points_of(answers: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """(B, 1 + 2 n) -> how sure the thing is there (B,), 0..1, and its points (B, n, 2) in pixels."""
    return torch.sigmoid(answers[:, 0]), answers[:, 1:].reshape(len(answers), -1, 2) * side


def normalised_mean_error(points: Tensor, truth: Tensor, first: int = 0, second: int = 1) -> Tensor:
    """Mean distance of each picture's points over that of two of the true ones, the eyes: (B, n, 2) twice -> (B,).

    Raises InvalidInput where these two coincide.
    """
    apart = (truth[:, first] - truth[:, second]).norm(dim=1)
    if not (apart > 0).all():
        raise InvalidInput("two points that lie on each other give no measure: the error cannot be normalised by them")
    error: Tensor = (points - truth).norm(dim=2).mean(dim=1) / apart
    return error
