"""The rows most like a probe, found by torch in a device's memory: search on a GPU without a GPU build of faiss.

Knows nothing of galleries: rows in, scores and positions out. Importing this module does not import torch.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from facerec.errors import MissingPart
from facerec.records import Float32, Int64

SCORES_AT_ONCE = 1 << 26
"""Inner products held at a time: 256 MB."""


class TorchNearest:
    """Rows (N, D) in a device's memory, as float32 or, in half of the memory, float16."""

    def __init__(self, rows: Float32, device: str = "cuda", half: bool = False):
        """Raises MissingPart where torch is not installed or does not see the device."""
        self._torch = torch = _torch(device)
        kind = torch.float16 if half else torch.float32
        self._rows = torch.from_numpy(np.ascontiguousarray(rows)).to(device=device, dtype=kind)

    def __call__(self, probes: Float32, k: int) -> tuple[Float32, Int64]:
        """(Q, D) -> the k <= N largest inner products (Q, k), falling, and whose they are (Q, k)."""
        at_once = max(1, SCORES_AT_ONCE // max(1, len(self._rows)))
        parts = [self._part(probes[start : start + at_once], k) for start in range(0, len(probes), at_once)]
        scores, positions = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(positions)

    def _part(self, probes: Float32, k: int) -> tuple[Float32, Int64]:
        asked = self._torch.from_numpy(np.ascontiguousarray(probes)).to(self._rows)
        found = self._torch.topk(asked @ self._rows.T, k, dim=1)
        return found.values.float().cpu().numpy(), found.indices.cpu().numpy()


def cuda_devices() -> int:
    """How many CUDA devices the driver reports, 0 without one: asked directly, for importing torch takes seconds."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _torch(device: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingPart("search on a GPU needs torch, or faiss for GPUs: pip install 'facerec[gpu]'") from error
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise MissingPart(
            f"torch {torch.__version__} sees no CUDA device: install a build for your driver, or faiss for GPUs "
            "(facerec[gpu]), or search with --device cpu"
        )
    return torch
