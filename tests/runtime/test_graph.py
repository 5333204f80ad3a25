"""Graphs drawn by hand: what they compute, what they refuse, and what a damaged one does."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.runtime import Graph, open_graph

WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture(scope="module")
def model() -> bytes:
    """y = x @ WEIGHT + b and its double, for any number of rows."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["y"]),
        helper.make_node("Add", ["y", "y"], ["double"]),
    ]
    ports = [("x", ["N", 4]), ("b", [3])], [("y", ["N", 3]), ("double", ["N", 3])]
    inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in p] for p in ports)
    graph = helper.make_graph(nodes, "line", inputs, outputs, [numpy_helper.from_array(WEIGHT, "w")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(made, {"maker": "a test"})
    return made.SerializeToString()


@pytest.fixture(scope="module")
def graph(model) -> Graph:
    return open_graph(model, threads=1)


X = np.random.default_rng(0).random((5, 4), dtype=np.float32)
B = np.array([1, 2, 3], np.float32)


def test_a_graph_computes_what_numpy_computes(graph):
    y, double = graph(X, B)
    np.testing.assert_allclose(y, X @ WEIGHT + B, rtol=1e-6)
    np.testing.assert_allclose(double, 2 * y)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_any_number_of_rows_fits(graph, rows):
    assert [out.shape for out in graph(X[:rows], B)] == [(rows, 3)] * 2


def test_inputs_go_by_order_or_by_name(graph):
    for outputs in (graph(b=B, x=X), graph(X, b=B)):
        np.testing.assert_array_equal(outputs[0], graph(X, B)[0])


def test_a_graph_knows_its_ports_and_its_maker(graph):
    assert graph.inputs == {"x": (None, 4), "b": (3,)}
    assert graph.outputs == {"y": (None, 3), "double": (None, 3)}
    assert graph.metadata == {"maker": "a test"}


def test_a_file_is_opened_like_its_content(model, graph, tmp_path):
    (tmp_path / "line.onnx").write_bytes(model)
    np.testing.assert_array_equal(open_graph(tmp_path / "line.onnx")(X, B)[1], graph(X, B)[1])


@pytest.mark.parametrize(
    "arrays, named",
    [
        ([], {}),
        ([X], {}),
        ([X, B, B], {}),
        ([X], {"x": X}),
        ([X], {"c": B}),
        ([X[:, :3], B], {}),
        ([X.astype(np.float64), B], {}),
        ([X[0], B], {}),
        ([None, B], {}),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_words(graph, arrays, named):
    with pytest.raises(InvalidInput, match="the graph takes"):
        graph(*arrays, **named)


def test_threads_may_share_a_graph(graph):
    inputs = [np.full((n % 7, 4), n, np.float32) for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        for x, (y, _) in zip(inputs, pool.map(lambda x: graph(x, B), inputs), strict=True):
            np.testing.assert_allclose(y, x @ WEIGHT + B)


def test_content_that_is_no_graph_is_damage(model):
    for content in (b"", b"junk" * 50, model[: len(model) // 2], b"\x80\x04pickle"):
        with pytest.raises(DamagedFile, match="no ONNX graph"):
            open_graph(content)


def test_an_operator_that_does_not_exist_is_damage(model):
    broken = onnx.load_from_string(model)
    broken.graph.node[0].op_type = "Conjure"
    with pytest.raises(DamagedFile, match="Conjure"):
        open_graph(broken.SerializeToString())


def test_mutated_graphs_raise_damaged_file_or_open_and_print_nothing(model, capfd):
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        content = bytearray(model)
        for place in rng.integers(len(content), size=3):
            content[place] = rng.integers(256)
        try:
            open_graph(bytes(content), threads=1)
        except DamagedFile:
            refused += 1
    assert refused > 100
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["missing.onnx", "."])
def test_a_file_that_is_not_there_is_a_missing_part(tmp_path, name):
    with pytest.raises(MissingPart, match="cannot be read"):
        open_graph(tmp_path / name)


def test_the_engine_reports_nothing_and_leaves_no_identity_of_the_device(model, tmp_path):
    (tmp_path / "line.onnx").write_bytes(model)
    code = "import sys, pathlib; from facerec.runtime import open_graph; open_graph(pathlib.Path(sys.argv[1]))"
    clean = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    home = tmp_path / "home"
    home.mkdir()
    clean |= {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "line.onnx")], check=True, env=clean)
    assert list(home.rglob("*")) == []


def test_importing_the_runtime_does_not_import_the_engine():
    code = "import sys, facerec.runtime; sys.exit('onnxruntime' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
