"""A network that names what is on a picture: with its weights, its preparation and the names of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facerec.cnn.preparation import Preparation
from facerec.errors import InvalidInput
from facerec.records import Image


@dataclass(frozen=True, slots=True)
class Guess:
    """One class that a picture may show.

    label        its number, from 0
    probability  0..1; those of all classes sum to 1
    """

    label: int
    name: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A network in evaluation mode, how pictures reach it, and what its classes are called."""

    net: nn.Module
    preparation: Preparation
    names: tuple[str, ...]

    def __call__(self, image: Image) -> Tensor:
        """Probability of every class: (H, W, 3) -> (classes,)."""
        return probabilities(self.net, self.preparation(image))[0]

    def over_ten_crops(self, image: Image) -> Tensor:
        """The mean of the answers to the four corners, the middle, and all five mirrored: (H, W, 3) -> (classes,)."""
        return probabilities(self.net, self.preparation.ten_crops(image)).mean(dim=0)


@torch.inference_mode()
def probabilities(net: nn.Module, pictures: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, classes), rows that sum to 1; the network must be in evaluation mode."""
    return torch.softmax(net(pictures).float(), dim=1)


def averaged(answers: Sequence[Tensor]) -> Tensor:
    """An ensemble's answer is the mean of its members' probabilities: many (..., classes) -> (..., classes).

    Raises InvalidInput for no member, and for members with different classes.
    """
    if not answers or len({answer.shape for answer in answers}) != 1:
        raise InvalidInput("an ensemble needs one member at least, and all with the same classes")
    return torch.stack(list(answers)).mean(dim=0)


def best(answer: Tensor, names: Sequence[str], count: int) -> list[Guess]:
    """The most probable classes, best first: (classes,) -> at most `count`."""
    top = answer.topk(min(count, len(answer)))
    pairs = zip(top.values.tolist(), top.indices.tolist(), strict=True)
    return [Guess(label, names[label], share) for share, label in pairs]
