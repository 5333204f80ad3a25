"""Focal loss: Lin et al., "Focal loss for dense object detection", 2017.

Nearly all places of a picture show nothing, and plainly so; each such place is given little weight, so that together
they do not drown the few that matter.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def focal_loss(logits: Tensor, wanted: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Cross-entropy of every yes and no, times (1 - share of the right answer)^gamma: any shape -> the same.

    wanted  1 where the answer is yes, else 0
    alpha   weight of the yes; 1 - alpha is that of the no
    """
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    share = torch.sigmoid(logits)
    doubt = torch.where(wanted > 0, 1 - share, share)
    weight = torch.where(wanted > 0, alpha, 1 - alpha)
    return weight * doubt**gamma * plain
