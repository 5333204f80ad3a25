"""MTCNN's three networks as ONNX graphs: made once from the weights in facenet-pytorch's wheel, then cached.

Only making them imports torch. The cache is keyed by the digest of the source weights and EXPORT_VERSION, and
every graph is checked by its own digest when read: a damaged or missing one is made again.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

from facerec.cache.kept import keep, recall
from facerec.digest import sha256
from facerec.errors import MissingPart

EXPORT_VERSION = 1  # raise it when mtcnn_nets.py or the export changes
OPSET = 17
NAMES = ("pnet", "rnet", "onet")
OUTPUTS = {
    "pnet": ("scores", "offsets"),
    "rnet": ("scores", "offsets"),
    "onet": ("scores", "offsets", "landmarks"),
}
log = logging.getLogger(__name__)


def mtcnn_graphs() -> dict[str, bytes]:
    """The graphs "pnet", "rnet" and "onet" as serialised ONNX. Takes about 10 s the first time.

    Raises MissingPart where facenet-pytorch, or onnx the first time, is not installed.
    """
    sources = weight_files()
    key = _key(sources)
    graphs = {name: recall(f"{name}-{key}") for name in NAMES}
    found = {name: graph for name, graph in graphs.items() if graph is not None}
    return found if len(found) == len(NAMES) else _make(sources, key)


def weight_files() -> dict[str, Path]:
    """The three weight files of the installed facenet-pytorch, found without importing it."""
    package = importlib.util.find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        raise MissingPart("MTCNN's weights come with facenet-pytorch: pip install 'facenet-pytorch>=2.5.3,<2.6'")
    folder = Path(package.origin).parent / "data"
    files = {name: folder / f"{name}.pt" for name in NAMES}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        raise MissingPart(f"facenet-pytorch lacks {', '.join(missing)}: install version 2.5.3 again")
    return files


def _key(sources: dict[str, Path]) -> str:
    """What the cached graphs depend on, in 16 hex digits."""
    digests = [sha256(path.read_bytes()) for path in sources.values()]
    return sha256(" ".join([str(EXPORT_VERSION), *digests]).encode())[:16]


def _make(sources: dict[str, Path], key: str) -> dict[str, bytes]:
    log.warning("preparing the face detector, once; this takes some seconds")
    graphs = {name: export(name, path) for name, path in sources.items()}
    for name, graph in graphs.items():
        keep(f"{name}-{key}", graph)
    return graphs


def export(name: str, weights: Path) -> bytes:
    """The named network with the weights of a file, as serialised ONNX. Imports torch.

    Torch's older exporter is used on purpose: it needs onnx beside it, but not onnxscript.
    """
    import tempfile
    import warnings

    import torch

    from facerec.faces.mtcnn_nets import load_net

    if importlib.util.find_spec("onnx") is None:
        raise MissingPart("the face detector's first run needs onnx: pip install 'onnx>=1.17,<2'")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = Path(folder) / "graph.onnx"
        torch.onnx.export(
            load_net(name, weights),
            (torch.zeros(2, *_side(name), 4),),
            graph,
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=list(OUTPUTS[name]),
            dynamic_axes=_free_axes(name),
        )
        return graph.read_bytes()


def _side(name: str) -> tuple[int, int]:
    """Height and width of the example that the export follows."""
    return {"pnet": (32, 40), "rnet": (24, 24), "onet": (48, 48)}[name]


def _free_axes(name: str) -> dict[str, dict[int, str]]:
    """Which axes may have any length: the batch, and for P-Net the picture's sides."""
    batch = {axis: {0: "n"} for axis in ("images", *OUTPUTS[name])}
    if name != "pnet":
        return batch
    return {
        "images": {0: "n", 1: "height", 2: "width"},
        "scores": {0: "n", 1: "rows", 2: "columns"},
        "offsets": {0: "n", 2: "rows", 3: "columns"},
    }
