"""Several processes that make one run: started by torchrun, they share every step's batches, and one of them writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from facerec.errors import InvalidInput
from facerec.learning.devices import device_of


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that make the run.

    rank   its number, from 0
    count  how many there are
    """

    rank: int = 0
    count: int = 1

    @property
    def writes(self) -> bool:
        """Is this the one that writes files and says what goes on?"""
        return self.rank == 0

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Make each tensor its mean over all processes, in place; they all call this with tensors of equal shapes.

        One exchange of all numbers at once: a trunk of a few million weights leaves nothing to overlap it with.
        """
        if self.count == 1 or not tensors:
            return
        joined = torch.cat([tensor.detach().float().flatten() for tensor in tensors])
        distributed.all_reduce(joined)
        parts = torch.split(joined.div_(self.count), [tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, mean in zip(tensors, parts, strict=True):
                tensor.copy_(mean.view_as(tensor))

    def mean(self, worth: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """The mean of each of two numbers, over a sequence and over all processes."""
        means = torch.tensor(worth, dtype=torch.float64).mean(dim=0)
        if self.count > 1:
            means = means.to("cuda" if distributed.get_backend() == "nccl" else "cpu")
            distributed.all_reduce(means)
            means = means / self.count
        first, second = means.tolist()
        return first, second

    def share_of(self, batches: int) -> int:
        """How many of a step's batches each process looks at. Raises InvalidInput where they cannot be shared."""
        if batches % self.count:
            raise InvalidInput(
                f"{self.count} processes cannot share {batches} batches: set accumulate to a multiple of {self.count}"
            )
        return batches // self.count

    @contextmanager
    def one_before_the_others(self) -> Iterator[None]:
        """The block is run by the process that writes, and then by the others, who find what it made."""
        if self.count > 1 and not self.writes:
            distributed.barrier()
        yield
        if self.count > 1 and self.writes:
            distributed.barrier()


def processes() -> Processes:
    """Those that `joined` has joined, or this one alone."""
    if not distributed.is_available() or not distributed.is_initialized():
        return Processes()
    return Processes(distributed.get_rank(), distributed.get_world_size())


def is_first() -> bool:
    """Is this the process that writes, also before they have joined and after they have parted?"""
    return int(os.environ.get("RANK", 0)) == 0


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, for the block; this one alone where it did not.

    `device` is the setting: on GPUs they speak through NCCL, else through Gloo. Raises what `device_of` does.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1 or distributed.is_initialized():
        yield processes()
        return
    own = device_of(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield processes()
    finally:
        distributed.destroy_process_group()
