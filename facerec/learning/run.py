"""Where a run stands: its trunk, its optimizer, its averaged weights and its step, kept in a checkpoint."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from facerec.cnn.transfer import to_training
from facerec.errors import InvalidInput
from facerec.learning import checkpoints
from facerec.learning.augment import AugmentSettings
from facerec.learning.averaging import copy_into, follow, shapes
from facerec.learning.batches import Views
from facerec.learning.devices import Forward, autocast, compiled, device_of
from facerec.learning.processes import processes
from facerec.learning.schedules import Course, warmed

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a run goes, whatever it learns. `sizes` are (share of the run from which, input side in pixels)."""

    steps: int
    epochs: float = 1.0  # what the schedule counts in
    accumulate: int = 1  # batches of a step, shared by the processes
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"
    step_epochs: float = 10.0
    factor: float = 0.1
    milestones: tuple[float, ...] = ()
    warmup: float = 0.03  # share of the run
    average: float = 0.999  # decay of the averaged weights, which are the ones that are kept
    sizes: tuple[tuple[float, int], ...] = ((0.0, 112),)
    device: str = "auto"
    bf16: bool = True
    compiled: bool = True
    workers: int = 0  # processes that make views; 0: a thread
    seed: int = 0
    checkpoint_every: int = 1000  # steps
    validate_every: int = 1000  # steps


class Run:
    """One training run, as its folder has it.

    `beside` is what learns beside the trunk, the weights of an objective for one: in the same optimizer and checkpoint.
    Frozen parts of the trunk stay as they are, their norms' statistics too. Goes on from the folder's checkpoint where
    there is one. Raises InvalidInput where that is another network's or lies beyond the last step, or where the
    processes cannot share a step's batches; DamagedFile where it is no whole one; and MissingPart without the compiler
    or the GPU that is asked for.
    """

    def __init__(
        self, trunk: nn.Module, settings: LoopSettings, folder: Path, augmentation: AugmentSettings,
        beside: nn.Module | None = None,
    ):  # fmt: skip
        self.settings, self.folder, self.checkpoint = settings, folder, folder / CHECKPOINT
        self.device, self.processes = device_of(settings.device), processes()
        self.share = self.processes.share_of(settings.accumulate)
        self.trunk = trunk.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        to_training(self.trunk)
        self.forward: Forward = compiled(self.trunk) if settings.compiled else self.trunk
        self.beside = (nn.Identity() if beside is None else beside).to(self.device)
        self.parameters = [*self.trunk.parameters(), *self.beside.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.average = {name: value.clone() for name, value in self.trunk.state_dict().items()}
        self.beside_average = {name: value.clone() for name, value in self.beside.state_dict().items()}
        self.views = Views(
            augmentation, settings.sizes, settings.steps, settings.accumulate, settings.seed,
            torch.device("cpu") if settings.workers else self.device,
        )  # fmt: skip
        self.step = 0
        if self.checkpoint.exists():
            self.resume()

    def resume(self) -> None:
        """Go on from the folder's checkpoint."""
        stored = checkpoints.load(self.checkpoint, self.device)
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
        copy_into(self.average, stored.average)
        copy_into(self.beside_average, stored.beside_average)
        self.step = stored.step

    def save(self) -> None:
        """Write the folder's checkpoint; one process of several does."""
        if self.processes.writes:
            weights, beside = self.trunk.state_dict(), self.beside.state_dict()
            state = checkpoints.optimizer_tensors(self.optimizer)
            stored = checkpoints.Checkpoint(self.step, weights, self.average, state, beside, self.beside_average)
            checkpoints.save(self.checkpoint, stored)

    def autocast(self) -> torch.autocast:
        """A context in which the trunk computes as the settings say."""
        return autocast(self.device, self.settings.bf16)

    def set_rate(self) -> float:
        """Give the optimizer this step's learning rate."""
        of = self.settings
        course = Course(of.epochs, of.step_epochs, of.factor, of.milestones)
        rate = of.learning_rate * warmed(of.schedule, self.step / of.steps, course, of.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def gradients(self) -> list[torch.Tensor]:
        """Of all weights that learn: the mean over all processes, which then also agree on what their norms have seen.

        With several processes, a weight that a batch did not touch has a gradient of zero.
        """
        learning = [weights for weights in self.parameters if weights.requires_grad]
        if self.processes.count > 1:
            for weights in learning:
                weights.grad = torch.zeros_like(weights) if weights.grad is None else weights.grad
            self.processes.average([weights.grad for weights in learning if weights.grad is not None])
            self.processes.average([seen for seen in self.trunk.buffers() if seen.is_floating_point()])
        return [weights.grad for weights in learning if weights.grad is not None]

    def advance(self) -> None:
        """Change the weights by their gradients, and let their averages follow."""
        self.optimizer.step()
        follow(self.average, self.trunk.state_dict(), self.settings.average, self.step)
        follow(self.beside_average, self.beside.state_dict(), self.settings.average, self.step)
        self.step += 1

    def averaged(self) -> nn.Module:
        """A copy of the trunk with the averaged weights, in evaluation mode."""
        trunk: nn.Module = copy.deepcopy(self.trunk).eval()
        trunk.load_state_dict(self.average)
        return trunk

    def is_due(self, every: int) -> bool:
        """Is it time for what happens every so many steps, and at the last one?"""
        return self.step % every == 0 or self.step == self.settings.steps
