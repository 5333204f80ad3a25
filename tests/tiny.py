"""A trunk and settings small enough for a test."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from facerec.faces.trunks import TRUNKS, ResidualTrunk
from facerec.learning.settings import TrainSettings

CONFIG = """
trunk = "tiny"
splits = ["train"]
batch = 4
epochs = 2
compiled = false
sizes = [[0, 32]]
checkpoint_every = 2
"""
"""A settings file for six steps on twelve crops."""


def tiny_trunk() -> nn.Module:
    """The packaged encoder's kind of network with a thousandth of its work."""
    return ResidualTrunk(stem=8, widths=(8, 16, 24), depths=(1, 1, 1))


def register_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it known under the name `tiny` for one test."""
    monkeypatch.setitem(TRUNKS, "tiny", tiny_trunk)


def tiny_settings(**others: Any) -> TrainSettings:
    """A run of a few steps on few crops."""
    small: dict[str, Any] = {"trunk": "tiny", "splits": ["train"], "batch": 4, "compiled": False, "sizes": [[0, 48]]}
    return TrainSettings.of(small | others)
