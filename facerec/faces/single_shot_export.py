"""A trained face detector becomes a folder: a graph that takes pixels, and a card with its digest and threshold."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.encoder_export import OPSET, halve, rounded
from facerec.faces.single_shot import CARD, GRAPH
from facerec.faces.single_shot_net import PixelsToCells, SingleShotNet
from facerec.records import Float32, Image
from facerec.replacing import replacing
from facerec.runtime import open_graph

AGREEMENT = 1e-3
"""Largest difference of one number of a cell between torch and the exported graph, on the same stored weights."""
LARGEST = 1_000_000
"""Bytes that a packaged detector may have."""


def grainy(seed: int = 0) -> Image:
    """Noise of several sizes of grain, on which torch and the graph are compared: (96, 160, 3) uint8."""
    random = np.random.default_rng(seed)
    picture = np.zeros((96, 160, 3), np.uint8)
    for size in (1, 4, 16):
        grains = random.integers(0, 64, (96 // size, 160 // size, 3), np.uint8)
        picture += grains.repeat(size, axis=0).repeat(size, axis=1)
    return picture


def to_graph(module: PixelsToCells) -> onnx.ModelProto:
    """Trace the module with torch's older exporter; the picture's sides stay free."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants one more package
        torch.onnx.export(
            module, (torch.from_numpy(grainy()[None]),), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["pixels"], output_names=["cells"],
            dynamic_axes={"pixels": {1: "height", 2: "width"}, "cells": {1: "cells"}},
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def require_agreement(module: PixelsToCells, graph: bytes) -> float:
    """The largest difference between torch and the graph on test pictures. Raises DamagedFile above AGREEMENT."""
    opened, worst = open_graph(graph), 0.0
    for picture in (grainy(1), grainy(2)[:64, :96]):
        with torch.no_grad():
            expected: Float32 = module(torch.from_numpy(picture[None].copy())).numpy()
        worst = max(worst, float(np.abs(opened(picture[None])[0] - expected).max()))
    if not worst <= AGREEMENT:
        raise DamagedFile(f"the exported graph differs from torch by {worst:.1e}, more than {AGREEMENT:.0e}")
    return worst


def graph_of(weights: dict[str, torch.Tensor]) -> tuple[bytes, dict[str, Any]]:
    """The graph of a net's weights, and what the card says of it.

    Raises InvalidInput where it is larger than a packaged detector may be, and DamagedFile where it does not compute
    what torch does.
    """
    net = SingleShotNet()
    net.load_state_dict(weights)
    net.load_state_dict(rounded(net))
    module = PixelsToCells(net).eval()
    graph = halve(to_graph(module)).SerializeToString()
    if len(graph) > LARGEST:
        raise InvalidInput(f"the graph has {len(graph):,} bytes; a packaged detector has {LARGEST:,} at most")
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return graph, {"parameters": parameters, "difference_from_torch": require_agreement(module, graph)}


def write_detector(folder: Path, graph: bytes, threshold: float, facts: dict[str, Any]) -> None:
    """Write a detector's folder, the card last: a reader never finds a card before what it describes."""
    card = {"schema": 1, "digest": sha256(graph), "bytes": len(graph), "threshold": threshold}
    with replacing(folder / GRAPH) as fresh:
        fresh.write_bytes(graph)
    with replacing(folder / CARD) as fresh:
        fresh.write_text(json.dumps(card | facts, indent=2) + "\n", encoding="utf-8")
