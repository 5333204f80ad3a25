"""Batches made ahead: the same ones whoever makes them, in their order, and errors passed on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.learning.augment import AugmentSettings
from facerec.learning.batches import (
    Views,
    ahead,
    batch_generator,
    endless,
    grouped,
    input_size,
    prepared,
)
from facerec.records import Int64
from tests.drawn_crops import drawn_crops

CROPS = drawn_crops(6, 4)
linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are copies of the process only on Linux")


def batches(epoch: int) -> Iterator[Int64]:
    yield from np.random.default_rng(epoch).permutation(len(CROPS)).reshape(3, 8)


def views(seed: int = 0, accumulate: int = 1) -> Views:
    sizes = ((0.0, 32), (0.5, 48))
    return Views(AugmentSettings(), sizes, 6 // accumulate, accumulate, seed, torch.device("cpu"))


def test_batches_go_on_where_they_stopped() -> None:
    whole = [rows.tolist() for rows in islice(endless(batches, 0), 10)]
    for first in (0, 2, 3, 7):
        assert [rows.tolist() for rows in islice(endless(batches, first), 10 - first)] == whole[first:]


def test_the_last_size_that_has_begun() -> None:
    sizes = ((0.0, 80), (0.5, 96), (0.75, 112))
    assert [input_size(sizes, p) for p in (0, 0.49, 0.5, 0.74, 0.75, 0.99)] == [80, 80, 96, 96, 112, 112]


def test_views_depend_on_seed_and_number_alone() -> None:
    see, other, some = views(), views(seed=1), CROPS.pixels[:4]
    assert see(some, 0).equal(see(some, 0))
    assert not see(some, 0).equal(see(some, 1)) and not see(some, 0).equal(other(some, 0))
    assert batch_generator(1, 2).initial_seed() != batch_generator(2, 1).initial_seed()


def test_all_batches_of_a_step_have_one_size() -> None:
    one, two = ([see(CROPS.pixels[:1], k).shape[-1] for k in range(6)] for see in (views(), views(accumulate=2)))
    assert one == [32, 32, 32, 48, 48, 48] and two == [32, 32, 32, 32, 48, 48]


@linux
def test_workers_make_what_the_thread_makes() -> None:
    def made(workers: int) -> list[tuple[int, list[int], torch.Tensor]]:
        numbered = enumerate(islice(endless(batches, 0), 6))
        return [(b.number, b.crops.labels.tolist(), b.views) for b in prepared(CROPS, numbered, views(), workers)]

    alone, shared = made(0), made(2)
    assert [batch[:2] for batch in alone] == [batch[:2] for batch in shared] and len(alone) == 6
    assert max((a[2] - b[2]).abs().max() for a, b in zip(alone, shared, strict=True)) < 1e-6


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=linux)])
def test_ahead_keeps_the_order_and_passes_errors_on(workers: int) -> None:
    assert list(ahead(lambda x: x * x, iter(range(20)), workers)) == [x * x for x in range(20)]
    assert list(ahead(abs, iter(()), workers)) == []
    made = ahead(lambda x: 1 // x, iter((1, 0, 1)), workers)
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=linux), pytest.param(3, marks=linux)])
def test_what_is_given_is_taken_equally_early_whoever_makes_it(workers: int) -> None:
    taken: list[int] = []

    def given() -> Iterator[int]:
        for item in range(30):
            taken.append(item)
            yield item

    made = ahead(abs, given(), workers, depth=4)
    lead = [len(taken) - next(made) for _ in range(5)]
    made.close()
    assert lead == [0, 4, 4, 4, 4]


def lonely(say: multiprocessing.connection.Connection) -> None:
    """A run that is killed while a worker works for it."""
    for who in ahead(lambda _: os.getpid(), iter(range(99)), workers=1):
        say.send(who)
        time.sleep(30)


@linux
def test_a_killed_run_leaves_no_workers_behind() -> None:
    hear, say = multiprocessing.Pipe(duplex=False)
    run = multiprocessing.get_context("fork").Process(target=lonely, args=(say,))
    run.start()
    worker = hear.recv()
    assert worker not in (run.pid, os.getpid()) and os.path.exists(f"/proc/{worker}")
    os.kill(run.pid, signal.SIGKILL)
    run.join()
    for _ in range(200):
        state = Path(f"/proc/{worker}/stat")
        if not state.exists() or " Z " in state.read_text():
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")


def test_grouped_drops_what_fills_no_group() -> None:
    assert list(grouped(iter("abcde"), 2)) == [["a", "b"], ["c", "d"]] and list(grouped(iter("a"), 2)) == []
