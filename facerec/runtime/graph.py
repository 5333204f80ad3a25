"""An opened ONNX graph, and how it is opened.

The engine is imported by the first `open_graph`, so commands that infer nothing do not pay for it; and with its reports
switched off: version 1.31 keeps a device's identity in the user's cache and tells its maker of machine, program and
graphs. It still does where ORT_DISABLE_TELEMETRY=0 is set, or where a program has imported onnxruntime before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facerec.errors import DamagedFile, InvalidInput, MissingPart

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg, SessionOptions

CUDA = "CUDAExecutionProvider"


@dataclass(slots=True)
class Use:
    """How graphs run that this process opens from now on."""

    threads: int | None = None
    device: str = "cpu"


_chosen = Use()

Shape = tuple[int | None, ...]


class Graph:
    """An opened ONNX graph: arrays in, arrays out. May be called from several threads at once.

    inputs    name -> shape, in the graph's order; None is a side of any length
    outputs   the same for what it returns
    metadata  what its maker wrote into it, key -> text
    """

    def __init__(self, session: InferenceSession):
        self._session = session
        self.inputs = {port.name: _shape(port) for port in session.get_inputs()}
        self.outputs = {port.name: _shape(port) for port in session.get_outputs()}
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)

    def __call__(self, *arrays: np.ndarray, **named: np.ndarray) -> list[np.ndarray]:
        """Run the graph on its inputs, given in order or by name; returns its outputs in order.

        Raises InvalidInput when an input is missing, unknown, or of a shape or dtype that the graph cannot take.
        """
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

        feed = dict(zip(self.inputs, arrays, strict=False)) | named
        if feed.keys() != self.inputs.keys() or len(arrays) + len(named) != len(self.inputs):
            raise InvalidInput(f"the graph takes {', '.join(self.inputs)}; {_shapes(*arrays, **named)} came")
        try:
            outputs: list[np.ndarray] = self._session.run(None, feed)
        except (InvalidArgument, Fail, RuntimeException) as error:
            reason = str(error).splitlines()[0]
            raise InvalidInput(f"the graph takes {self.inputs}, not {_shapes(**feed)}: {reason}") from error
        return outputs


def use(threads: int | None = None, device: str = "cpu") -> None:
    """How graphs run that this process opens from now on: each with so many threads (None: one for each core), on "cpu"
    or "cuda".

    Raises MissingPart where the engine that is installed cannot use a CUDA device.
    """
    if device == "cuda":
        switch_reports_off()
        import onnxruntime

        if CUDA not in onnxruntime.get_available_providers():
            raise MissingPart(
                "this onnxruntime has no CUDA: pip uninstall onnxruntime; pip install onnxruntime-gpu, or --device cpu"
            )
    _chosen.threads, _chosen.device = threads, device


def device() -> str:
    """Where graphs run that this process opens from now on: "cpu" or "cuda"."""
    return _chosen.device


def open_graph(model: bytes | Path, threads: int | None = None) -> Graph:
    """Open an ONNX file, or its content, with so many threads (None: as `use` says).

    Whoever has a digest checks it first (`facerec.digest`): the engine accepts many damaged files.
    Raises MissingPart when the file cannot be read, and DamagedFile when the engine cannot make a graph of it.
    """
    switch_reports_off()
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    refusals = (
        state.Fail,  # an unknown operator set, or a broken node
        state.InvalidArgument,  # a graph without nodes
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,  # an operator or a type that this engine lacks
        state.RuntimeException,
        UnicodeDecodeError,  # a name with broken characters
    )
    name = "the graph" if isinstance(model, bytes) else repr(str(model))
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
        session = onnxruntime.InferenceSession(content, _options(threads), providers=_providers(), enable_fallback=0)
        if session.get_providers()[0] != _providers()[0]:  # the engine goes on without a word
            raise MissingPart(
                "the CUDA device cannot be used by onnxruntime: see that its CUDA libraries are installed"
            )
        return Graph(session)
    except OSError as error:
        raise MissingPart(f"{name} cannot be read: {error.strerror}") from error
    except refusals as error:
        reason = str(error).splitlines()[0]
        raise DamagedFile(f"{name} is no ONNX graph that can be opened: {reason}") from error


def switch_reports_off() -> None:
    """Must be called before the engine is imported, which looks for this once; a value that is set already stays."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def _options(threads: int | None) -> SessionOptions:
    """How the engine runs. Times: two cores, medians of seven processes, spread over all the variants.

    All optimisations: they cost 2 to 19 ms once, and an ordinary convolutional network then runs 1.4 to 3 times as
    fast (sixteen 3x3 layers on 112x112: 7.6 ms instead of 10.3; YuNet: 2.9 instead of 9.0). A network of depthwise
    convolutions loses (6.3 ms instead of 3.5). Loading an already optimised file would save 5 to 18 ms, but such a
    file runs only on the kind of processor that made it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # fatal only: what fails is raised, and need not be printed too
    # left alone, the engine pins threads to cores that it may not have
    options.intra_op_num_threads = threads or _chosen.threads or _cores()
    options.enable_mem_pattern = False  # plans memory for each new shape: batches of all sizes took 50 MB more
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads took half the speed
    return options


def _providers() -> list[str]:
    """Where nodes run, the first that can."""
    return [CUDA, "CPUExecutionProvider"] if _chosen.device == "cuda" else ["CPUExecutionProvider"]


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shape(port: NodeArg) -> Shape:
    """(None, 3, 112, 112) for ['N', 3, 112, 112]."""
    return tuple(side if isinstance(side, int) and side >= 0 else None for side in port.shape)


def _shapes(*arrays: Any, **named: Any) -> str:
    """What came, in words, also when it is no array."""
    arrived = [("", value) for value in arrays] + [(f"{name} ", value) for name, value in named.items()]
    kinds = (f"{name}{getattr(v, 'dtype', type(v).__name__)} {np.shape(v)}" for name, v in arrived)
    return ", ".join(kinds) or "nothing"
