"""A trained trunk becomes an encoder's folder: a graph that takes pixels, its weights, golden embeddings, a card."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save
from torch import nn

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.golden import SIDE, golden_faces
from facerec.faces.trunks import Trunk, create_trunk, load_weights
from facerec.records import DIM
from facerec.replacing import replacing
from facerec.runtime import open_graph
from facerec.runtime.int8 import to_int8

OPSET = 17
SMALL = 4096
"""Tensors with fewer numbers stay float32; the others are stored as float16, which halves the file."""
AGREEMENT = 1e-4
"""Largest difference of one number of an embedding between torch and the exported graph, on the same stored weights."""
RANGES = 512
"""So many faces are enough to take the ranges of an int8 graph from."""
LIKENESS = 0.99
"""Least mean cosine between an embedding and its int8 form. The packaged encoder's is 0.997."""


class PixelsToEmbedding(nn.Module):
    """Pixels in, unit rows out; with `mirror` the trunk's embeddings of the face and of its mirror image, added.

    (N, 112, 112, 3) uint8 RGB -> (N, 128) float32. The second view doubles the multiply-adds. A trunk made for another
    side sees the face enlarged or reduced to it.
    """

    def __init__(self, trunk: Trunk, mirror: bool = True):
        super().__init__()
        self.trunk, self.mirror = trunk, mirror

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        faces = as_faces(pixels, self.trunk.side)
        if not self.mirror:
            row: torch.Tensor = self.trunk(faces)
            return row
        rows = self.trunk(torch.cat([faces, faces.flip(3)]))  # (2 N, 128)
        return nn.functional.normalize(rows.reshape(2, -1, DIM).sum(dim=0), dim=1)


def as_faces(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """What a trunk sees of aligned faces: (N, 112, 112, 3) uint8 RGB -> (N, 3, side, side) float32 in -1..1."""
    faces = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    if side != SIDE:
        faces = nn.functional.interpolate(faces, (side, side), mode="bilinear", align_corners=False)
    return faces


def rounded(trunk: nn.Module) -> dict[str, torch.Tensor]:
    """The trunk's weights as they are stored: large tensors in float16."""
    return {
        name: (value.half() if value.is_floating_point() and value.numel() >= SMALL else value).contiguous()
        for name, value in trunk.state_dict().items()
    }


def to_graph(module: nn.Module) -> onnx.ModelProto:
    """Trace the module with torch's older exporter, which needs no package but onnx.

    Batch norms stay beside their convolutions, and the engine joins them when it loads: the graph then holds the very
    numbers of the trunk's weights. Joined here they would be rounded another time, which moved embeddings by 9e-5.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants one more package and gives a slower graph
        torch.onnx.export(
            module, (torch.from_numpy(golden_faces()),), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["pixels"], output_names=["embeddings"],
            dynamic_axes={"pixels": {0: "N"}, "embeddings": {0: "N"}},
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def halve(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16, cast back where the graph is loaded: half the size, the same speed."""
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= SMALL:
            name, values = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    return graph


def require_agreement(module: nn.Module, content: bytes) -> float:
    """The largest difference between torch and the graph on the golden faces. Raises DamagedFile above AGREEMENT."""
    with torch.no_grad():
        expected = module(torch.from_numpy(golden_faces())).numpy()
    difference = float(np.abs(open_graph(content)(golden_faces())[0] - expected).max())
    if not difference <= AGREEMENT:
        raise DamagedFile(f"the exported graph differs from torch by {difference:.1e}, more than {AGREEMENT:.0e}")
    return difference


def require_likeness(graph: bytes, small: bytes, faces: np.ndarray) -> dict[str, float]:
    """Mean and least cosine of a graph's embeddings to its int8 form's. Raises DamagedFile where they are not alike."""
    rows = [[opened(part)[0] for part in in_batches(faces)] for opened in (open_graph(graph), open_graph(small))]
    cosines = (np.concatenate(rows[0]) * np.concatenate(rows[1])).sum(axis=1)
    if not cosines.mean() >= LIKENESS:
        raise DamagedFile(
            f"in 8 bits an embedding has a cosine of {cosines.mean():.3f} to itself in float32, less than {LIKENESS}: "
            "export it in float32"
        )
    return {"mean": float(cosines.mean()), "least": float(cosines.min()), "faces": len(faces)}


def in_batches(faces: np.ndarray) -> list[np.ndarray]:
    """(N, ...) in parts of 32."""
    return [faces[start : start + 32] for start in range(0, len(faces), 32)]


def graph_of(module: nn.Module, ranges: np.ndarray | None) -> tuple[bytes, dict[str, Any]]:
    """The encoder's graph, in 8 bits where there are faces to take the ranges from, and what the card says of it.

    Raises DamagedFile where it does not compute what torch does.
    """
    graph = halve(to_graph(module)).SerializeToString()
    facts = {"precision": "float32", "difference_from_torch": require_agreement(module, graph)}
    if ranges is None:
        return graph, facts
    small = to_int8(to_graph(module).SerializeToString(), in_batches(ranges))
    return small, facts | {"precision": "int8", "cosine_to_float32": require_likeness(graph, small, ranges)}


def contents(graph: bytes, stored: dict[str, torch.Tensor]) -> dict[str, bytes]:
    """What the files beside the card hold, by name."""
    golden = io.BytesIO()
    np.save(golden, open_graph(graph)(golden_faces())[0], allow_pickle=False)
    return {"encoder.onnx": graph, "weights.safetensors": save(stored), "golden.npy": golden.getvalue()}


def export_encoder(
    weights: dict[str, torch.Tensor],
    trunk: str,
    folder: Path,
    name: str,
    facts: dict[str, Any],
    mirror: bool = True,
    ranges: np.ndarray | None = None,
) -> None:
    """Write an encoder's folder from a trunk's weights; `facts` goes into the card beside what is measured here.

    With `mirror` the graph looks at each face and at its mirror image, else at the face alone. With `ranges`, a few
    hundred faces (N, 112, 112, 3) uint8 like those to come, it computes in 8 bits.
    Every file takes its place whole, the card last: a reader never finds a card before what it describes.
    Raises InvalidInput where the weights are another network's or a fact has a name that the card already uses, and
    DamagedFile where the graph does not compute what torch does.
    """
    network = create_trunk(trunk)
    load_weights(network, weights)
    stored = rounded(network)
    network.load_state_dict(stored)
    graph, made = graph_of(PixelsToEmbedding(network, mirror).eval(), ranges)
    files = contents(graph, stored)
    card = {
        "schema": 1,
        "name": name,
        "digest": sha256(files["encoder.onnx"]),
        "weights_sha256": sha256(files["weights.safetensors"]),
        "golden_sha256": sha256(files["golden.npy"]),
        "trunk": trunk,
        "mirror": mirror,
        "parameters": sum(p.numel() for p in network.parameters()),
        **made,
    }
    if taken := sorted(card.keys() & facts.keys()):
        raise InvalidInput(f"these facts are measured by the export itself: {', '.join(taken)}")
    for file, written in files.items():
        with replacing(folder / file) as fresh:
            fresh.write_bytes(written)
    write_card(folder, card | facts)


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Put `card.json` into an encoder's folder, in the place of an older one."""
    with replacing(folder / "card.json") as fresh:
        fresh.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
