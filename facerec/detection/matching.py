"""Which reference box answers for which object, and which of them a loss looks at."""

from __future__ import annotations

import torch
from torch import Tensor

NOTHING, BETWEEN = -1, -2
"""In place of an object's number: the box shows background; it is neither, and no loss looks at it."""


def match(overlap: Tensor, high: float, low: float, each_object: bool = False) -> Tensor:
    """The object that each reference box answers for: IoU (R, G) -> (R,) int64, NOTHING or BETWEEN where none.

    From IoU `high` on a box takes the object that it overlaps most; below `low` it is background. With `each_object`
    the boxes that overlap an object more than all others do are its own in any case (Ren et al., 2015; Liu et al.,
    2016), the last object having precedence.
    """
    if not overlap.shape[1]:
        return torch.full(overlap.shape[:1], NOTHING, device=overlap.device)
    best, nearest = overlap.max(dim=1)
    taken = nearest.clone()
    taken[best < high] = BETWEEN
    taken[best < low] = NOTHING
    if each_object:
        most = overlap.max(dim=0).values
        boxes, objects = torch.nonzero((overlap == most) & (most > 0), as_tuple=True)
        taken[boxes] = objects
    return taken


def sample(taken: Tensor, count: int, share: float, draw: torch.Generator | None = None) -> Tensor:
    """Rows for a loss, at most `count` and at most `share` of them with an object: (R,) -> (S,) int64."""
    positive = torch.nonzero(taken >= 0).flatten()
    negative = torch.nonzero(taken == NOTHING).flatten()
    some = shuffled(positive, draw)[: int(count * share)]
    return torch.cat([some, shuffled(negative, draw)[: count - len(some)]])


def shuffled(rows: Tensor, draw: torch.Generator | None) -> Tensor:
    """The same rows in random order."""
    return rows[torch.randperm(len(rows), generator=draw).to(rows.device)]


def hardest(losses: Tensor, taken: Tensor, ratio: float = 3.0) -> Tensor:
    """The background boxes that are worst, `ratio` for each positive of their picture: (B, R), (B, R) -> (B, R) bool.

    SSD's hard negative mining (Liu et al., 2016): nearly all boxes show nothing, and most of them plainly so.
    """
    wanted = (ratio * (taken >= 0).sum(dim=1)).long()  # (B,)
    worth = losses.detach().masked_fill(taken != NOTHING, -1.0)
    rank = worth.argsort(dim=1, descending=True).argsort(dim=1)
    return (rank < wanted[:, None]) & (taken == NOTHING)
