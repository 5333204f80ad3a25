"""The commands as a shell runs them, over pictures that need nobody's permission."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from facerec import images
from facerec.cli.main import commands


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Photos:
    """A real portrait (NASA, public domain), another take of it, both side by side, and a cat."""

    portrait: Path
    take: Path
    pair: Path
    cat: Path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    folder = tmp_path_factory.mktemp("photos")
    portrait = data.astronaut()
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    pictures = {
        "portrait.jpg": portrait,
        "take.png": np.clip(mirrored * 0.8, 0, 255).astype(np.uint8),
        "pair.png": np.concatenate([portrait, mirrored], axis=1),
        "cat.jpg": data.chelsea(),
    }
    for name, pixels in pictures.items():
        images.save(pixels, folder / name)
    return Photos(*(folder / name for name in pictures))


@pytest.fixture
def facerec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command line in this process, with a gallery of the test's own."""
    monkeypatch.setenv("FACEREC_GALLERY", str(tmp_path / "gallery.db"))

    def run(*words: object, input: str = "") -> Ran:
        result = CliRunner().invoke(commands, [str(word) for word in words], prog_name="facerec", input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run
