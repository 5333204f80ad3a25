"""Graphs in whole numbers of 8 bits, which processors with VNNI or AMX multiply several times as fast as float32.

What comes out is plain ONNX: convolutions between QuantizeLinear and DequantizeLinear, which any engine may join.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from facerec.errors import InvalidInput
from facerec.runtime.graph import switch_reports_off

QUANTISED = ["Conv", "Add", "AveragePool"]
"""What is computed in 8 bits: the convolutions, and what stands between them. A dense layer costs next to nothing."""


class Ranges:
    """Hands the quantiser one batch after the other, as it wants them: name of the input -> array, then None."""

    def __init__(self, name: str, batches: Sequence[np.ndarray]):
        self.left = iter({name: batch} for batch in batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)


def to_int8(graph: bytes, batches: Sequence[np.ndarray]) -> bytes:
    """The same graph with its convolutions in 8 bits. It must have one input, and weights in float32.

    A weight has a scale per channel, an activation one scale for the range that it takes on the batches. Weights use 7
    of their 8 bits: processors without VNNI add pairs of products in 16 bits, which 8 would overflow there and nowhere
    else. Raises InvalidInput where there is no batch.
    """
    switch_reports_off()
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not batches:
        raise InvalidInput("the ranges of an int8 graph are taken from inputs: give some")
    model = onnx.load_from_string(graph)
    with TemporaryDirectory() as folder, quiet():
        joined, small = Path(folder) / "joined.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(model, joined, skip_symbolic_shape=True)  # joins batch norms with their convolutions
        quantize_static(
            joined, small, Ranges(model.graph.input[0].name, batches), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=QUANTISED,
            reduce_range=True,
        )  # fmt: skip
        return small.read_bytes()


@contextmanager
def quiet() -> Iterator[None]:
    """The quantiser tells the root logger of steps that are taken already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
