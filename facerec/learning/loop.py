"""The training loop: batches in, weights out, and at any step a checkpoint to go on from.

Every step draws its randomness from the seed and its own number, so a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import csv
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from facerec.errors import FacerecError
from facerec.learning import checkpoints
from facerec.learning.augment import AugmentSettings, augment, plain
from facerec.learning.datasets import Crops
from facerec.learning.schedules import warm_cosine
from facerec.records import Float32, Int64


class Diverged(FacerecError):
    """The loss is no longer a number; the message names the batch."""

    code = "diverged"


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a run goes, whatever it learns. `sizes` are (share of the run from which, input side in pixels)."""

    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.03  # share of the run
    average: float = 0.999  # decay of the averaged weights, which are the ones that are kept
    sizes: tuple[tuple[float, int], ...] = ((0.0, 112),)
    bf16: bool = True
    compiled: bool = True
    seed: int = 0
    checkpoint_every: int = 1000  # steps


@dataclass(frozen=True, slots=True)
class Report:
    """What one step did. `active` is the share of the batch's triplets that still teach; 1 where there are none."""

    step: int
    loss: float
    active: float
    images_per_second: float
    learning_rate: float


Given = TypeVar("Given")
Made = TypeVar("Made")

Objective = Callable[[torch.Tensor, Crops], tuple[torch.Tensor, float]]
"""Embeddings (B, 128) and their crops -> the loss and the share of active triplets."""

Batches = Callable[[int], Iterator[Int64]]
"""The number of an epoch -> its batches of row numbers."""


def endless(batches: Batches, first_step: int) -> Iterator[Int64]:
    """The batches of epoch after epoch, from a given step on."""
    epoch, step = 0, 0
    while True:
        for rows in batches(epoch):
            if step >= first_step:
                yield rows
            step += 1
        epoch += 1


def input_size(sizes: tuple[tuple[float, int], ...], progress: float) -> int:
    """The last size whose share of the run has begun.

    >>> input_size(((0.0, 80), (0.5, 112)), 0.49), input_size(((0.0, 80), (0.5, 112)), 0.5)
    (80, 112)
    """
    return [size for start, size in sizes if progress >= start][-1]


@torch.no_grad()
def follow(average: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], decay: float, step: int) -> None:
    """Move the averaged weights towards the current ones; faster while the run is young (Polyak and Juditsky, 1992)."""
    keep = min(decay, (1 + step) / (10 + step))
    for name, value in average.items():
        if value.is_floating_point():
            value.lerp_(weights[name], 1 - keep)
        else:
            value.copy_(weights[name])


def step_generator(seed: int, step: int) -> torch.Generator:
    """The randomness of one step, the same whenever it is run."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


class Run:
    """One training run: the trunk, its optimizer, its averaged weights, and the step it has reached."""

    def __init__(self, trunk: nn.Module, settings: LoopSettings, folder: Path, augmentation: AugmentSettings):
        self.settings, self.folder, self.augmentation = settings, folder, augmentation
        self.trunk = trunk.to(memory_format=torch.channels_last).train()
        self.forward = torch.compile(self.trunk, dynamic=False) if settings.compiled else self.trunk
        self.optimizer = torch.optim.AdamW(
            self.trunk.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.average = {name: value.clone() for name, value in self.trunk.state_dict().items()}
        self.step = 0
        if self.checkpoint.exists():
            self.resume()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    def resume(self) -> None:
        """Go on from the folder's checkpoint."""
        stored = checkpoints.load(self.checkpoint)
        self.trunk.load_state_dict(stored.weights)
        checkpoints.restore_optimizer(self.optimizer, stored.optimizer)
        self.average, self.step = stored.average, stored.step

    def save(self) -> None:
        """Write the folder's checkpoint."""
        weights = self.trunk.state_dict()
        state = checkpoints.optimizer_tensors(self.optimizer)
        checkpoints.save(self.checkpoint, checkpoints.Checkpoint(self.step, weights, self.average, state))

    def views(self, crops: Crops, step: int) -> torch.Tensor:
        """What the trunk sees of a batch at a given step, drawn from the seed and the step's number."""
        size = input_size(self.settings.sizes, step / self.settings.steps)
        rng = step_generator(self.settings.seed, step)
        return augment(torch.from_numpy(crops.pixels), size, self.augmentation, rng)

    def learn(self, views: torch.Tensor, crops: Crops, objective: Objective) -> Report:
        """One step on one batch. Raises Diverged where the loss is not a number."""
        settings, started = self.settings, time.perf_counter()
        rate = settings.learning_rate * warm_cosine(self.step / settings.steps, settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            embeddings = self.forward(views)
        loss, active = objective(embeddings, crops)
        if not torch.isfinite(loss):
            raise Diverged(f"the loss is {loss.item()} at step {self.step}: lower the learning rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        follow(self.average, self.trunk.state_dict(), settings.average, self.step)
        self.step += 1
        return Report(self.step, loss.item(), active, len(crops) / (time.perf_counter() - started), rate)

    def go(self, crops: Crops, batches: Batches, objective: Objective) -> Iterator[Report]:
        """Learn until the last step, saving on the way; yields a report per step."""

        def prepare(numbered: tuple[int, Int64]) -> tuple[torch.Tensor, Crops]:
            step, rows = numbered
            return self.views(crops[rows], step), crops[rows]

        left = self.settings.steps - self.step
        rows = islice(enumerate(endless(batches, self.step), self.step), left)
        for views, batch in ahead(prepare, rows):
            yield self.learn(views, batch, objective)
            if self.step % self.settings.checkpoint_every == 0 or self.step == self.settings.steps:
                self.save()


def ahead(make: Callable[[Given], Made], given: Iterator[Given], depth: int = 2) -> Iterator[Made]:
    """`map`, with the next few results being made in another thread while the current one is used."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(make, item) for item in islice(given, depth))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(given, 1))
            yield done


@torch.no_grad()
def embed(trunk: nn.Module, pixels: np.ndarray, size: int = 112, batch: int = 64) -> Float32:
    """The embeddings of crops as they are: (N, 128, 128, 3) uint8 -> (N, 128) rows of length 1."""
    trunk.eval()
    rows = [trunk(plain(torch.from_numpy(pixels[at : at + batch]), size)) for at in range(0, len(pixels), batch)]
    trunk.train()
    return torch.cat(rows).numpy()


def append_csv(path: Path, row: dict[str, object]) -> None:
    """Add a line to a CSV, with a header where the file is new."""
    fresh = not path.exists()
    with path.open("a", newline="") as handle:
        writer = csv.DictWriter(handle, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
