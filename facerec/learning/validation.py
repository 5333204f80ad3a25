"""How well a trunk tells people apart whom it has not learned from, while it is still learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from facerec.errors import InvalidInput
from facerec.learning.datasets import Crops
from facerec.learning.devices import autocast
from facerec.learning.embedding import embed
from facerec.metrics.verification import require_support, tar_at_fmr
from facerec.records import Float32, Int64

MOST_PER_SUBJECT = 20
"""Pictures of one subject: a few people with hundreds would drown the others."""
MOST = 4000
"""Pictures in all: eight million comparisons say enough about a run under way."""


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """The share of genuine comparisons that are accepted where a given share of impostors is.

    crops  of people outside the training, each with its subject
    size   side of the input, pixels
    fmr    the share of impostor comparisons
    """

    crops: Crops
    size: int
    fmr: float

    @classmethod
    def of(cls, crops: Crops, size: int, fmr: float) -> Validation:
        """On some of these crops, MOST in all. Raises InvalidInput where they cannot show so low a rate."""
        chosen = crops[some_of_each(crops.labels)]
        same = chosen.labels[:, None] == chosen.labels[None, :]
        if not (same.sum() > len(chosen)):
            raise InvalidInput("validation needs subjects with two pictures or more")
        require_support(fmr, int((~same).sum()) // 2)
        return cls(chosen, size, fmr)

    def __call__(self, trunk: nn.Module) -> float:
        """The true accept rate, 0..1."""
        device = next(trunk.parameters()).device
        with autocast(device, bf16=True):
            rows = embed(trunk, self.crops.pixels, self.size)
        return tar(rows, self.crops.labels, self.fmr)


def some_of_each(labels: Int64) -> Int64:
    """Rows of crops whose subject is known: the first few of each subject, of as many subjects as go into MOST."""
    order = np.argsort(labels, kind="stable")
    _, starts = np.unique(labels[order], return_index=True)
    groups = [rows[:MOST_PER_SUBJECT] for rows in np.split(order, starts[1:]) if labels[rows[0]] >= 0]
    chosen = np.concatenate([np.zeros(0, np.int64), *groups])[:MOST]
    return np.sort(chosen)


def tar(rows: Float32, labels: Int64, fmr: float) -> float:
    """True accept rate at a false match rate, over all pairs: (N, 128) unit rows, (N,) -> 0..1."""
    first, second = np.triu_indices(len(rows), k=1)
    likeness, same = (rows @ rows.T)[first, second], labels[first] == labels[second]
    return tar_at_fmr(likeness[same], likeness[~same], fmr)
