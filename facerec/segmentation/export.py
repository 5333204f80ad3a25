"""A trained network becomes an ONNX graph that takes pixels, with all that is needed to use it written into it."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from facerec.cnn.preparation import Preparation
from facerec.errors import DamagedFile
from facerec.replacing import replacing
from facerec.runtime import open_graph
from facerec.segmentation.masks import Labels
from facerec.segmentation.segmenter import FACTS
from facerec.segmentation.unet import DEPTH, UNet

OPSET = 17
AGREEMENT = 1e-3
"""Largest difference of a score between torch and the exported graph, as a share of the largest score."""


class PixelsToScores(nn.Module):
    """Pixels in, scores out: (1, H, W, 3) uint8 RGB -> (1, C, H, W) float32; sides must be multiples."""

    def __init__(self, net: nn.Module, prepare: Preparation):
        super().__init__()
        self.net, self.prepare = net, prepare

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.net(self.prepare.normalised(pixels.permute(0, 3, 1, 2).float()))
        return scores


def multiple_of(net: nn.Module) -> int:
    """What both sides of a picture are filled up to a multiple of."""
    return 2**DEPTH if isinstance(net, UNet) else int(net.multiple)  # type: ignore[arg-type]


def to_graph(module: nn.Module, multiple: int) -> onnx.ModelProto:
    """Trace the module with torch's older exporter, which needs no package but onnx; any number of multiples a side."""
    buffer, example = io.BytesIO(), torch.zeros(1, 2 * multiple, 3 * multiple, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes that are looked at while tracing; the newer exporter advertised
        torch.onnx.export(
            module, (example,), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            input_names=["pixels"], output_names=["scores"],
            dynamic_axes={"pixels": {1: "H", 2: "W"}, "scores": {2: "H", 3: "W"}},
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def require_agreement(module: nn.Module, content: bytes, multiple: int) -> None:
    """Raise DamagedFile where the graph does not compute what torch does, on pictures of two shapes."""
    graph, rng = open_graph(content), np.random.default_rng(0)
    for rows, columns in ((2, 3), (4, 2)):
        pixels = rng.integers(0, 256, (1, rows * multiple, columns * multiple, 3), dtype=np.uint8)
        with torch.no_grad():
            wanted = module(torch.from_numpy(pixels)).numpy()
        apart = float(np.abs(graph(pixels)[0] - wanted).max() / max(float(np.abs(wanted).max()), 1e-6))
        if not apart <= AGREEMENT:
            raise DamagedFile(f"the exported graph differs from torch by {apart:.1e} of the largest score")


def export_segmenter(net: nn.Module, prepare: Preparation, labels: Labels, path: Path, **facts: Any) -> None:
    """Write a network in evaluation mode as an ONNX file that `open_segmenter` takes; `facts` go into it too.

    Raises DamagedFile where the graph does not compute what torch does.
    """
    module, multiple = PixelsToScores(net.cpu(), prepare).eval(), multiple_of(net)
    graph = to_graph(module, multiple)
    told = {"schema": 1, "multiple": multiple, "labels": asdict(labels), **facts}
    onnx.helper.set_model_props(graph, {FACTS: json.dumps(told)})
    content = graph.SerializeToString()
    require_agreement(module, content, multiple)
    with replacing(path) as fresh:
        fresh.write_bytes(content)
