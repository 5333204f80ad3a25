"""What a run computes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.errors import MissingPart
from facerec.learning.augment import AugmentSettings, augment
from facerec.learning.devices import autocast, compiled, device_of, has_bf16
from facerec.learning.embedding import embed
from facerec.learning.loop import go
from facerec.learning.losses import distillation
from facerec.learning.run import LoopSettings, Run
from tests.drawn_crops import drawn_crops
from tests.tiny import tiny_trunk

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def test_auto_takes_what_is_there() -> None:
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingPart, match='set device = "auto"'):
        device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_of("auto") == torch.device("cuda", 1) and device_of("cpu") == torch.device("cpu")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(MissingPart, match="process 2 of this machine has no GPU, there are 2"):
        device_of("auto")


def test_bfloat16_is_used_only_where_the_machine_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    product = torch.ones(2, 2)
    for has in (True, False):
        monkeypatch.setattr("facerec.learning.devices.has_bf16", lambda device, has=has: has)
        for wanted in (True, False):
            with autocast(torch.device("cpu"), wanted):
                assert (product @ product).dtype == (torch.bfloat16 if has and wanted else torch.float32)
    assert isinstance(has_bf16(torch.device("cpu")), bool)


def test_a_damaged_store_of_compiled_code_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor.exc import InductorError

    def compile_(trunk: torch.nn.Module, dynamic: bool):
        def forward(views: torch.Tensor) -> torch.Tensor:
            raise InductorError(ImportError("kept/main.so: file too short"), None)

        return forward

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr("facerec.learning.devices.require_compiler", lambda: None)
    with pytest.raises(MissingPart, match=r"main\.so: file too short\): delete .*compiled = false"):
        compiled(torch.nn.Identity())(torch.ones(1))


@gpu
def test_views_are_the_same_on_a_gpu() -> None:
    crops = torch.from_numpy(drawn_crops(4, 2).pixels)
    every = AugmentSettings(crop=0.1, warp=3.0, pca=0.1, blur=0.5, jpeg=0.5, mask=0.5)
    views = [augment(crops.to(device), 112, every, torch.Generator().manual_seed(1)) for device in ("cpu", "cuda")]
    apart = (views[0] - views[1].cpu()).abs()
    assert views[1].is_cuda and apart.mean() < 1e-3


@gpu
def test_a_run_on_a_gpu_learns_resumes_and_keeps_the_crops_order(tmp_path: Path) -> None:
    crops = drawn_crops(6, 4)
    settings = LoopSettings(
        steps=40,
        learning_rate=1e-2,
        sizes=((0.0, 32),),
        compiled=False,
        average=0.9,
        device="cuda",
        checkpoint_every=20,
    )

    def batches(epoch: int):
        yield from np.random.default_rng(epoch).permutation(len(crops)).reshape(3, 8)

    def to_targets(rows, some):
        return distillation(rows, torch.from_numpy(some.targets).to(rows.device)), 1.0

    def new_run() -> Run:
        torch.manual_seed(0)
        return Run(tiny_trunk(), settings, tmp_path, AugmentSettings())

    first = new_run()
    losses = [report.loss for report in go(first, crops, batches, to_targets)]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    again = new_run()
    assert again.step == 40 and next(again.trunk.parameters()).is_cuda
    rows = embed(again.averaged(), crops.pixels, size=32)
    nearest = (rows @ rows.T - 2 * np.eye(len(rows))).argmax(axis=1)
    assert (crops.labels[nearest] == crops.labels).mean() > 0.9
