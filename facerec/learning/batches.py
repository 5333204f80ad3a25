"""Batches made ahead: which crops, and what the trunk sees of them, drawn from the seed and the batch's number alone.

So a run that was stopped goes on as if it had not been, and it is the same run whoever makes its views.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, parent_process
from typing import Any, TypeVar

import numpy as np
import torch
from torch import multiprocessing

from facerec.learning.augment import AugmentSettings, augment
from facerec.learning.datasets import Crops
from facerec.records import Int64

DEPTH = 8
"""Batches that are being made or wait, whoever makes them: a search among all crops at the beginning of an epoch then
sees the same weights. So there is no use for more workers."""

Given = TypeVar("Given")
Made = TypeVar("Made")

Batches = Callable[[int], Iterator[Int64]]
"""The number of an epoch -> its batches of row numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Crops that are looked at together.

    number  of the batch in the run, from 0
    rows    (B,) int64, where the crops stand among all
    views   (B, 3, S, S) float32, what the trunk sees of them
    """

    number: int
    rows: Int64
    crops: Crops
    views: torch.Tensor


@dataclass(frozen=True, slots=True)
class Views:
    """What the trunk sees of the crops of a batch.

    sizes       (share of the run from which, input side in pixels)
    steps       of the whole run
    accumulate  batches of a step
    device      what the pixels are computed on
    """

    settings: AugmentSettings
    sizes: tuple[tuple[float, int], ...]
    steps: int
    accumulate: int
    seed: int
    device: torch.device

    def __call__(self, pixels: np.ndarray, number: int) -> torch.Tensor:
        """(B, 128, 128, 3) uint8 and the batch's number -> (B, 3, S, S) float32 in -1..1."""
        size = input_size(self.sizes, number // self.accumulate / self.steps)
        crops = torch.from_numpy(pixels).to(self.device)
        return augment(crops, size, self.settings, batch_generator(self.seed, number))


def endless(batches: Batches, first: int) -> Iterator[Int64]:
    """The batches of epoch after epoch, from one of a given number on; an epoch must have one batch at least."""
    epoch, number = 0, 0
    while True:
        for rows in batches(epoch):
            if number >= first:
                yield rows
            number += 1
        epoch += 1


def input_size(sizes: tuple[tuple[float, int], ...], progress: float) -> int:
    """The last size whose share of the run has begun.

    >>> input_size(((0.0, 80), (0.5, 112)), 0.49), input_size(((0.0, 80), (0.5, 112)), 0.5)
    (80, 112)
    """
    return [size for start, size in sizes if progress >= start][-1]


def batch_generator(seed: int, number: int) -> torch.Generator:
    """The randomness of one batch, the same whenever and wherever it is made."""
    return torch.Generator().manual_seed(seed * 1_000_003 + number)


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """Makes the views of numbered batches of rows; can be sent to another process."""

    crops: Crops
    views: Views

    def batch(self, given: tuple[int, Int64]) -> Batch:
        number, rows = given
        chosen = self.crops[rows]
        return Batch(number, rows, chosen, self.views(chosen.pixels, number))

    def without_crops(self, given: tuple[int, Int64]) -> tuple[int, Int64, torch.Tensor]:
        """All of a batch but the crops, which every process has."""
        made = self.batch(given)
        return made.number, made.rows, made.views


def prepared(crops: Crops, numbered: Iterator[tuple[int, Int64]], views: Views, workers: int = 0) -> Iterator[Batch]:
    """The batches of some (number, rows), in their order, with their views made ahead by so many worker processes.

    Without workers they are made in another thread.
    """
    make = Maker(crops, views)
    if not workers:
        return ahead(make.batch, numbered)
    made = ahead(make.without_crops, numbered, workers)
    return (Batch(number, rows, crops[rows], seen) for number, rows, seen in made)


def grouped(items: Iterator[Given], size: int) -> Iterator[list[Given]]:
    """So many at a time; the few left over at the end are dropped.

    >>> list(grouped(iter(range(5)), 2))
    [[0, 1], [2, 3]]
    """
    while len(group := list(islice(items, size))) == size:
        yield group


def ahead(
    make: Callable[[Given], Made], given: Iterator[Given], workers: int = 0, depth: int = DEPTH
) -> Iterator[Made]:
    """`map`, with the next few results being made in another thread, or by worker processes, while one is used."""
    pool = processes_that(make, workers) if workers else ThreadPoolExecutor(1)
    task: Callable[[Given], Made] = in_worker if workers else make
    try:
        waiting = deque(pool.submit(task, item) for item in islice(given, depth))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(task, item) for item in islice(given, 1))
            yield done
    finally:
        pool.shutdown(cancel_futures=True)


def processes_that(make: Callable[[Any], Any], count: int) -> Executor:
    """Worker processes that begin as copies of this one, and so share its crops; where the system cannot do that, each
    is sent what `make` holds. Tensors come back through shared memory.
    """
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(count, context, begin_worker, (make,))


_MAKE: list[Callable[[Any], Any]] = []
"""In a worker process: what it is there for."""


def begin_worker(make: Callable[[Any], Any]) -> None:
    """Be a worker: on one thread, deaf to Ctrl-C, which is for the run, and gone when the run is gone."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    _MAKE[:] = [make]


def end_with_parent() -> None:
    """Wait for the end of the process that started this one, then end too: a killed run leaves no workers behind."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def in_worker(item: Any) -> Any:
    return _MAKE[0](item)
