"""Segmentation from the command line: trained on drawn shapes, measured, used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from facerec import images
from facerec.errors import InvalidInput, MissingPart
from facerec.images.masks import load_mask, save_mask
from facerec.segmentation import instances
from facerec.segmentation.instances import open_instances, small_mask_rcnn
from facerec.segmentation.masks import COLOURS
from tests.reference import torchvision
from tests.segmentation.conftest import CONFIG
from tests.segmentation.shapes import drawn


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(6):
        picture, mask = drawn(number)
        images.save(picture, tmp_path / "images" / f"{number}.png")
        save_mask(mask, COLOURS, tmp_path / "masks" / f"{number}.png")
    for word, numbers in (("learn", range(4)), ("test", range(4, 6))):
        lines = [f"images/{number}.png masks/{number}.png\n" for number in numbers]
        (tmp_path / f"{word}.txt").write_text("".join(lines))
    (tmp_path / "c.toml").write_text(CONFIG)
    return tmp_path / "c.toml"


def test_train_evaluate_run(facerec, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    ran = facerec("segment", "train", config, "-o", out, "--json")
    assert ran.status == 0, ran.err
    trained = ran.answers[0]
    assert (
        trained["learned_from"] == 4
        and trained["tested_on"] == 2
        and set(trained["classes"]) == {"ground", "disc", "square"}
    )
    assert "step 2 of 2" in ran.err

    ran = facerec("segment", "evaluate", out, tmp_path / "test.txt", "--json")
    assert ran.status == 0 and ran.answers[0]["mean_iou"] == trained["mean_iou"]
    by_folder = facerec("segment", "evaluate", out / "model.onnx", tmp_path / "images", "--masks", tmp_path / "masks")
    assert by_folder.status == 0 and "mean IoU" in by_folder.out and "disc" in by_folder.out

    ran = facerec(
        "segment", "run", out, tmp_path / "images", tmp_path / "images" / "0.png", "-o", tmp_path / "drawn", "--json"
    )
    assert ran.status == 0 and len(ran.answers) == 7
    assert len(list((tmp_path / "drawn").iterdir())) == 14
    answer = ran.answers[0]
    labels = load_mask(answer["labels"])
    assert labels.shape == (48, 64) and answer["shares"]["ground"] == np.mean(labels == 0)
    assert images.load(answer["overlay"]).shape == (48, 64, 3)


WITHOUT_TORCH = """
import sys
from facerec.cli.main import commands
try:
    commands(sys.argv[1:], prog_name="facerec")
except SystemExit as end:
    print("loaded", *{"torch", "onnx", "matplotlib", "sqlalchemy"} & sys.modules.keys())
    sys.exit(end.code)
"""


def test_a_trained_network_is_used_without_torch(facerec, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    facerec("segment", "train", config, "-o", out)
    for words in (
        ["evaluate", out, tmp_path / "test.txt"],
        ["run", out, tmp_path / "images", "-o", tmp_path / "drawn"],
    ):
        command = [sys.executable, "-c", WITHOUT_TORCH, "segment", *map(str, words)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines()[-1] == "loaded"


def test_a_damaged_photo_among_others_is_told(facerec, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    facerec("segment", "train", config, "-o", out)
    (tmp_path / "images" / "bad.png").write_bytes(b"")
    ran = facerec("segment", "run", out, tmp_path / "images", "-o", tmp_path / "drawn", "--json")
    assert ran.status == 2 and len(ran.answers) == 7
    assert [answer["outcome"] for answer in ran.answers].count("found") == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "none.toml", "-o", "run"), "no training settings"),
        (("evaluate", "none", "test.txt"), "no trained network"),
        (("run", "test.txt", "images", "-o", "drawn"), "no ONNX graph"),
        (("summary", "unet", "--width", "48"), "32, 64, 128, not 48"),
        (("summary", "segnet"), "known: unet"),
        (("summary", "fcn32s", "--trunk", "squeezenet"), "has: 8, 16"),
    ],
)
def test_errors_are_one_line(facerec, config: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    places = [
        tmp_path / word if "." in word or (word in ("none", "run", "images", "drawn") and i) else word
        for i, word in enumerate(words)
    ]
    ran = facerec("segment", *places)
    assert ran.status == 2 and len(ran.err.splitlines()) == 1 and said in ran.err


def test_summary_prints_the_channel_plan(facerec) -> None:
    ran = facerec("segment", "summary", "unet", "--width", "32", "--classes", "11")
    assert ran.status == 0
    assert ran.out.splitlines()[0].startswith("down 32 -> 64 -> 128 -> 256 -> 512")
    assert "11x240x320" in ran.out


@torch.compiler.set_stance("force_eager")  # torchvision's plain pooling of regions would be compiled
def test_single_things_are_found_by_weights_from_a_file(
    facerec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchvision()
    monkeypatch.setattr(instances, "mask_rcnn", small_mask_rcnn)
    torch.manual_seed(0)
    net = small_mask_rcnn(2)
    published = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(published, tmp_path / "w.safetensors")
    parts = open_instances(tmp_path / "w.safetensors").net.modules()
    assert {part.eps for part in parts if isinstance(part, torch.nn.BatchNorm2d)} == {0.0}

    images.save(drawn(0, 64, 64)[0], tmp_path / "photo.png")
    words = ("--floor", 0, "--name", "disc", "--name", "square", "-o", tmp_path / "drawn", "--json")
    ran = facerec("segment", "instances", tmp_path / "w.safetensors", tmp_path / "photo.png", *words)
    assert ran.status == 0, ran.err
    answer = ran.answers[0]
    assert load_mask(answer["numbers"]).max() <= len(answer["things"]) and Path(answer["overlay"]).exists()
    assert {thing["name"] for thing in answer["things"]} <= {"disc", "square"}

    words = ("--name", "x", "-o", tmp_path)
    ran = facerec("segment", "instances", tmp_path / "w.safetensors", tmp_path / "photo.png", *words)
    assert ran.status == 2 and "knows 2 classes, and 1 names" in ran.err
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InvalidInput, match="no weights of Mask R-CNN"):
        open_instances(tmp_path / "other.safetensors")
    with pytest.raises(MissingPart):
        open_instances(tmp_path / "none.safetensors")
