"""The training loop of a classifier, small enough to be read at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from facerec.cnn.networks import training_outputs
from facerec.cnn.networks.capsule import RECONSTRUCTION_WEIGHT, CapsuleNetwork, lengths, margin_loss
from facerec.cnn.preparation import Preparation
from facerec.cnn.transfer import freeze_body, groups, to_training
from facerec.errors import FacerecError
from facerec.learning.augment import random_views
from facerec.learning.class_settings import ClassifierSettings, ViewSettings
from facerec.learning.devices import autocast, has_bf16
from facerec.learning.labelled import Labelled
from facerec.records import Int64

AUXILIARY = 0.3
"""Weight of an auxiliary head's loss (Szegedy et al., 2015)."""


CPU = torch.device("cpu")


class NoNumber(FacerecError):
    """The loss of a classifier is no longer a number."""

    code = "diverged"


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch did.

    epoch     how many are finished
    loss      mean over its batches
    accuracy  on the test pictures, after it
    rate      the learning rate that it was made with
    seconds   that it took, testing included
    """

    epoch: int
    loss: float
    accuracy: float
    rate: float
    seconds: float


def learn(
    net: nn.Module, train: Labelled, test: Labelled, prepare: Preparation, settings: ClassifierSettings
) -> Iterator[Epoch]:
    """Train a network by stochastic gradient descent, in place; yields after every epoch.

    For `head_epochs` only the head learns, then everything. Raises NoNumber where the loss is none.
    """
    rng = np.random.default_rng(settings.seed)
    draw = torch.Generator().manual_seed(settings.seed)
    if settings.bf16 and has_bf16(CPU):
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for epoch in range(settings.epochs):
        if epoch in (0, settings.head_epochs):
            optimizer = begin_phase(net, settings, head_only=epoch < settings.head_epochs)
        started, rate, losses = time.perf_counter(), settings.rate(epoch), []
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        to_training(net)
        for rows in batches(len(train), settings.batch, rng):
            pictures, labels = train.pixels[rows], torch.from_numpy(train.labels[rows])
            seen = views(pictures, prepare, settings.augment, draw)
            with autocast(CPU, settings.bf16):
                loss = loss_of(net, seen, labels)
            if not torch.isfinite(loss):
                raise NoNumber(f"the loss is no number in epoch {epoch + 1}: set a lower learning_rate")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        accuracy = float((predict(net, test.pixels, prepare) == test.labels).mean())
        yield Epoch(epoch + 1, float(np.mean(losses)), accuracy, rate, time.perf_counter() - started)


def begin_phase(net: nn.Module, settings: ClassifierSettings, head_only: bool) -> torch.optim.SGD:
    """Freeze what does not learn, and give the rest an optimizer; each group knows its `share` of the rate."""
    net.requires_grad_(True)
    if head_only:
        freeze_body(net)
    whole = [{"params": list(net.parameters()), "share": 1.0}]
    shared = groups(net, settings.body) if head_only or settings.body != 1 else whole
    rate, momentum, decay = settings.learning_rate, settings.momentum, settings.weight_decay
    return torch.optim.SGD(shared, rate, momentum, weight_decay=decay)


def batches(count: int, batch: int, rng: np.random.Generator) -> Iterator[Int64]:
    """Every row once in random order; a last batch of one row, which no norm can take, waits for the next epoch."""
    order = rng.permutation(count)
    for start in range(0, count, batch):
        if len(rows := order[start : start + batch]) > 1 or count == 1:
            yield rows


def loss_of(net: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, of auxiliary heads too; a capsule network's margin loss and drawing error."""
    if isinstance(net, CapsuleNetwork):
        capsules = net.capsules(net.entrance(pictures))
        drawn = net.reconstruct(capsules, labels)
        error = (drawn - pictures).square().flatten(1).sum(dim=1).mean()
        return margin_loss(lengths(capsules), labels) + RECONSTRUCTION_WEIGHT * error
    logits, *others = training_outputs(net, pictures)
    loss: Tensor = cross_entropy(logits, labels)
    for other in others:
        loss = loss + AUXILIARY * cross_entropy(other, labels)
    return loss


def views(pixels: np.ndarray, prepare: Preparation, settings: ViewSettings, rng: torch.Generator) -> Tensor:
    """One random view of each picture as the network takes it: (B, S, S, 3) uint8 -> (B, C, S, S) float32."""
    levels = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    if settings != ViewSettings():
        levels = random_views(levels, levels.shape[-1], 1.0, settings, rng).mul_(255)
    return prepare.normalised(levels)


@torch.no_grad()
def predict(net: nn.Module, pixels: np.ndarray, prepare: Preparation, batch: int = 64) -> Int64:
    """The class of each picture: (N, S, S, 3) uint8 -> (N,) int64; leaves the network in evaluation mode."""
    net.eval()
    labels: list[Int64] = [np.zeros(0, np.int64)]
    for start in range(0, len(pixels), batch):
        pictures = torch.from_numpy(pixels[start : start + batch]).permute(0, 3, 1, 2).float()
        labels.append(net(prepare.normalised(pictures)).argmax(dim=1).numpy())
    return np.concatenate(labels)


Listener = Callable[[Epoch], None]
"""Hears of every epoch."""
