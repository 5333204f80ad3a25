"""The training loop: batches in, weights out, and at any step a checkpoint to go on from.

Every step draws its randomness from the seed and its own number: a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import os
import shutil
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

from facerec.errors import FacerecError, InvalidInput, MissingPart
from facerec.learning import checkpoints
from facerec.learning.augment import AugmentSettings, augment, plain
from facerec.learning.datasets import Crops
from facerec.learning.schedules import warm_cosine
from facerec.records import DIM, Float32, Int64

CHECKPOINT = "checkpoint.safetensors"


class Diverged(FacerecError):
    """The loss or a gradient is no longer a number; says at which step and on which crops.

    rows  (B,) int64, the batch's row numbers in the crops that the run learns from
    """

    code = "diverged"

    def __init__(self, what: str, step: int, rows: Int64, sources: np.ndarray):
        shown = ", ".join(f"{source} (row {row})" for row, source in zip(rows[:3], sources, strict=False))
        super().__init__(
            f"the {what} is not a finite number at step {step}, on {len(rows)} crops: {shown}, ...; look at them, "
            "or start again in another folder with a lower learning_rate"
        )
        self.step, self.rows = step, rows


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
    """What one step did.

    step               how many steps are finished
    active             share of the batch's triplets that still teach; 1 where the loss has no triplets
    images_per_second  since the step before, waiting for views and saving included
    learning_rate      that the step was made with
    """

    step: int
    loss: float
    active: float
    images_per_second: float
    learning_rate: float


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step learns from.

    step   number of the step, from 0
    rows   (B,) int64, where the crops stand among all
    views  (B, 3, S, S) float32, what the trunk sees of them
    """

    step: int
    rows: Int64
    crops: Crops
    views: torch.Tensor


Given = TypeVar("Given")
Made = TypeVar("Made")

Objective = Callable[[torch.Tensor, Crops], tuple[torch.Tensor, float]]
"""Embeddings (B, 128) and their crops -> the loss and the share of active triplets."""

Batches = Callable[[int], Iterator[Int64]]
"""The number of an epoch -> its batches of row numbers."""


def endless(batches: Batches, first_step: int) -> Iterator[Int64]:
    """The batches of epoch after epoch, from a given step on; an epoch must have one batch at least."""
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


def shapes(named: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    """The shape of each of some weights, by name."""
    return {name: value.shape for name, value in named.items()}


def step_generator(seed: int, step: int) -> torch.Generator:
    """The randomness of one step, the same whenever it is run."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def require_compiler() -> None:
    """Raise MissingPart where `compiled` cannot work: torch.compile makes C++ for the processor at hand."""
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))):
        raise MissingPart("compiled = true needs a C++ compiler such as g++: install one, or set compiled = false")


class Run:
    """One training run: the trunk, its optimizer, its averaged weights, and the step it has reached.

    `beside` is what learns beside the trunk, the weights of an objective for one: in the same optimizer and checkpoint.
    Goes on from the folder's checkpoint where there is one. Raises InvalidInput where that is another network's or lies
    beyond the last step, DamagedFile where it is no whole one, and MissingPart without the compiler that is asked for.
    """

    def __init__(
        self, trunk: nn.Module, settings: LoopSettings, folder: Path, augmentation: AugmentSettings,
        beside: nn.Module | None = None,
    ):  # fmt: skip
        self.settings, self.folder, self.augmentation = settings, folder, augmentation
        self.trunk = trunk.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        if settings.compiled:
            require_compiler()
        self.forward = torch.compile(self.trunk, dynamic=False) if settings.compiled else self.trunk
        self.beside = nn.Identity() if beside is None else beside
        self.parameters = [*self.trunk.parameters(), *self.beside.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, settings.learning_rate, weight_decay=settings.weight_decay)
        self.average = {name: value.clone() for name, value in self.trunk.state_dict().items()}
        self.beside_average = {name: value.clone() for name, value in self.beside.state_dict().items()}
        self.step = 0
        if self.checkpoint.exists():
            self.resume()

    @property
    def checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    def resume(self) -> None:
        """Go on from the folder's checkpoint."""
        stored = checkpoints.load(self.checkpoint)
        own, kept = (self.average, self.beside_average), (stored.average, stored.beside_average)
        if [shapes(part) for part in own] != [shapes(part) for part in kept]:
            raise InvalidInput(f"{self.checkpoint} is another network's: choose another folder, or delete it")
        if stored.step > self.settings.steps:
            raise InvalidInput(
                f"{self.checkpoint} is at step {stored.step}, and this run has {self.settings.steps}: it was begun "
                "with other settings or other crops; choose another folder, or delete it"
            )
        self.trunk.load_state_dict(stored.weights)
        self.beside.load_state_dict(stored.beside)
        checkpoints.restore_optimizer(self.optimizer, stored.optimizer)
        self.average, self.beside_average, self.step = stored.average, stored.beside_average, stored.step

    def save(self) -> None:
        """Write the folder's checkpoint."""
        weights = self.trunk.state_dict()
        state = checkpoints.optimizer_tensors(self.optimizer)
        beside = self.beside.state_dict()
        stored = checkpoints.Checkpoint(self.step, weights, self.average, state, beside, self.beside_average)
        checkpoints.save(self.checkpoint, stored)

    def views(self, crops: Crops, step: int) -> torch.Tensor:
        """What the trunk sees of a batch at a given step, drawn from the seed and the step's number."""
        size = input_size(self.settings.sizes, step / self.settings.steps)
        rng = step_generator(self.settings.seed, step)
        return augment(torch.from_numpy(crops.pixels), size, self.augmentation, rng)

    def learn(self, batch: Batch, objective: Objective) -> tuple[float, float]:
        """One step on one batch: its loss and its share of active triplets.

        Raises Diverged, before any weight is changed, where the loss or a gradient is not a finite number.
        """
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            embeddings = self.forward(batch.views)
        loss, active = objective(embeddings, batch.crops)
        if not torch.isfinite(loss):
            raise Diverged("loss", self.step, batch.rows, batch.crops.sources)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if not all(p.grad.isfinite().all() for p in self.parameters if p.grad is not None):
            raise Diverged("gradient", self.step, batch.rows, batch.crops.sources)
        self.optimizer.step()
        follow(self.average, self.trunk.state_dict(), self.settings.average, self.step)
        follow(self.beside_average, self.beside.state_dict(), self.settings.average, self.step)
        self.step += 1
        return loss.item(), active

    def set_rate(self) -> float:
        """Give the optimizer this step's learning rate."""
        rate = self.settings.learning_rate * warm_cosine(self.step / self.settings.steps, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def batches(self, crops: Crops, batches: Batches) -> Iterator[Batch]:
        """The batches of all steps that are left, made ahead in another thread."""

        def prepare(numbered: tuple[int, Int64]) -> Batch:
            step, rows = numbered
            chosen = crops[rows]
            return Batch(step, rows, chosen, self.views(chosen, step))

        left = self.settings.steps - self.step
        return ahead(prepare, islice(enumerate(endless(batches, self.step), self.step), left))

    def go(self, crops: Crops, batches: Batches, objective: Objective) -> Iterator[Report]:
        """Learn until the last step, saving on the way; yields a report per step."""
        started = time.perf_counter()
        for batch in self.batches(crops, batches):
            rate = self.set_rate()
            loss, active = self.learn(batch, objective)
            seconds, started = time.perf_counter() - started, time.perf_counter()
            yield Report(self.step, loss, active, len(batch.rows) / seconds, rate)
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
    """The embeddings of crops as they are: (N, 128, 128, 3) uint8 -> (N, 128) rows of length 1. N may be 0."""
    was_training = trunk.training
    trunk.eval()
    rows = [trunk(plain(torch.from_numpy(pixels[at : at + batch]), size)) for at in range(0, len(pixels), batch)]
    trunk.train(was_training)
    return torch.cat([torch.zeros(0, DIM), *rows]).numpy()
