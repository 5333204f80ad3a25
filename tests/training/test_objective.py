"""The loss and the batches that settings describe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facerec.learning.datasets import Crops
from facerec.learning.losses import distillation, triplet
from facerec.learning.miners import batch_hard
from facerec.learning.objectives import objective_of
from facerec.learning.reports import Report
from facerec.training import train
from facerec.training.beginning import batches_of, begin
from tests.drawn_crops import drawn_crops
from tests.tiny import tiny_settings


def rows_and_crops() -> tuple[torch.Tensor, Crops]:
    crops = drawn_crops(4, 3)
    drawn = torch.randn(12, 128, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.normalize(drawn, dim=1), crops


@pytest.mark.parametrize("distil, weight", [(1.0, 0.0), (0.0, 1.0), (0.5, 2.0)])
def test_the_objective_is_the_weighted_sum_of_its_parts(distil: float, weight: float) -> None:
    rows, crops = rows_and_crops()
    mined = batch_hard(rows, torch.from_numpy(crops.labels))
    parts = distillation(rows, torch.from_numpy(crops.targets)), triplet(rows, mined, 0.3)
    loss, active = objective_of(tiny_settings(distil=distil, triplet=weight, margin=0.3), 4)(rows, crops)
    assert loss.item() == pytest.approx(distil * parts[0].item() + weight * parts[1].item(), rel=1e-6)
    a, p, n = (rows[part] for part in mined)
    violated = torch.cdist(a, p).diagonal() ** 2 + 0.3 > torch.cdist(a, n).diagonal() ** 2
    assert active == (pytest.approx(violated.double().mean().item()) if weight else 1.0)


def test_a_batch_without_triplets_is_worth_nothing_and_teaches_nothing() -> None:
    rows, crops = rows_and_crops()
    strangers = replace(crops, labels=np.arange(12))
    loss, active = objective_of(tiny_settings(distil=0.0, triplet=1.0), 12)(rows.requires_grad_(), strangers)
    loss.backward()
    assert loss.item() == 0 and active == 0 and rows.grad.abs().max() == 0


def test_batches_depend_on_seed_and_epoch_only() -> None:
    labels = drawn_crops(6, 4).labels
    for settings in (tiny_settings(), tiny_settings(triplet=1.0, subjects=3, per_subject=2)):
        batches, steps = batches_of(settings, labels)
        first = np.stack(list(batches(1)))
        assert len(first) == steps and np.array_equal(first, np.stack(list(batches_of(settings, labels)[0](1))))
        assert not np.array_equal(first, np.stack(list(batches(2))))
        other = batches_of(replace(settings, seed=1), labels)[0]
        assert not np.array_equal(first, np.stack(list(other(1))))


class Killed(Exception):
    """What a test ends a run with."""


def stopping(at: int):
    def heard(now: Report, steps: int) -> None:
        if now.step == at:
            raise Killed

    return heard


@pytest.mark.parametrize("terms", [
    {"cosface": 1.0}, {"binary": 1.0, "triplet": 1.0, "miner": "random"}, {"triplet": 1.0, "mine_every": 1},
])  # fmt: skip
def test_a_stopped_run_ends_with_the_weights_beside_the_trunk_that_it_would_have_had(tmp_path: Path, terms) -> None:
    crops = drawn_crops(4, 4)
    settings = tiny_settings(
        distil=0, epochs=4, subjects=2, per_subject=2, checkpoint_every=3, sizes=[[0, 32]], batch=8, **terms
    )
    for folder in ("whole", "stopped"):
        if folder == "stopped":
            with pytest.raises(Killed):
                train(settings, crops, tmp_path / folder, stopping(at=5))
        train(settings, crops, tmp_path / folder)
    names = {"weights.safetensors"} | ({"beside.safetensors"} if terms.keys() & {"cosface", "binary"} else set())
    for name in names:
        whole, stopped = (load_file(tmp_path / folder / name) for folder in ("whole", "stopped"))
        assert whole.keys() == stopped.keys() and whole
        assert max((whole[key].double() - stopped[key].double()).abs().max() for key in whole) <= 1e-4
    assert (tmp_path / "whole" / "beside.safetensors").exists() == (len(names) == 2)
    assert len(list((tmp_path / "whole").glob("lookalikes/*.npy"))) == (4 if "mine_every" in terms else 0)


MINING = {"distil": 0, "triplet": 1.0, "mine_every": 1, "subjects": 2, "per_subject": 2}


def test_a_run_that_begins_anew_does_not_take_over_what_an_older_one_found(tmp_path: Path) -> None:
    settings = tiny_settings(**MINING, epochs=1)
    train(settings, drawn_crops(4, 4), tmp_path)
    before = sorted((tmp_path / "lookalikes").iterdir())
    begin(settings, drawn_crops(4, 4), tmp_path)  # finished: it goes on from its checkpoint
    assert sorted((tmp_path / "lookalikes").iterdir()) == before != []
    (tmp_path / "checkpoint.safetensors").unlink()
    begin(settings, drawn_crops(4, 4), tmp_path)
    assert not (tmp_path / "lookalikes").exists()
