"""Independent implementations that ours must agree with, and how to import them."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np


def facenet_pytorch() -> ModuleType:
    """The package facenet_pytorch, beside any build of torchvision."""
    torchvision()
    return importlib.import_module("facenet_pytorch")


def torchvision() -> ModuleType:
    """The package torchvision; where its compiled part does not fit this torch, with a plain `nms` instead."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        _define_operators()
        package = importlib.import_module("torchvision")
        package.extension._has_ops = lambda: True
        return package


def _define_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define(
        "qnms(Tensor dets, Tensor scores, Tensor det_scales, Tensor score_scales, float iou_threshold) -> Tensor"
    )
    library.impl("nms", plain_nms, "CPU")
    _libraries.append(library)  # its operators vanish with it


_libraries: list[Any] = []


def plain_nms(boxes: Any, scores: Any, threshold: float) -> Any:
    """Torch tensors (N, 4), (N,) -> kept rows, best first, as torchvision's operator is defined."""
    import torch

    x1, y1, x2, y2 = boxes.numpy().T
    areas = (x2 - x1) * (y2 - y1)
    waiting = np.argsort(-scores.numpy(), kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        wide = np.minimum(x2[best], x2[waiting]) - np.maximum(x1[best], x1[waiting])
        high = np.minimum(y2[best], y2[waiting]) - np.maximum(y1[best], y1[waiting])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        waiting = waiting[shared / (areas[best] + areas[waiting] - shared) <= threshold]
    return torch.tensor(kept, dtype=torch.int64)
