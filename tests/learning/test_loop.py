"""The loop: it learns, it stops at a NaN, and a run that was stopped anywhere ends as if it had not been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.learning import checkpoints
from facerec.learning.augment import AugmentSettings
from facerec.learning.averaging import follow
from facerec.learning.datasets import Crops
from facerec.learning.embedding import embed
from facerec.learning.loop import go
from facerec.learning.losses import distillation
from facerec.learning.reports import Diverged, Report
from facerec.learning.run import LoopSettings, Run
from facerec.records import Int64
from tests.drawn_crops import drawn_crops
from tests.tiny import tiny_trunk

CROPS = drawn_crops(6, 4)
SETTINGS = LoopSettings(steps=6, sizes=((0.0, 32), (0.5, 48)), compiled=False, checkpoint_every=2)


def to_targets(embeddings: torch.Tensor, crops: Crops) -> tuple[torch.Tensor, float]:
    return distillation(embeddings, torch.from_numpy(crops.targets)), 1.0


def batches(epoch: int) -> Iterator[Int64]:
    order = np.random.default_rng(epoch).permutation(len(CROPS))
    yield from order.reshape(3, 8)


def new_run(folder: Path, settings: LoopSettings = SETTINGS, seed: int = 0) -> Run:
    torch.manual_seed(seed)
    return Run(tiny_trunk(), settings, folder, AugmentSettings())


def finish(run: Run, objective=to_targets) -> list[Report]:
    return list(go(run, CROPS, batches, objective))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So little work is slower on several threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Report]]:
    run = new_run(tmp_path_factory.mktemp("whole"))
    return run, finish(run)


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference of any number of two sets of weights."""
    assert a.keys() == b.keys()
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a)


def test_a_report_per_step_with_the_rate_of_the_schedule(uninterrupted: tuple[Run, list[Report]]) -> None:
    _, reports = uninterrupted
    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    rates = [report.learning_rate / SETTINGS.learning_rate for report in reports]
    assert rates[0] == 0 and rates[1] > 0.9 and rates[1:] == sorted(rates[1:], reverse=True)
    assert all(report.images_per_second > 0 and 0 < report.loss < 2 for report in reports)


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_a_run_stopped_after_any_step_ends_like_the_uninterrupted_one(
    tmp_path: Path, uninterrupted: tuple[Run, list[Report]], stop: int
) -> None:
    for report in go(new_run(tmp_path), CROPS, batches, to_targets):
        if report.step == stop:
            break  # the process ends here; what is on disk is the last checkpoint
    saved = (stop - 1) // 2 * 2  # an even step is saved after its report
    resumed = new_run(tmp_path, seed=99 if saved else 0)  # fresh weights are replaced by the checkpoint's
    assert resumed.step == saved
    last = finish(resumed)
    whole, reports = uninterrupted
    assert furthest(resumed.average, whole.average) <= 1e-4
    assert furthest(resumed.trunk.state_dict(), whole.trunk.state_dict()) <= 1e-4
    assert [r.loss for r in last] == pytest.approx([r.loss for r in reports[-len(last) :]], abs=1e-4)


def test_a_run_stopped_inside_a_step_or_a_save_goes_on_from_a_whole_checkpoint(
    tmp_path: Path, uninterrupted: tuple[Run, list[Report]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path)

    def killed(embeddings: torch.Tensor, crops: Crops) -> tuple[torch.Tensor, float]:
        if run.step == 3:
            raise KeyboardInterrupt
        return to_targets(embeddings, crops)

    with pytest.raises(KeyboardInterrupt):
        finish(run, killed)
    second = new_run(tmp_path)
    assert second.step == 2
    monkeypatch.setattr("os.replace", lambda a, b: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        finish(second)
    monkeypatch.undo()
    third = new_run(tmp_path)
    assert third.step == 2
    finish(third)
    assert furthest(third.average, uninterrupted[0].average) <= 1e-4


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    first = new_run(tmp_path)
    finish(first)
    before = first.checkpoint.read_bytes()
    again = new_run(tmp_path, seed=5)
    assert finish(again) == [] and again.checkpoint.read_bytes() == before
    assert furthest(again.average, first.average) == 0


class Towards(torch.nn.Module):
    """An objective with weights of its own: it turns the embeddings before they are compared with the targets."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = torch.nn.Linear(128, 128, bias=False)

    def forward(self, embeddings: torch.Tensor, crops: Crops) -> tuple[torch.Tensor, float]:
        return to_targets(self.turn(embeddings), crops)


def beside_run(folder: Path, seed: int = 0) -> tuple[Run, Towards]:
    torch.manual_seed(seed)
    trunk, turn = tiny_trunk(), Towards()
    return Run(trunk, SETTINGS, folder, AugmentSettings(), turn), turn


def test_what_learns_beside_the_trunk_is_trained_averaged_and_gone_on_with(tmp_path: Path) -> None:
    whole, objective = beside_run(tmp_path / "whole")
    fresh = objective.turn.weight.detach().clone()
    finish(whole, objective)
    assert not objective.turn.weight.equal(fresh) and not whole.beside_average["turn.weight"].equal(fresh)
    first, objective = beside_run(tmp_path / "stopped")
    for report in go(first, CROPS, batches, objective):
        if report.step == 3:
            break
    second, objective = beside_run(tmp_path / "stopped", seed=99)
    assert second.step == 2
    finish(second, objective)
    assert furthest(second.beside.state_dict(), whole.beside.state_dict()) <= 1e-4
    assert furthest(second.beside_average, whole.beside_average) <= 1e-4
    with pytest.raises(InvalidInput, match="another network's"):
        new_run(tmp_path / "stopped")


def test_a_checkpoint_from_before_anything_learned_beside_the_trunk_is_gone_on_with(tmp_path: Path) -> None:
    finish(run := new_run(tmp_path))
    from safetensors import safe_open

    with safe_open(run.checkpoint, framework="pt") as file:
        parts = {key.partition("/")[0] for key in file.keys()}  # noqa: SIM118  safe_open is no mapping
    assert parts == {"weights", "average", "optimizer"} and new_run(tmp_path).step == 6


def test_the_loss_falls_and_takes_of_one_subject_come_together(tmp_path: Path) -> None:
    settings = LoopSettings(steps=45, learning_rate=1e-2, sizes=((0.0, 32),), compiled=False, average=0.9)
    run = new_run(tmp_path, settings)
    losses = [report.loss for report in finish(run)]
    assert np.mean(losses[-6:]) < 0.5 * np.mean(losses[:6])
    run.trunk.load_state_dict(run.average)
    rows = embed(run.trunk, CROPS.pixels, size=32)
    nearest = (rows @ rows.T - 2 * np.eye(len(rows))).argmax(axis=1)
    assert (CROPS.labels[nearest] == CROPS.labels).all()


def broken(kind: str, at: int, run: Run):
    """An objective whose loss, or only its gradient, stops being a number at a step."""

    def objective(embeddings: torch.Tensor, crops: Crops) -> tuple[torch.Tensor, float]:
        loss, active = to_targets(embeddings, crops)
        if run.step == at:
            nought = (embeddings - embeddings.detach()).abs().sum()
            loss = loss * float("nan") if kind == "loss" else loss + nought.sqrt()
        return loss, active

    return objective


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_nan_stops_the_run_with_the_batch_that_made_it(tmp_path: Path, kind: str) -> None:
    run = new_run(tmp_path)
    with pytest.raises(Diverged, match=f"the {kind} is not a finite number at step 4, on 8 crops") as caught:
        finish(run, broken(kind, 4, run))
    rows = list(batches(1))[1]
    assert caught.value.step == 4 and np.array_equal(caught.value.rows, rows)
    assert f"drawn/{rows[0]} (row {rows[0]})" in str(caught.value)
    assert all(value.isfinite().all() for value in run.trunk.state_dict().values())
    assert checkpoints.load(run.checkpoint).step == 4


def test_what_cannot_be_gone_on_from(tmp_path: Path) -> None:
    from facerec.faces.trunks import ResidualTrunk

    run = new_run(tmp_path)
    finish(run)
    with pytest.raises(InvalidInput, match="is at step 6, and this run has 5"):
        new_run(tmp_path, replace(SETTINGS, steps=5))
    with pytest.raises(InvalidInput, match="another network's"):
        Run(ResidualTrunk(8, (8, 16, 24), (1, 2, 1)), SETTINGS, tmp_path, AugmentSettings())
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-100])
    with pytest.raises(DamagedFile):
        new_run(tmp_path)


def test_compiling_without_a_compiler_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(MissingPart, match="compiled = false"):
        new_run(tmp_path, replace(SETTINGS, compiled=True))


def test_the_average_follows_the_weights() -> None:
    average = {"w": torch.zeros(2), "count": torch.tensor(0)}
    follow(average, {"w": torch.ones(2), "count": torch.tensor(7)}, decay=0.75, step=10_000)
    assert average["w"].tolist() == [0.25, 0.25] and average["count"] == 7
    follow(average, {"w": torch.ones(2), "count": torch.tensor(8)}, decay=0.75, step=0)  # young: keeps a tenth
    assert average["w"].tolist() == pytest.approx([0.925, 0.925])


def test_embed_gives_unit_rows_whatever_the_batch_and_leaves_the_mode() -> None:
    trunk = tiny_trunk().train()
    rows = embed(trunk, CROPS.pixels, size=48)
    assert rows.shape == (24, 128) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows, embed(trunk, CROPS.pixels, size=48, batch=5), atol=1e-5)
    assert trunk.training and not embed(trunk.eval(), CROPS.pixels[:0]).size and not trunk.training
