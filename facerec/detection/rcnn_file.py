"""A fitted R-CNN as one safetensors file: the network's layers, the SVMs, the regressions, and what they are for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from facerec.detection.rcnn import RCNN, Linear, RCNNSettings, RegionFeatures
from facerec.detection.selective_search import selective_search
from facerec.detection.squeeze_trunk import squeeze_layers
from facerec.errors import DamagedFile, MissingPart
from facerec.replacing import replacing

ARRAYS = ("svm", "svm_bias", "ridge", "ridge_bias")


def save_rcnn(path: Path, model: RCNN, names: Sequence[str]) -> None:
    """Write a fitted R-CNN and the names of its classes."""
    linear = {f"linear/{name}": torch.from_numpy(getattr(model.linear, name)).contiguous() for name in ARRAYS}
    layers = {f"layers/{name}": value.contiguous() for name, value in model.features.layers.state_dict().items()}
    facts = {"names": list(names), "scale": model.linear.scale, "settings": asdict(model.settings)}
    with replacing(path) as fresh:
        save_file(linear | layers, fresh, metadata={"rcnn": json.dumps(facts)})


def load_rcnn(path: Path) -> tuple[RCNN, tuple[str, ...]]:
    """Read what `save_rcnn` wrote. Raises MissingPart where there is none, DamagedFile where it is no such file."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["rcnn"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  safe_open is no mapping
        settings = RCNNSettings(**facts["settings"])
        layers = squeeze_layers(None)
        layers.load_state_dict({k.removeprefix("layers/"): v for k, v in tensors.items() if k.startswith("layers/")})
        linear = Linear(float(facts["scale"]), *(tensors[f"linear/{name}"].numpy() for name in ARRAYS))
        names = tuple(map(str, facts["names"]))
    except FileNotFoundError as error:
        raise MissingPart(f"no R-CNN in {str(path)!r}") from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise DamagedFile(f"{path} is no whole R-CNN ({error}): make it again") from error
    features = RegionFeatures(layers, settings.side, settings.context)
    return RCNN(features, linear, settings, selective_search), names
