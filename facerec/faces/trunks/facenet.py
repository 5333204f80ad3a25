"""facenet-pytorch's published weights in the trunk `inception_resnet_v1`, where the user has their file.

The files are 20180402-114759-vggface2.pt and 20180408-102900-casia-webface.pt, of the releases of
github.com/timesler/facenet-pytorch, or the same tensors as .safetensors. They were trained on faces cut out by MTCNN
with a margin, 160x160, levels (x - 127.5) / 128. The network ends in 512 numbers; ours keeps their projection onto 128
axes at right angles, which keeps a cosine as far as the axes hold both rows: axes drawn by chance lose some of it, the
principal axes of faces like those to be compared the least possible.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch._weights_only_unpickler import UnpicklingError  # type: ignore[attr-defined]

from facerec.cnn.networks.keys import renamed
from facerec.cnn.weight_files import State, as_float, read_content, read_safetensors
from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.trunks.inception_resnet import WIDE, inception_resnet_v1
from facerec.faces.trunks.registry import require_own
from facerec.faces.trunks.trunk import Trunk
from facerec.records import DIM, Float32

NAME = "inception_resnet_v1"
PROJECTION = "project.weight"
REFUSALS = (
    UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, AttributeError, LookupError, AssertionError,
    struct.error,
)  # fmt: skip
"""What torch raises for a file that is none, or asks for something to be run: damaged ones met each of them."""


def read_facenet(path: Path) -> State:
    """The trunk's weights from a published file, its classes left out, its projection by `chance_axes`.

    A .pt file is opened for tensors alone. Raises MissingPart where it cannot be read, DamagedFile where it is no file
    of tensors, and InvalidInput where they are another network's.
    """
    content = read_content(path)
    theirs = read_safetensors(content, str(path)) if path.suffix == ".safetensors" else read_tensors(content, str(path))
    ours = {name: value for name, value in renamed(NAME, theirs).items() if not name.startswith("logits.")}
    with torch.device("meta"):
        trunk = inception_resnet_v1()
    counters = {name for name in trunk.state_dict() if name.endswith("num_batches_tracked")}
    ours |= {name: torch.zeros((), dtype=torch.int64) for name in counters - ours.keys()}
    ours[PROJECTION] = torch.from_numpy(chance_axes())
    try:
        require_own(trunk, ours)
    except InvalidInput as error:
        raise InvalidInput(f"{path} holds no weights of facenet-pytorch's InceptionResnetV1: {error}") from error
    return ours


def read_tensors(content: bytes, name: str) -> State:
    """A .pt file's tensors as float32, nothing in it being run. Raises DamagedFile where it holds anything else."""
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return as_float(dict(state))
    except REFUSALS as error:
        reason = str(error).partition("\n")[0][:200]
        raise DamagedFile(f"{name} is no whole file of tensors ({reason}): fetch it again") from error


def chance_axes(seed: int = 0) -> Float32:
    """(128, 512) rows of length 1 at right angles to each other, drawn by chance."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((WIDE, DIM)))
    return np.ascontiguousarray(axes.T, np.float32)


def principal_axes(rows: Float32) -> Float32:
    """The 128 axes that keep most of the given embeddings (N, 512), the first the most: (128, 512).

    Cosines are to be kept, so the mean is not taken out. Raises InvalidInput for fewer than 128 embeddings.
    """
    if len(rows) < DIM:
        raise InvalidInput(f"{DIM} axes need as many faces at least, got {len(rows)}")
    wide = rows.astype(np.float64)
    _, axes = np.linalg.eigh(wide.T @ wide)  # the last the most
    return np.ascontiguousarray(axes[:, : -DIM - 1 : -1].T, np.float32)


@torch.no_grad()
def published_rows(trunk: Trunk, faces: torch.Tensor) -> torch.Tensor:
    """What facenet-pytorch's network gives: (B, 3, 160, 160) -> (B, 512) rows of length 1."""
    for name, layer in trunk.named_children():
        if name == "project":
            break
        faces = layer(faces)
    return nn.functional.normalize(faces.float(), dim=1)
