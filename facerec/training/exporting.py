"""A finished run becomes an encoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from facerec.faces.encoder import Card
from facerec.faces.encoder_export import RANGES, export_encoder
from facerec.faces.head import HEAD, BinaryHead
from facerec.faces.some_faces import some_faces
from facerec.learning.settings import TrainSettings
from facerec.training.beginning import read_tensors, read_weights
from facerec.training.material import BESIDE, SETTINGS, Material


def export(run: Path, out: Path, name: str, mirror: bool = True, ranges: Path | None = None) -> None:
    """Turn the folder of a finished run into an encoder's folder. Raises MissingPart where it is not finished.

    With `mirror` it looks at each face and at its mirror image, at twice the cost of the face alone. With `ranges`, a
    folder of faces, it computes in 8 bits, whose ranges are those of 512 faces of its split `train`. A binary head that
    the run has learned goes along; that of an encoder which was in the folder before does not stay.
    """
    settings = TrainSettings.read(run / SETTINGS)
    facts: dict[str, Any] = {"training": asdict(settings)}
    if material := Material.read(run):
        facts["trained_on"] = {"crops": material.crops, "left_out": len(material.refused)}
    weights, beside = read_weights(run), read_tensors(run / BESIDE) if settings.binary else {}
    (out / HEAD).unlink(missing_ok=True)
    faces = None if ranges is None else some_faces(ranges, RANGES)
    export_encoder(weights, settings.trunk, out, name, facts, mirror, faces)
    if settings.binary:
        weight, bias = (beside[f"terms.binary.head.{part}"] for part in ("weight", "bias"))
        how = {"learned": "beside the trunk"}
        BinaryHead(settings.difference, weight.numpy(), bias.item(), Card.read(out).digest, how).write(out)
