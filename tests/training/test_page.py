"""docs/training.md says what the settings are."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.faces.golden import draw_face
from facerec.learning.augment import AugmentSettings
from facerec.learning.datasets import load_shards
from facerec.learning.settings import TrainSettings

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def documented(heading: str) -> dict[str, str]:
    """setting -> default, from the table under a heading of docs/training.md."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", section, re.MULTILINE))


def in_toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(in_toml, value))}]"
    return json.dumps(value)


@pytest.mark.parametrize("heading, settings", [
    ("Settings", TrainSettings()), ("Settings of `[augment]`", AugmentSettings()),
])  # fmt: skip
def test_the_page_lists_every_setting_with_its_default(heading: str, settings: object) -> None:
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    values.pop("augment", None)
    assert {name: json.loads(text) for name, text in documented(heading).items()} == {
        name: json.loads(in_toml(value)) for name, value in values.items()
    }


def block(language: str) -> str:
    """The first code block in a language."""
    return next(content for kind, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language)


def test_the_pages_settings_file_is_one() -> None:
    settings = TrainSettings.of(tomllib.loads(block("toml")))
    assert settings.triplet and not settings.distil and settings.start == "default"


def test_the_pages_code_makes_crops_of_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name, place in (("anna", 0), ("bert", 1)):
        photo = np.full((360, 360, 3), 90, np.uint8)
        photo[68:292, 68:292] = draw_face(place).repeat(2, axis=0).repeat(2, axis=1)
        (tmp_path / "photos" / name).mkdir(parents=True)
        images.save(photo, tmp_path / "photos" / name / "1.jpg")
        images.save(np.full((99, 99, 3), 90, np.uint8), tmp_path / "photos" / name / "nobody.jpg")
    exec(compile(block("python"), str(PAGE), "exec"), {})
    crops = load_shards(tmp_path / "faces", ("train", "val"))
    assert capsys.readouterr().out.count("left out") == 2 and len(crops) == 2
    middle = crops.pixels[0, 8:120, 8:120].astype(int)
    assert np.abs(middle - draw_face(0)).mean() < np.abs(middle - draw_face(0)[::-1]).mean() / 3
