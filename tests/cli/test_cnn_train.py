"""A classifier from the command line: trained on folders, then asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facerec import images


def test_train_then_classify(facerec, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 190)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(rng.normal(level, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
            images.save(pixels, tmp_path / "data" / name / f"{number}.png")
    config, out = tmp_path / "c.toml", tmp_path / "run"
    config.write_text('data = "data"\nnet = "fashion_dense"\nepochs = 20\nbatch = 4\nlearning_rate = 0.02\n')
    ran = facerec("cnn", "train", config, "-o", out, "--json")
    assert ran.status == 0, ran.err
    assert ran.answers[0]["accuracy"] == 1.0 and ran.answers[0]["tested_on"] == 4
    assert len(ran.err.splitlines()) == 20 and "epoch 20: loss" in ran.err
    weights = ("--net", "fashion_dense", "--weights", out / "weights.safetensors", "--top", 1, "--json")
    for name in ("dark", "light"):
        ran = facerec("cnn", "classify", tmp_path / "data" / name / "0.png", *weights)
        assert ran.status == 0 and ran.answers[0]["name"] == name


def test_bad_settings_get_one_line(facerec, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("epochs = 1")
    ran = facerec("cnn", "train", tmp_path / "c.toml", "-o", tmp_path / "run")
    assert ran.status == 2 and len(ran.err.splitlines()) == 1 and "needs data" in ran.err
