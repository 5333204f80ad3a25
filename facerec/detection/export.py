"""A trained detector becomes a folder: a graph that takes pixels, its weights, a card."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from facerec.detection.detector import CARD, GRAPH, WEIGHTS
from facerec.detection.fitting import Plan
from facerec.detection.settings import DetectorSettings
from facerec.detection.yolo.places import Places, rows_of
from facerec.digest import sha256
from facerec.errors import DamagedFile
from facerec.replacing import replacing
from facerec.runtime import open_graph
from facerec.version import VERSION

OPSET = 17
AGREEMENT = 1e-3
"""Largest difference between torch and the exported graph: of a score, and of a corner as a share of the input."""


class PixelsToBoxes(nn.Module):
    """(N, H, W, 3) uint8 RGB -> boxes (N, P, 4), pixels of the input, and scores of each class (N, P, C)."""

    def __init__(self, net: nn.Module, plan: Plan, where: Places):
        super().__init__()
        self.net, self.plan, self.where = net, plan, where

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        rows = rows_of(self.net(pixels.permute(0, 3, 1, 2).float() / 255), self.plan.family.anchors)
        return self.plan.family.decode(rows, self.where)


def export(net: nn.Module, plan: Plan, settings: DetectorSettings, out: Path, facts: Mapping[str, Any]) -> None:
    """Write the folder; `facts` go into the card beside what the detector needs to know of itself.

    Raises DamagedFile where the graph does not say what the network says.
    """
    module = PixelsToBoxes(net.cpu().eval(), plan, plan.places(settings.size, settings.size)).eval()
    graph = to_graph(module, settings.size)
    require_agreement(module, graph, settings.size)
    state = {name: value.contiguous() for name, value in net.state_dict().items()}
    weights = save(state)
    card = {
        "kind": "detector", "network": settings.net, "width": settings.width, "classes": list(plan.names),
        "size": list(settings.size), "strides": list(plan.family.strides), "anchors": plan.anchors,
        "digest": sha256(graph), "weights_digest": sha256(weights),
        "parameters": sum(value.numel() for value in net.parameters()), "facerec": VERSION, **facts,
    }  # fmt: skip
    for name, content in ((GRAPH, graph), (WEIGHTS, weights), (CARD, (json.dumps(card, indent=2) + "\n").encode())):
        with replacing(out / name) as fresh:
            fresh.write_bytes(content)


def to_graph(module: nn.Module, size: tuple[int, int]) -> bytes:
    """Trace the module with torch's older exporter, which needs no package but onnx."""
    buffer, noise = io.BytesIO(), torch.zeros(2, *size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants one more package
        torch.onnx.export(
            module, (noise,), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            input_names=["pixels"], output_names=["boxes", "scores"],
            dynamic_axes={name: {0: "N"} for name in ("pixels", "boxes", "scores")},
        )  # fmt: skip
    return buffer.getvalue()


@torch.no_grad()
def require_agreement(module: nn.Module, graph: bytes, size: tuple[int, int]) -> None:
    """Raise DamagedFile unless torch and the graph find the same on noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    ours = [each.numpy() for each in module(torch.from_numpy(pixels))]
    theirs = open_graph(graph)(pixels)
    apart = [float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)]
    if not (apart[0] <= AGREEMENT * max(size) and apart[1] <= AGREEMENT):
        raise DamagedFile(f"the exported graph differs from the network by {apart[0]} pixels and {apart[1]} in scores")
