"""`facerec cnn`: answers on paper, tables and pictures, and one line for what cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets
from click.testing import CliRunner, Result

from facerec import images
from facerec.cli.cnn import cnn


def run(*words: object) -> Result:
    return CliRunner().invoke(cnn, [str(word) for word in words])


def answers(*words: object) -> list[dict[str, Any]]:
    ended = run(*words, "--json")
    assert ended.exit_code == 0, ended.output
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def china(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "china.png"
    images.save(sklearn.datasets.load_sample_image("china.jpg"), path)
    return path


def test_a_convolution() -> None:
    [answer] = answers(
        "arithmetic",
        "conv",
        "--input",
        "150x100",
        "--channels",
        3,
        "--filters",
        200,
        "--kernel",
        5,
        "--padding",
        "same",
        "--batch",
        100,
    )
    assert answer == {
        "schema": 1,
        "shape": [200, 150, 100],
        "parameters": 15_200,
        "multiplications": 225_000_000,
        "bytes": 12_000_000,
        "batch_bytes": 1_200_000_000,
        "receptive_field": [5, 5],
        "jump": [1, 1],
        "centre": [0.5, 0.5],
    }


@pytest.mark.parametrize(
    "words, text",
    [
        ("conv --input 32 --kernel 5 --stride 1 --padding same", "1x32 -> 1x32: 6 parameters, 160 multiplications"),
        ("conv --input 150x100 --kernel 5 --batch 100", "56.1 kB a sample (5.6 MB for 100)"),
        ("conv --input 9x9 --kernel 1x7 --no-bias", "1x9x9 -> 1x9x3: 7 parameters"),
        ("conv --input 28x28 --channels 8 --filters 8 --groups 8 --kernel 3 --padding 1 --stride 2", "8x14x14: 80 p"),
        ("pool --input 112x112 --channels 64 --kernel 3 --stride 2", "64x112x112 -> 64x55x55: 0 parameters"),
        ("transposed --input 7x7 --channels 16 --filters 8 --kernel 2 --stride 2", "16x7x7 -> 8x14x14: 520 param"),
        ("keep --kernel 3 --dilation 4", "4 before, 4 after"),
    ],
)
def test_single_questions(words: str, text: str) -> None:
    assert text in run("arithmetic", *words.split()).stdout


def test_a_chain() -> None:
    *layers, total = answers("arithmetic", "chain", "--input", "39x39", "--channels", 3, "3,1,10", "5,2,20", "5,2,40")
    assert [layer["shape"] for layer in layers] == [[10, 37, 37], [20, 17, 17], [40, 7, 7]]
    assert layers[-1]["receptive_field"] == [15, 15]
    assert total["parameters"] == 280 + 5_020 + 20_040
    out = run("arithmetic", "chain", "--input", "39x39", "3,1,10", "2,2").stdout
    assert out.splitlines()[-1].startswith("together: 100 parameters")


def test_arithmetic_runs_without_torch() -> None:
    code = (
        "import sys; from facerec.cli.cnn import cnn; "
        "cnn(['arithmetic', 'conv', '--input', '32', '--kernel', '5'], standalone_mode=False)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", f"try:\n {code}\nfinally:\n assert 'torch' not in sys.modules"],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0 and "1x32 -> 1x28" in ended.stdout, ended.stderr


def test_the_table_of_a_network() -> None:
    lines = run("summary", "lenet5_modern").stdout.splitlines()
    assert lines[0].split() == [
        "layer",
        "kind",
        "output",
        "parameters",
        "multiply-adds",
        "bytes",
        "sees",
        "step",
        "middle",
    ]
    conv2 = next(line for line in lines if line.startswith("conv2"))
    assert conv2.split() == ["conv2", "Conv2d", "16x10x10", "2,416", "240,000", "6,400", "14x14", "2x2", "7x7"]
    assert "1x32x32 -> 10: 61,706 parameters, 416,520 multiply-adds" in lines


def test_a_network_of_another_size_as_objects() -> None:
    *layers, total = answers("summary", "network_in_network", "--input", 40, 24, "--classes", 5, "--channels", 1)
    assert total["input"] == [1, 40, 24] and total["output"] == [5]
    assert sum(layer["parameters"] for layer in layers) == total["parameters"]
    assert sum(layer["multiply_adds"] for layer in layers) == total["multiply_adds"]


def test_edges(china: Path, tmp_path: Path) -> None:
    out = tmp_path / "edges.png"
    [answer] = answers("show", "edges", china, "--out", out)
    assert answer["filters"][2:4] == ["sobel_vertical", "sobel_horizontal"]
    assert images.load(out).shape == (3 * 429, 2 * 642, 3)
    [answer] = answers("show", "edges", china, "--filter", "vertical", "--out", out)
    assert answer["filters"] == ["vertical"]


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights in a file; the values do not matter here."""
    import torch
    from safetensors.torch import save_file

    from facerec.cnn.networks import create

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "lenet.safetensors"
    save_file(create("lenet5_modern", classes=10, channels=1).state_dict(), path)
    return path


def test_pictures_of_a_network(china: Path, lenet: Path, tmp_path: Path) -> None:
    net = ("--net", "lenet5_modern", "--weights", lenet)
    out = tmp_path / "seen.png"
    assert answers("show", "filters", *net, "--out", out)[0]["filters"] == 6
    assert answers("show", "maps", china, *net, "--layer", "conv2", "--out", out)[0]["maps"] == 16
    [found] = answers("show", "patches", china.parent, *net, "--layer", "conv2", "--unit", 3, "--out", out)
    [patch] = found["patches"]
    assert patch["source"] == "china.png"
    assert [patch["box"][2] - patch["box"][0], patch["box"][3] - patch["box"][1]] == [14, 14]
    [seen] = answers("show", "occlusion", china, *net, "--square", 8, "--stride", 8, "--out", out)
    assert 0 <= seen["lowest"] <= 1 and 0 <= seen["class"] < 10
    assert images.load(out).shape == (224, 448, 3)


def test_fresh_weights_are_named(tmp_path: Path) -> None:
    ended = run("show", "filters", "--net", "lenet5_modern", "--out", tmp_path / "filters.png")
    assert ended.exit_code == 0
    assert "have learned nothing" in ended.stderr


@pytest.mark.parametrize(
    "words, reason",
    [
        ("arithmetic conv --input 3 --kernel 5", "does not fit into 3"),
        ("arithmetic conv --input 3x3 --kernel 1x2x3", "one number, or as 2"),
        ("arithmetic chain --input 9 3,1,x", "cannot read the layer '3,1,x'"),
        ("arithmetic keep --kernel 0", "kernel must be at least 1"),
        ("summary resnet", "no network 'resnet'; known: "),
        ("summary lenet5 --input 8 8", "exactly 32x32"),
        ("summary resnet50 --input 10 10", "at least 32x32"),
        ("show filters --net nothing --out f.png", "no network 'nothing'"),
        ("show filters --net lenet5_modern --weights missing.safetensors --out f.png", "no weights at 'missing."),
        ("show filters --net lenet5_modern --weights f.npz --published --out f.png", "not both"),
        ("show filters --net lenet5_modern --out f.gif", "must end in"),
        ("show edges missing.png --out f.png", "'missing.png' cannot be read"),
        ("show edges CHINA --filter canny --out f.png", "no filter 'canny'; known: vertical, "),
    ],
)
def test_what_cannot_be_gets_one_line_and_status_2(words: str, reason: str, china: Path) -> None:
    ended = run(*words.replace("CHINA", str(china)).split(), "--json")
    assert ended.exit_code == 2
    [answer] = map(json.loads, ended.stdout.splitlines())
    assert reason in answer["reason"] and "\n" not in answer["reason"]


def test_weights_of_another_network_are_refused(lenet: Path, tmp_path: Path) -> None:
    ended = run(
        "show", "filters", "--net", "lenet5_modern", "--classes", 3, "--weights", lenet, "--out", tmp_path / "f.png"
    )
    assert ended.exit_code == 2
    assert "holds no weights of lenet5_modern for 3 classes" in ended.stderr
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(lenet.read_bytes()[:1000])
    ended = run("show", "filters", "--net", "lenet5_modern", "--weights", torn, "--out", tmp_path / "f.png")
    assert ended.exit_code == 2 and "fetch it again" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        "arithmetic conv --kernel 5 --input 3y",
        "arithmetic conv --kernel 5 --input 32 --padding full",
        "arithmetic conv --kernel 5 --input 32 --filters 0",
        "summary vgg16 --input -5 7",
        "summary vgg16 --classes 0",
    ],
)
def test_words_that_are_no_sizes_are_wrong_usage(words: str) -> None:
    ended = run(*words.split())
    assert ended.exit_code == 2 and "Usage:" in ended.stderr


def test_the_same_weights_make_the_same_picture(china: Path, lenet: Path, tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        run(
            "show",
            "maps",
            china,
            "--net",
            "lenet5_modern",
            "--weights",
            lenet,
            "--layer",
            "conv1",
            "--out",
            tmp_path / name,
        )
    assert np.array_equal(images.load(tmp_path / "one.png"), images.load(tmp_path / "two.png"))


def test_a_trunk_is_shown_layer_by_layer_and_as_a_whole(facerec) -> None:
    ran = facerec("cnn", "trunk", "mobile", "--json")
    assert ran.status == 0 and ran.answers[0]["layer"] == "conv1.0"
    whole = ran.answers[-1]
    assert (whole["network"], whole["input"], whole["output"]) == ("mobile", [3, 112, 112], [128])
    assert (whole["parameters"], whole["multiply_adds"]) == (995456, 220965376)
    assert sum(layer["parameters"] for layer in ran.answers[:-1]) == 995456
    small = facerec("cnn", "trunk", "mobile", "--side", "80")
    assert "3x80x80 -> 128: 995,456 parameters" in small.out


@pytest.mark.parametrize("arguments, words", [
    (("trunk", "lenet5"), "known: residual, mobile"), (("trunk", "nn4_small2", "--side", "112"), "faces of 96x96"),
])  # fmt: skip
def test_a_trunk_that_is_none_or_a_face_that_does_not_fit_is_said(facerec, arguments, words) -> None:
    ran = facerec("cnn", *arguments)
    assert ran.status == 2 and words in ran.err and ran.out == ""
