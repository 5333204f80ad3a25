"""A capsule network: Sabour, Frosst, Hinton, "Dynamic routing between capsules", 2017.

Input 28x28, one channel, ten digits. The paper gives 8.2 million parameters, 6.8 million without the
reconstruction; to the unit 8,215,568 and 6,804,224.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from facerec.cnn.blocks import Entrance

ROUNDS = 3
RECONSTRUCTION_WEIGHT = 0.0005


def squash(s: torch.Tensor) -> torch.Tensor:
    """Equation 1: keep the direction, bring the length below 1, short ones towards 0. (..., D) -> (..., D)."""
    squared = s.square().sum(dim=-1, keepdim=True)
    return s * squared / ((1 + squared) * torch.sqrt(squared + 1e-9))  # a zero has a gradient too


class PrimaryCapsules(nn.Module):
    """32 maps of capsules of 8 numbers each: (B, 256, 20, 20) -> (B, 1152, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(256, 32 * 8, 9, stride=2)  # (B, 256, 6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x).unflatten(1, (32, 8))  # (B, 32, 8, 6, 6)
        return squash(x.permute(0, 1, 3, 4, 2).flatten(1, 3))


class ClassCapsules(nn.Module):
    """A capsule of 16 numbers for each class, routed by agreement: (B, 1152, 8) -> (B, classes, 16)."""

    def __init__(self, classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1152, classes, 16, 8))
        nn.init.normal_(self.weight, std=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        votes = torch.einsum("icdk,bik->bicd", self.weight, x)  # (B, 1152, classes, 16)
        return route(votes)


def route(votes: torch.Tensor, rounds: int = ROUNDS) -> torch.Tensor:
    """Procedure 1: what the capsules below vote for, weighed by how well they agree: (B, I, C, D) -> (B, C, D)."""
    logits = torch.zeros_like(votes[..., :1])  # (B, I, C, 1)
    for _ in range(rounds - 1):
        outputs = agree(votes, logits)
        logits = logits + (votes * outputs[:, None]).sum(dim=-1, keepdim=True)
    return agree(votes, logits)


def agree(votes: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Each lower capsule spreads its vote over the classes by softmax: (B, I, C, D), (B, I, C, 1) -> (B, C, D)."""
    return squash((torch.softmax(logits, dim=2) * votes).sum(dim=1))


class CapsuleNetwork(nn.Module):
    """(B, channels, 28, 28) in 0..1 -> the lengths of the class capsules (B, classes), each in 0..1.

    In training, `heads` returns the lengths and the picture drawn again from the longest capsule.
    """

    def __init__(self, classes: int = 10, channels: int = 1):
        super().__init__()
        self.entrance = Entrance(channels, 28, fixed=True)
        self.capsules = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, 256, 9),  # (B, 256, 20, 20)
                relu=nn.ReLU(inplace=True),
                primary=PrimaryCapsules(),  # (B, 1152, 8)
                digits=ClassCapsules(classes),  # (B, classes, 16)
            )
        )
        self.decoder = nn.Sequential(
            nn.Linear(classes * 16, 512),
            nn.ReLU(inplace=True),
            nn.Linear(512, 1024),
            nn.ReLU(inplace=True),
            nn.Linear(1024, channels * 28 * 28),
            nn.Sigmoid(),
            nn.Unflatten(1, (channels, 28, 28)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return lengths(self.capsules(self.entrance(x)))

    def heads(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, channels, 28, 28) -> lengths (B, classes) and the drawn picture (B, channels, 28, 28) in 0..1."""
        capsules = self.capsules(self.entrance(x))
        return lengths(capsules), self.reconstruct(capsules, lengths(capsules).argmax(dim=1))

    def reconstruct(self, capsules: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Draw the picture from the capsule of each label alone, as training does with the true ones.

        (B, classes, 16), (B,) int64 -> (B, channels, 28, 28)
        """
        chosen = nn.functional.one_hot(labels, capsules.shape[1]).to(capsules.dtype)
        picture: torch.Tensor = self.decoder((capsules * chosen[..., None]).flatten(1))
        return picture


def lengths(capsules: torch.Tensor) -> torch.Tensor:
    """(B, C, D) -> (B, C)."""
    return torch.sqrt(capsules.square().sum(dim=-1) + 1e-9)


def margin_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Equation 4: the true class longer than 0.9, the others shorter than 0.1, those at half weight.

    (B, classes), (B,) int64 -> a scalar, the mean over the batch. Training adds RECONSTRUCTION_WEIGHT times the
    squared error of the drawn picture, summed over its pixels.
    """
    true = nn.functional.one_hot(labels, scores.shape[1]).to(scores.dtype)
    short = true * torch.relu(0.9 - scores).square()
    long = (1 - true) * torch.relu(scores - 0.1).square()
    return (short + 0.5 * long).sum(dim=1).mean()
