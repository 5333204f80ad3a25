"""Several processes make one run: the same as one process that looks at all of a step's batches itself."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings
from facerec.learning.checkpoints import load
from facerec.learning.datasets import Crops
from facerec.learning.lookalikes import ConfusedBatches
from facerec.learning.loop import go
from facerec.learning.losses import distillation
from facerec.learning.processes import Processes, is_first, joined
from facerec.learning.run import LoopSettings, Run
from facerec.records import Float32, Int64
from tests.drawn_crops import drawn_crops
from tests.tiny import tiny_trunk

CROPS = drawn_crops(6, 4)
SETTINGS = LoopSettings(steps=4, accumulate=2, sizes=((0.0, 32),), compiled=False, checkpoint_every=2, device="cpu")


def batches(epoch: int) -> Iterator[Int64]:
    yield from np.random.default_rng(epoch).permutation(len(CROPS)).reshape(4, 6)


def to_targets(embeddings: torch.Tensor, crops: Crops) -> tuple[torch.Tensor, float]:
    return distillation(embeddings, torch.from_numpy(crops.targets)), float(crops.labels[0]) / 10


def new_run(folder: Path) -> Run:
    torch.manual_seed(0)
    return Run(tiny_trunk(), SETTINGS, folder, AugmentSettings())


def found(rows: Int64, searches: list[int]) -> Float32:
    searches.append(len(rows))
    return CROPS.targets[rows]


def take_part(rank: int, port: int, folder: Path) -> None:
    """What torchrun starts: the same program with a number of its own."""
    torch.set_num_threads(1)
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    with joined("cpu") as both:
        assert (both.rank, both.count, both.writes, is_first()) == (rank, 2, rank == 0, rank == 0)
        with pytest.raises(InvalidInput, match="2 processes cannot share 3 batches: set accumulate"):
            both.share_of(3)
        with both.one_before_the_others():
            if not both.writes:
                assert (folder / "first").exists()
            else:
                (folder / "first").touch()
        run = new_run(folder / "run" if both.writes else folder / "other")
        searches: list[int] = []
        searched = ConfusedBatches(CROPS.labels, 3, 2, 0, 1, lambda rows: found(rows, searches), folder / "lookalikes")
        assert [len(rows) for rows in searched(0)] == [6, 6] and bool(searches) == both.writes
        reports = list(go(run, CROPS, batches, to_targets))
        lines = [f"{report.loss!r} {report.active!r}" for report in reports]
        (folder / f"reports-{rank}").write_text("\n".join(lines))
        running = torch.cat([value.flatten() for name, value in run.average.items() if "running" in name])
        np.save(folder / f"running-{rank}.npy", running.numpy())


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_two_processes_make_the_run_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    parts = [
        multiprocessing.get_context("fork").Process(target=take_part, args=(rank, port, tmp_path)) for rank in (0, 1)
    ]
    for part in parts:
        part.start()
    for part in parts:
        part.join(timeout=240)
    assert [part.exitcode for part in parts] == [0, 0]
    alone = new_run(tmp_path / "alone")
    reports = list(go(alone, CROPS, batches, to_targets))
    stored = load(tmp_path / "run" / "checkpoint.safetensors")
    apart = [(stored.weights[name] - value).abs().max() for name, value in alone.trunk.named_parameters()]
    assert stored.step == 4 and max(apart) < 1e-5
    assert not (tmp_path / "other").exists()  # one of them writes
    first, second = (((tmp_path / f"reports-{rank}").read_text()) for rank in (0, 1))
    assert first == second  # and both know of the whole step
    said = [tuple(map(float, line.split())) for line in first.splitlines()]
    assert said == [pytest.approx((report.loss, report.active), abs=1e-5) for report in reports]
    running = [np.load(tmp_path / f"running-{rank}.npy") for rank in (0, 1)]
    assert np.array_equal(*running)


def test_gathering_batches_is_one_large_batch(tmp_path: Path) -> None:
    still = AugmentSettings(**dict.fromkeys(AugmentSettings.__slots__, 0.0))

    def ended(accumulate: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 64), nn.Tanh(), nn.Linear(64, 128))
        trunk = nn.Sequential(nn.AvgPool2d(2), flat, Unit())
        settings = LoopSettings(
            steps=6, accumulate=accumulate, sizes=((0.0, 32),), bf16=False, compiled=False, device="cpu"
        )

        def parts(epoch: int) -> Iterator[Int64]:
            rows = np.random.default_rng(epoch).permutation(len(CROPS)).reshape(2, 12)
            yield from rows.reshape(2 * accumulate, -1)

        run = Run(trunk, settings, tmp_path / str(accumulate), still)
        reports = list(go(run, CROPS, parts, to_targets))
        assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
        return run.trunk.state_dict()

    whole = ended(1)
    for gathered in (ended(2), ended(3)):
        assert max((whole[name] - gathered[name]).abs().max() for name in whole) < 1e-5


class Unit(nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(rows.float(), dim=1)


def test_a_process_alone_shares_with_nobody() -> None:
    alone, value = Processes(), torch.ones(3)
    alone.average([value])
    assert value.tolist() == [1, 1, 1] and alone.share_of(3) == 3 and alone.writes
    assert alone.mean([(1.0, 0.5), (2.0, 1.0)]) == (1.5, 0.75)
    with alone.one_before_the_others(), joined("cpu") as found:
        assert found == alone
