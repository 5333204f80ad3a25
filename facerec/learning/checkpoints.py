"""Where a run stands, as one safetensors file that is replaced whole: no pickle, and never half a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from facerec.errors import DamagedFile, MissingPart
from facerec.replacing import replacing

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Everything that a run needs to go on. `step` counts finished steps; `beside` is what learns beside the trunk."""

    step: int
    weights: Tensors
    average: Tensors
    optimizer: Tensors
    beside: Tensors = field(default_factory=dict)
    beside_average: Tensors = field(default_factory=dict)

    def parts(self) -> dict[str, Tensors]:
        """The named tensors, by the name of their part."""
        return {part.name: getattr(self, part.name) for part in fields(self) if part.name != "step"}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write next to `path`, flush to disk, then take its place."""
    parts = checkpoint.parts().items()
    tensors = {f"{part}/{name}": t.contiguous() for part, named in parts for name, t in named.items()}
    with replacing(path) as fresh:
        save_file(tensors, fresh, metadata={"run": json.dumps({"step": checkpoint.step})})


def load(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read a checkpoint onto a device. Raises DamagedFile where it is no whole one, MissingPart where there is none."""
    parts: dict[str, Tensors] = {part.name: {} for part in fields(Checkpoint) if part.name != "step"}
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            step = int(json.loads(file.metadata()["run"])["step"])
            for key in file.keys():  # noqa: SIM118  safe_open is no mapping
                part, _, name = key.partition("/")
                parts[part][name] = file.get_tensor(key)
    except FileNotFoundError as error:
        raise MissingPart(f"no checkpoint in {str(path)!r}") from error
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedFile(f"{path} is no whole checkpoint ({error}): delete it to start the run again") from error
    return Checkpoint(step, **parts)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimizer's state as named tensors: '<parameter number>/<name>'."""
    state = optimizer.state_dict()["state"]
    return {f"{number}/{name}": value for number, named in state.items() for name, value in named.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` gave, each tensor laid out in memory as its weights are.

    A fused optimizer goes through both from end to end and does not look whether their channels come first or last.
    """
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    for weights, named in optimizer.state.items():
        for name, value in named.items():
            if value.shape == weights.shape:
                named[name] = torch.empty_like(weights).copy_(value)
