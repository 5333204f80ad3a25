"""What a batch of embeddings is worth, as functions of rows of length 1; lower is better."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize

from facerec.learning.miners import Pairs, Triplets

NEAREST = 1e-12
"""The least squared distance whose root is taken: at 0 the root has no gradient."""


def distillation(embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - cosine to a teacher's embedding of the same picture: two (B, 128) of unit rows -> 0..2."""
    return 1 - (embeddings * targets).sum(dim=1).mean()


def relation(embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared difference between the pupil's and the teacher's cosine of two pictures, over all pairs.

    Two (B, 128) of unit rows -> 0..4; B >= 2. The pupil learns who resembles whom, and may turn the teacher's space as
    it likes (relational distillation: Park et al., 2019; in this form Tung and Mori, 2019).
    """
    first, second = torch.triu_indices(len(embeddings), len(embeddings), 1, device=embeddings.device)
    pupil, teacher = ((rows[first] * rows[second]).sum(1) for rows in (embeddings, targets))
    return (pupil - teacher).square().mean()


def triplet(embeddings: torch.Tensor, triplets: Triplets, margin: float = 0.2) -> torch.Tensor:
    """Mean of max(0, |a-p|^2 - |a-n|^2 + margin) over the triplets that violate it (Schroff et al., 2015).

    No violating triplet is worth zero, with a gradient of zero.
    """
    return mean_of_active(violations(embeddings, triplets, margin))


def violations(embeddings: torch.Tensor, triplets: Triplets, margin: float) -> torch.Tensor:
    """max(0, |a-p|^2 - |a-n|^2 + margin) of every triplet: (T,). Zero where the triplet is already told apart."""
    likeness = embeddings @ embeddings.T  # (B, B): far fewer numbers than all triplets' rows
    a, p, n = triplets
    return torch.relu(2 * (likeness[a, n] - likeness[a, p]) + margin)


def contrastive(embeddings: torch.Tensor, pairs: Pairs, margin: float = 1.0) -> torch.Tensor:
    """Mean of d^2 / 2 over the genuine pairs plus mean of max(0, margin - d)^2 / 2 over the impostor pairs nearer than
    the margin; d is the distance of two unit rows, 0..2 (Hadsell et al., 2006).

    The two kinds are averaged apart, or the many impostors of a batch would drown the genuine pairs.
    """
    near, far = contrastive_terms(embeddings, pairs, margin)
    return mean_of_active(near) + mean_of_active(far)


def contrastive_terms(embeddings: torch.Tensor, pairs: Pairs, margin: float) -> tuple[torch.Tensor, torch.Tensor]:
    """What each genuine pair (G,) and each impostor pair (I,) is worth."""
    squared = (embeddings[pairs.first] - embeddings[pairs.second]).square().sum(1)
    distance = squared.clamp(min=NEAREST).sqrt()
    return squared[pairs.same] / 2, torch.relu(margin - distance[~pairs.same]).square() / 2


def binary(scores: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Cross entropy of "one subject or two", genuine and impostor pairs counting half each (Taigman et al., 2014).

    (T,) scores before the sigmoid and (T,) bool -> 0 or more; a kind of pair that the batch lacks is worth zero.
    """
    each = binary_cross_entropy_with_logits(scores, same.to(scores.dtype), reduction="none")
    return (mean(each[same]) + mean(each[~same])) / 2


Penalty = Callable[[torch.Tensor, float], torch.Tensor]
"""The cosine to a row's own class (B,), and the margin -> the lower one that it is treated as."""


def cosface(cosine: torch.Tensor, margin: float) -> torch.Tensor:
    """cos - margin (Wang et al., CosFace, 2018)."""
    return cosine - margin


def arcface(cosine: torch.Tensor, margin: float) -> torch.Tensor:
    """cos(angle + margin), in radians (Deng et al., ArcFace, 2019).

    Past an angle of pi - margin that would rise again; from there on it is cos - margin sin(margin), which goes on
    falling. The sine is kept off 0, where its gradient would be infinite.
    """
    sine = (1 - cosine.square()).clamp(min=NEAREST).sqrt()
    turned = cosine * math.cos(margin) - sine * math.sin(margin)
    return torch.where(cosine >= -math.cos(margin), turned, cosine - margin * math.sin(margin))


def margin_softmax(
    embeddings: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor, penalty: Penalty, margin: float, scale: float
) -> torch.Tensor:
    """Cross entropy over the cosines to a row per subject, the own one's made worse by a margin.

    embeddings  (B, 128)  unit rows
    classes     (C, 128)  rows of any length above 0, which are learned too
    labels      (B,)      0..C-1; a row of label -1 shows nobody known and is left out

    No known row is worth zero, with a gradient of zero.
    """
    known = labels >= 0
    cosines = (embeddings[known] @ normalize(classes, dim=1).T).clamp(-1, 1)  # (K, C)
    own = labels[known][:, None]
    treated = cosines.scatter(1, own, penalty(cosines.gather(1, own), margin))
    return mean(cross_entropy(scale * treated, own[:, 0], reduction="none"))


def mean(values: torch.Tensor) -> torch.Tensor:
    """Mean of (T,); 0 where there is none, with a gradient of zero."""
    return values.sum() / max(len(values), 1)


def mean_of_active(violation: torch.Tensor) -> torch.Tensor:
    """Mean of the positive ones of (T,) violations; 0 where there is none."""
    return violation.sum() / (violation > 0).sum().clamp(min=1)


def share_active(violation: torch.Tensor) -> float:
    """Share of (T,) violations that are positive; 0 where there is no triplet at all."""
    return (violation > 0).sum().item() / max(len(violation), 1)
