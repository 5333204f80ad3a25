"""Which enrolled faces are of low quality: below a measured limit of one of their qualities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from facerec.faces.gate import Gate


@dataclass(frozen=True, slots=True)
class QualityLimit:
    """The least value of a field of `Quality` at which a face is still of use.

    effect    what was measured on either side of it, in words
    evidence  on what
    """

    field: str
    least: float
    effect: str
    evidence: str


def gate_limits(gate: Gate) -> tuple[QualityLimit, ...]:
    """What is asked of a face that is enrolled now is asked of those that are enrolled already."""
    effect = "below it the share of people who are not found again by such a picture has doubled, or more"
    return tuple(
        QualityLimit(field, least, effect, "docs/results/decisions.md") for field, least in asdict(gate).items()
    )


def shortcomings(quality: Mapping[str, float], limits: Sequence[QualityLimit]) -> Iterator[str]:
    """What is wrong with a face, in words; a quality that was not stored is not judged."""
    for limit in limits:
        value = quality.get(limit.field)
        if value is not None and value < limit.least:
            yield f"{limit.field.replace('_', ' ')} {value:.3g}, below {limit.least:.3g}"
