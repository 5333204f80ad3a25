"""A painting network becomes an ONNX graph that takes pixels and gives pixels, with a card beside it."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facerec.digest import sha256
from facerec.errors import DamagedFile
from facerec.replacing import replacing
from facerec.runtime import open_graph
from facerec.style.fast.network import PaintingNet
from facerec.style.fast.painter import CARD, GRAPH, SCHEMA

OPSET = 17
AGREEMENT = 1
"""Levels by which a pixel of the graph may differ from torch's."""


class PixelsToPixels(nn.Module):
    """(N, H, W, 3) uint8 RGB -> the same, painted."""

    def __init__(self, net: PaintingNet):
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor) -> Tensor:
        painted = self.net(pixels.permute(0, 3, 1, 2).float() / 255)
        levels: Tensor = (painted * 255).round().permute(0, 2, 3, 1).to(torch.uint8)
        return levels


def export_style(net: PaintingNet, folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Write model.onnx and its card, the card last. Raises DamagedFile where the graph does not paint as torch does."""
    module = PixelsToPixels(net.cpu().eval())
    graph = graph_of(module)
    card = {"schema": SCHEMA, "sha256": sha256(graph), "largest_difference": agreement(module, graph)} | facts
    for name, content in ((GRAPH, graph), (CARD, (json.dumps(card, indent=2) + "\n").encode())):
        with replacing(folder / name) as fresh:
            fresh.write_bytes(content)
    return card


def graph_of(module: PixelsToPixels) -> bytes:
    """The graph, for batches and pictures of any size that the network takes."""
    buffer, sides = io.BytesIO(), {0: "N", 1: "H", 2: "W"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants one more package and gives a slower graph
        torch.onnx.export(
            module, (torch.from_numpy(probe(64, 48)),), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            input_names=["pixels"], output_names=["painted"],
            dynamic_axes={"pixels": sides, "painted": sides},
        )  # fmt: skip
    return buffer.getvalue()


def agreement(module: PixelsToPixels, graph: bytes) -> int:
    """The largest difference of a level between torch and the graph, on a picture of another size than the export's."""
    pixels = probe(72, 96)
    with torch.no_grad():
        wanted = module(torch.from_numpy(pixels)).numpy().astype(int)
    worst = int(np.abs(open_graph(graph)(pixels)[0].astype(int) - wanted).max())
    if worst > AGREEMENT:
        raise DamagedFile(f"the exported graph differs from torch by {worst} levels: nothing was written")
    return worst


def probe(height: int, width: int) -> np.ndarray:
    """A picture of random levels, (1, height, width, 3) uint8."""
    return np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
