"""What a run is told to learn: the weighted sum of named terms, each with what it learns beside the trunk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from facerec.errors import InvalidInput
from facerec.learning import heads, losses
from facerec.learning.datasets import Crops
from facerec.learning.miners import MINERS, all_pairs
from facerec.learning.settings import TrainSettings

Worth = tuple[torch.Tensor, float]
"""The loss, and the share of what it is made of that still teaches: 1 where that is not counted."""


class FromTeacher(nn.Module):
    """A loss that compares embeddings with a teacher's."""

    def __init__(self, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]):
        super().__init__()
        self.loss = loss

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> Worth:
        return self.loss(embeddings, torch.from_numpy(crops.targets).to(embeddings.device)), 1.0


class Triplet(nn.Module):
    """Triplet loss over what a miner chooses. `seen` counts batches: it is what the random miner's draws hang on, and
    goes into checkpoints, so that a run that goes on draws what it would have drawn."""

    seen: torch.Tensor

    def __init__(self, settings: TrainSettings):
        super().__init__()
        self.mine, self.margin, self.seed = MINERS[settings.miner], settings.margin, settings.seed
        if settings.miner == "random":
            self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> Worth:
        triplets = self.mine(embeddings, labels_of(crops, embeddings), self.margin, self.draws())
        violation = losses.violations(embeddings, triplets, self.margin)
        return losses.mean_of_active(violation), losses.share_active(violation)

    def draws(self) -> torch.Generator:
        """The randomness of the next batch."""
        rng = torch.Generator()
        if "seen" in self._buffers:
            rng.manual_seed(self.seed * 1_000_003 + int(self.seen))
            self.seen += 1
        return rng


class Contrastive(nn.Module):
    """Contrastive loss over all pairs of a batch; active are the impostor pairs nearer than the margin."""

    def __init__(self, margin: float):
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> Worth:
        pairs = all_pairs(labels_of(crops, embeddings))
        near, far = losses.contrastive_terms(embeddings, pairs, self.margin)
        return losses.mean_of_active(near) + losses.mean_of_active(far), losses.share_active(far)


class Binary(nn.Module):
    """Cross entropy of a binary head over all pairs of a batch; active are the pairs that it judges wrongly."""

    def __init__(self, difference: str):
        super().__init__()
        self.head = heads.BinaryHead(difference)

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> Worth:
        pairs = all_pairs(labels_of(crops, embeddings))
        scores = self.head(embeddings[pairs.first], embeddings[pairs.second])
        wrong = (scores.detach() >= 0) != pairs.same
        return losses.binary(scores, pairs.same), losses.share_active(wrong.float())


class Softmax(nn.Module):
    """Margin softmax over all subjects."""

    def __init__(self, penalty: losses.Penalty, settings: TrainSettings, subjects: int):
        super().__init__()
        if not subjects:
            raise InvalidInput("margin softmax needs crops with a subject: name a split that has them in splits")
        self.head = heads.MarginSoftmax(subjects, penalty, settings.softmax_margin, settings.softmax_scale)

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> Worth:
        return self.head(embeddings, labels_of(crops, embeddings)), 1.0


TERMS: dict[str, Callable[[TrainSettings, int], nn.Module]] = {
    "distil": lambda settings, subjects: FromTeacher(losses.distillation),
    "relation": lambda settings, subjects: FromTeacher(losses.relation),
    "triplet": lambda settings, subjects: Triplet(settings),
    "contrastive": lambda settings, subjects: Contrastive(settings.contrastive_margin),
    "binary": lambda settings, subjects: Binary(settings.difference),
    "cosface": lambda settings, subjects: Softmax(losses.cosface, settings, subjects),
    "arcface": lambda settings, subjects: Softmax(losses.arcface, settings, subjects),
}
"""The setting that has a term's weight, and the term; made from the settings and the number of subjects."""


class Objective(nn.Module):
    """Embeddings (B, 128) and their crops -> the loss, and the least share of what still teaches of any term."""

    def __init__(self, weights: dict[str, float], terms: dict[str, nn.Module]):
        super().__init__()
        self.weights, self.terms = weights, nn.ModuleDict(terms)

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> Worth:
        loss, active = embeddings.new_zeros(()), 1.0
        for name, weight in self.weights.items():
            worth, share = self.terms[name](embeddings, crops)
            loss, active = loss + weight * worth, min(active, share)
        return loss, active


def objective_of(settings: TrainSettings, subjects: int) -> Objective:
    """The objective that the settings describe, with fresh weights from torch's own generator.

    Raises InvalidInput where it needs subjects and there are none.
    """
    weights = {name: weight for name in TERMS if (weight := getattr(settings, name))}
    return Objective(weights, {name: TERMS[name](settings, subjects) for name in weights})


def labels_of(crops: Crops, embeddings: torch.Tensor) -> torch.Tensor:
    """The subjects' numbers (B,) int64, where the embeddings are."""
    return torch.from_numpy(crops.labels).to(embeddings.device)
