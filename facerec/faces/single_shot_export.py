"""A trained face detector becomes a folder: two graphs that take pixels, and a card with digests and thresholds."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.encoder_export import OPSET, halve, rounded
from facerec.faces.landmark_net import LandmarkNet, PixelsToLandmarks
from facerec.faces.single_shot import CARD, FACE, GRAPH, LANDMARKS
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


FREE = {
    "cells": {"pixels": {0: "N", 1: "height", 2: "width"}, "cells": {0: "N", 1: "cells"}},
    "shifts": {"pixels": {0: "N"}, "shifts": {0: "N"}},
}
"""What a graph returns -> the axes that may have any length."""


def to_graph(module: nn.Module, example: Image, returns: str) -> onnx.ModelProto:
    """Trace the module with torch's older exporter."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants one more package
        torch.onnx.export(
            module, (torch.from_numpy(example[None]),), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["pixels"], output_names=[returns], dynamic_axes=FREE[returns],
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def require_agreement(module: nn.Module, graph: bytes, pictures: Sequence[Image]) -> float:
    """The largest difference between torch and the graph on some pictures. Raises DamagedFile above AGREEMENT."""
    opened, worst = open_graph(graph), 0.0
    for picture in pictures:
        with torch.no_grad():
            expected: Float32 = module(torch.from_numpy(picture[None].copy())).numpy()
        worst = max(worst, float(np.abs(opened(picture[None])[0] - expected).max()))
    if not worst <= AGREEMENT:
        raise DamagedFile(f"the exported graph differs from torch by {worst:.1e}, more than {AGREEMENT:.0e}")
    return worst


def graph_of(weights: dict[str, torch.Tensor]) -> tuple[bytes, dict[str, Any]]:
    """The detector's graph, and what the card says of it. Raises DamagedFile unless it computes what torch does."""
    net = SingleShotNet()
    net.load_state_dict(weights)
    net.load_state_dict(rounded(net))
    return _exported(PixelsToCells(net), "cells", [grainy(1), grainy(2)[:64, :96]])


def landmark_graph_of(weights: dict[str, torch.Tensor]) -> tuple[bytes, dict[str, Any]]:
    """The same of the net that places landmarks again."""
    net = LandmarkNet()
    net.load_state_dict(weights)
    net.load_state_dict(rounded(net))
    return _exported(PixelsToLandmarks(net), "shifts", [grainy(1)[:FACE, :FACE], grainy(2)[-FACE:, -FACE:]])


def _exported(module: nn.Module, returns: str, pictures: list[Image]) -> tuple[bytes, dict[str, Any]]:
    graph = halve(to_graph(module.eval(), pictures[0], returns)).SerializeToString()
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return graph, {"parameters": parameters, "difference_from_torch": require_agreement(module, graph, pictures)}


def write_detector(
    folder: Path, detector: bytes, landmarks: bytes, usual: Sequence[float], facts: dict[str, Any]
) -> None:
    """Write a detector's folder, the card last: a reader never finds a card before what it describes.

    Raises InvalidInput where both graphs together are larger than a packaged detector may be.
    """
    size = len(detector) + len(landmarks)
    if size > LARGEST:
        raise InvalidInput(f"the graphs have {size:,} bytes; a packaged detector has {LARGEST:,} at most")
    digests = {"detector_sha256": sha256(detector), "landmarks_sha256": sha256(landmarks)}
    card = {"schema": 1, **digests, "bytes": size, "usual": list(usual)}
    for name, graph in ((GRAPH, detector), (LANDMARKS, landmarks)):
        with replacing(folder / name) as fresh:
            fresh.write_bytes(graph)
    with replacing(folder / CARD) as fresh:
        fresh.write_text(json.dumps(card | facts, indent=2) + "\n", encoding="utf-8")
