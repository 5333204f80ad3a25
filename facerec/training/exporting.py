"""A finished run becomes an encoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from facerec.faces.encoder_export import export_encoder
from facerec.learning.settings import TrainSettings
from facerec.training.beginning import read_weights
from facerec.training.material import SETTINGS, Material


def export(run: Path, out: Path, name: str, mirror: bool = True) -> None:
    """Turn the folder of a finished run into an encoder's folder. Raises MissingPart where it is not finished.

    With `mirror` it looks at each face and at its mirror image, at twice the cost of the face alone.
    """
    settings = TrainSettings.read(run / SETTINGS)
    facts: dict[str, Any] = {"training": asdict(settings)}
    if material := Material.read(run):
        facts["trained_on"] = {"crops": material.crops, "left_out": len(material.refused)}
    export_encoder(read_weights(run), settings.trunk, out, name, facts, mirror)
