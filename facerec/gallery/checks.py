"""What may enter the gallery: names, sources and templates are checked here, before any transaction begins."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, replace

import numpy as np

from facerec.errors import InvalidInput
from facerec.gallery.results import Calibration, Refusal
from facerec.metrics.scores import require_rate
from facerec.records import DIM, OperatingPoint, Quality, Template, require_embeddings, require_float32

NAME_LIMIT = 200
"""Characters. Longer than any name in use, short enough for a line of output and an index entry."""

QUALITY_FIELDS = frozenset(field.name for field in fields(Quality))

_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of surrogate pairs (no UTF-8 for them), line and paragraph separators."""

is_digest = re.compile("[0-9a-f]{64}").fullmatch


def clean_name(name: str) -> str:
    r"""A subject's name as it is stored: NFC, so that two ways of typing one letter are one name.

    Raises InvalidInput when it is empty, longer than 200 characters, begins or ends with white space, or holds a
    control character.

    >>> clean_name("Zoe\u0308") == "Zo\u00eb"
    True
    """
    name = unicodedata.normalize("NFC", name)
    if not 0 < len(name) <= NAME_LIMIT:
        raise InvalidInput(f"a subject's name must have 1 to {NAME_LIMIT} characters, got {len(name)}")
    if name != name.strip():
        raise InvalidInput(f"a subject's name must not begin or end with white space: {name!r}")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        raise InvalidInput(f"a subject's name must not hold control characters: {name!r}")
    return name


def clean_source(source: str) -> str:
    r"""A source as it is stored: bytes of a file name that are no UTF-8 become escapes. Raises InvalidInput on NUL.

    >>> clean_source(b"caf\xe9.jpg".decode("utf-8", "surrogateescape"))
    'caf\\udce9.jpg'
    """
    if "\0" in source:
        raise InvalidInput(f"a source must not hold a NUL character: {source!r}")
    return source.encode("utf-8", "backslashreplace").decode("utf-8")


def require_digest(name: str, digest: str) -> None:
    """Raise InvalidInput unless `digest` is a sha256 in 64 lower-case hex digits."""
    if not is_digest(digest):
        raise InvalidInput(f"{name} must be a sha256 in 64 lower-case hex digits, got {digest!r}")


def require_box(box: tuple[float, float, float, float]) -> None:
    """Raise InvalidInput unless the box is finite and has an area."""
    x1, y1, x2, y2 = box
    if not np.isfinite(box).all() or not (x2 > x1 and y2 > y1):
        raise InvalidInput(f"a box must be x1 y1 x2 y2 with x2 > x1 and y2 > y1, got {box}")


def require_quality(quality: dict[str, float]) -> None:
    """Raise InvalidInput on a field that `Quality` does not have, or a value that is not finite."""
    unknown = quality.keys() - QUALITY_FIELDS
    if unknown:
        raise InvalidInput(f"unknown quality: {', '.join(sorted(unknown))}")
    if not np.isfinite(list(quality.values())).all():
        raise InvalidInput(f"quality must be finite, got {quality}")


def clean_template(template: Template) -> Template:
    """The template as it is stored. Raises InvalidInput when any field of it cannot be."""
    require_float32("embedding", template.embedding, (DIM,))
    require_embeddings(template.embedding[None])
    require_digest("encoder", template.encoder)
    require_digest("image_sha256", template.image_sha256)
    require_box(template.box)
    require_quality(template.quality)
    return replace(template, subject=clean_name(template.subject), source=clean_source(template.source))


def clean_refusal(refusal: Refusal) -> Refusal:
    """The refusal as it is stored. Raises InvalidInput when any field of it cannot be."""
    require_digest("image_sha256", refusal.image_sha256)
    for name, value, limit in (("reason", refusal.reason, 40), ("pipeline", refusal.pipeline, 200)):
        if not 0 < len(value) <= limit:
            raise InvalidInput(f"{name} must have 1 to {limit} characters, got {len(value)}")
    return replace(refusal, subject=clean_name(refusal.subject), source=clean_source(refusal.source))


def require_operating_point(point: OperatingPoint) -> None:
    """Raise InvalidInput unless the threshold is finite, the FMR a share, and both rest on some evidence."""
    require_digest("encoder", point.encoder)
    if not np.isfinite(point.threshold) or not 0 <= point.fmr <= 1:
        raise InvalidInput(f"an operating point needs a finite threshold and an FMR of 0 to 1, got {point}")
    if point.impostors < 1 or point.subjects < 1:
        raise InvalidInput(f"an operating point needs impostor comparisons behind it, got {point}")


def require_calibration(encoder: str, calibration: Calibration) -> None:
    """Raise InvalidInput unless the FPIR is a share and every threshold is one of this encoder."""
    require_digest("encoder", encoder)
    require_rate("a target FPIR", calibration.target_fpir)
    if not calibration.points.rows or any(row.point.encoder != encoder for row in calibration.points.rows):
        raise InvalidInput(f"a calibration needs thresholds that were measured for encoder {encoder[:12]}")
