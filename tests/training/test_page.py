"""docs/training.md says what the settings are."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from facerec.learning.augment import AugmentSettings
from facerec.learning.schedules import SCHEDULES
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


def blocks(language: str) -> list[str]:
    """The code blocks in a language."""
    return [content for kind, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


def test_the_pages_settings_files_are_some() -> None:
    first, *others = [TrainSettings.of(tomllib.loads(content)) for content in blocks("toml")]
    assert first.triplet and not first.distil and first.start == "default"
    assert any(other.freeze for other in others)


def test_the_page_names_every_schedule() -> None:
    section = PAGE.read_text(encoding="utf-8").split("\n### The learning rate\n")[1].split("\n### ")[0]
    assert [name for name in SCHEDULES if f"`{name}`" not in section] == []
