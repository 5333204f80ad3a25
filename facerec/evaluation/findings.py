"""What a test can tell beside its error rates: on which data, for which groups of people, and the worst errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from facerec.evaluation.groups import GroupTable
from facerec.evaluation.labels import Labels
from facerec.evaluation.reliability import Chance, StatedProbability
from facerec.evaluation.worst import WorstErrors
from facerec.records import OperatingPoint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for.

    labels       groups of people
    at           the one operating point at which they are compared; in identification None leaves it to the
                 gallery's size
    pictures     how many of the worst errors of each kind to keep as small pictures
    probability  to be judged on pairs
    """

    labels: Labels | None = None
    at: OperatingPoint | None = None
    pictures: int = 0
    probability: Chance | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    data    name -> sha256 of a list or of pictures, hex
    groups  one table per column of labels
    stated  probabilities against the truth
    worst   for a report, never part of a result
    """

    data: dict[str, str] = field(default_factory=dict)
    groups: tuple[GroupTable, ...] = ()
    stated: StatedProbability | None = None
    worst: WorstErrors = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        parts = {
            "data": self.data,
            "groups": [table.as_dict() for table in self.groups],
            "reliability": self.stated and self.stated.as_dict(),
        }
        return {name: part for name, part in parts.items() if part}


NO_MORE = Wanted()
"""Nothing beside the error rates."""
NOTHING = Findings()
