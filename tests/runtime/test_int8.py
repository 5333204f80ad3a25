"""A graph in 8 bits computes nearly what it did, on any processor."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facerec.errors import InvalidInput
from facerec.runtime import open_graph
from facerec.runtime.int8 import to_int8

RNG = np.random.default_rng(0)
KERNELS = RNG.standard_normal((8, 3, 3, 3)).astype(np.float32) * np.geomspace(0.01, 10, 8).reshape(-1, 1, 1, 1)
BATCHES = [RNG.random((4, 3, 16, 16), dtype=np.float32) for _ in range(3)]


@pytest.fixture(scope="module")
def model() -> bytes:
    """A convolution whose channels have very different sizes, and ReLU."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    ports = [helper.make_tensor_value_info(*port) for port in (
        ("x", TensorProto.FLOAT, ["N", 3, 16, 16]), ("z", TensorProto.FLOAT, ["N", 8, 16, 16]),
    )]  # fmt: skip
    graph = helper.make_graph(nodes, "edges", ports[:1], ports[1:], [numpy_helper.from_array(KERNELS.astype("f"), "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


@pytest.fixture(scope="module")
def small(model: bytes) -> bytes:
    return to_int8(model, BATCHES)


def test_it_computes_nearly_the_same_in_every_channel(model: bytes, small: bytes) -> None:
    x = RNG.random((2, 3, 16, 16), dtype=np.float32)
    exact, rounded = open_graph(model)(x)[0], open_graph(small)(x)[0]
    loud = exact.std(axis=(0, 2, 3)) > 1  # the range is that of all channels together
    noise = (rounded - exact).std(axis=(0, 2, 3)) / exact.std(axis=(0, 2, 3))
    assert loud.sum() >= 2 and (noise[loud] < 0.1).all() and (rounded != exact).any()


def test_weights_are_small_enough_for_processors_that_add_in_16_bits(small: bytes) -> None:
    stored = [numpy_helper.to_array(t) for t in onnx.load_from_string(small).graph.initializer if t.data_type == 3]
    kernels = next(values for values in stored if values.shape == KERNELS.shape)
    largest = np.abs(kernels.astype(int)).max(axis=(1, 2, 3))
    assert (largest >= 63).all() and (largest <= 64).all()  # each channel has a scale of its own
    assert 2 * 255 * 64 < 2**15


def test_it_is_the_same_each_time_and_tells_the_log_nothing(model: bytes, small: bytes, caplog) -> None:
    with caplog.at_level(logging.INFO):
        assert to_int8(model, BATCHES) == small
    assert caplog.records == [] and logging.root.manager.disable == 0


def test_without_inputs_there_are_no_ranges(model: bytes) -> None:
    with pytest.raises(InvalidInput, match="ranges of an int8 graph"):
        to_int8(model, [])
