"""Checkpoints: the same bits come back, half a file is an error, and a failed save leaves the old one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from facerec.errors import DamagedFile, MissingPart
from facerec.learning import checkpoints
from facerec.learning.checkpoints import Checkpoint, optimizer_tensors, restore_optimizer


def drawn(step: int) -> Checkpoint:
    """Tensors of every kind that a run has."""
    rng = torch.Generator().manual_seed(step)
    layer = torch.randn(8, 4, 3, 3, generator=rng).to(memory_format=torch.channels_last)
    weights = {"0.weight": layer, "0.count": torch.tensor(step), "1.weight": torch.randn(5, generator=rng).bfloat16()}
    average = {name: value.clone() * 2 for name, value in weights.items()}
    state = {"0/step": torch.tensor(float(step)), "0/exp_avg": layer * 1e-30}
    return Checkpoint(step, weights, average, state, {"bias": torch.randn(3, generator=rng)}, {"bias": torch.ones(3)})


def same(a: Checkpoint, b: Checkpoint) -> bool:
    """Equal bit for bit, NaN included."""
    parts = [(getattr(a, part), getattr(b, part)) for part in a.parts()]
    return a.step == b.step and all(
        x.keys() == y.keys() and all(x[k].dtype == y[k].dtype and x[k].contiguous().equal(y[k].contiguous()) for k in x)
        for x, y in parts
    )


def test_the_same_bits_come_back(tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "run" / "c.safetensors", drawn(7))
    assert same(checkpoints.load(tmp_path / "run" / "c.safetensors"), drawn(7))
    assert not same(drawn(7), drawn(8))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_shortened_file_is_damaged(tmp_path: Path, share: float) -> None:
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, drawn(3))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedFile, match="delete it"):
        checkpoints.load(path)


def test_other_content_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    for metadata, name in [(None, "weights/a"), ({"run": "{}"}, "weights/a"), ({"run": '{"step": 1}'}, "else/a")]:
        save_file({name: torch.zeros(2)}, path, metadata=metadata)
        with pytest.raises(DamagedFile):
            checkpoints.load(path)
    path.write_bytes(b"\x80\x02}q\x00." * 50)  # a pickle is read by nobody
    with pytest.raises(DamagedFile):
        checkpoints.load(path)
    with pytest.raises(MissingPart):
        checkpoints.load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("breaks", ["save_file", "fsync", "replace"])
def test_whatever_stops_a_save_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    path = tmp_path / "c.safetensors"
    checkpoints.save(path, drawn(1))

    def stop(*given: object, **named: object) -> None:
        if breaks == "save_file":
            Path(str(given[1])).write_bytes(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(*((checkpoints, "save_file") if breaks == "save_file" else (os, breaks)), stop)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(path, drawn(2))
    monkeypatch.undo()
    assert same(checkpoints.load(path), drawn(1)) and list(tmp_path.iterdir()) == [path]


def test_an_optimizers_state_comes_back(tmp_path: Path) -> None:
    layers = [torch.nn.Linear(4, 3) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    optimizers = [torch.optim.AdamW(layer.parameters(), 0.1) for layer in layers]

    def step(k: int) -> None:
        optimizers[k].zero_grad()
        layers[k](torch.arange(8.0).reshape(2, 4)).square().sum().backward()
        optimizers[k].step()

    step(0)
    step(0)
    layers[1].load_state_dict(layers[0].state_dict())
    checkpoints.save(tmp_path / "c", Checkpoint(2, {}, {}, optimizer_tensors(optimizers[0])))
    restore_optimizer(optimizers[1], checkpoints.load(tmp_path / "c").optimizer)
    step(0)
    step(1)
    assert layers[0].weight.equal(layers[1].weight) and layers[0].bias.equal(layers[1].bias)
