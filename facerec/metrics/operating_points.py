"""The table of measured thresholds that an encoder carries: written by calibration, read by whoever decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from facerec.errors import InvalidInput
from facerec.metrics.identification import fmr_needed
from facerec.metrics.intervals import FEW_ERRORS, Interval, subjects_needed
from facerec.records import OperatingPoint

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """One row of the table.

    target            the FMR that was asked for; point.fmr is the one that was met
    fnmr              share of the genuine comparisons below the threshold; None where there was none
    genuine           how many genuine comparisons that share is of
    false_matches     impostor comparisons at or above the threshold
    effective_errors  how many independent false matches the FMR is worth
    fmr_interval      where the FMR will lie among as many other people
    fnmr_interval     of the true FNMR, by bootstrap over subjects; None where `fnmr` is
    """

    target: float
    point: OperatingPoint
    fnmr: float | None
    genuine: int
    false_matches: int
    effective_errors: float
    fmr_interval: Interval
    fnmr_interval: Interval | None

    @property
    def fnmr_in_words(self) -> str:
        return "not measured" if self.fnmr is None else f"{self.fnmr:.2%}"

    @property
    def is_uncertain(self) -> bool:
        """Fewer than 30 independent errors: the FMR may be off by more than 30 %."""
        return self.effective_errors < FEW_ERRORS

    def as_dict(self) -> dict[str, Any]:
        """The fields of OperatingPoint, and beside them what else was measured."""
        return asdict(self.point) | {
            "target_fmr": self.target,
            "fnmr": self.fnmr,
            "genuine": self.genuine,
            "false_matches": self.false_matches,
            "effective_errors": self.effective_errors,
            "fmr_interval": self.fmr_interval.as_list(),
            "fnmr_interval": self.fnmr_interval and self.fnmr_interval.as_list(),
            "interval_level": self.fmr_interval.level,
            "uncertain": self.is_uncertain,
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> MeasuredPoint:
        """From what `as_dict` gave. Raises InvalidInput for a row with something missing."""
        point_fields = OperatingPoint.__dataclass_fields__
        row = {"extrapolated": False, **row}  # cards written before tails were fitted do not say
        try:
            return cls(
                target=row["target_fmr"],
                point=OperatingPoint(**{name: row[name] for name in point_fields}),
                fnmr=row["fnmr"],
                genuine=row["genuine"],
                false_matches=row["false_matches"],
                effective_errors=row["effective_errors"],
                fmr_interval=_interval(row, "fmr_interval"),
                fnmr_interval=_interval(row, "fnmr_interval") if row["fnmr_interval"] else None,
            )
        except KeyError as missing:
            raise InvalidInput(f"a row of the table of operating points lacks {missing}") from missing


def _interval(row: Mapping[str, Any], key: str) -> Interval:
    low, high = row[key]
    return Interval(low, high, row["interval_level"])


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """All thresholds measured for one encoder, strictest last, and the targets that the data could not support.

    refused  (target FMR, why it is not in the table)
    beyond   thresholds read off a fitted tail for some of the refused targets; nothing decides by them unless asked to
    """

    rows: tuple[MeasuredPoint, ...]
    refused: tuple[tuple[float, str], ...]
    beyond: tuple[MeasuredPoint, ...] = ()

    def extended(self) -> OperatingPoints:
        """The same table with what lies beyond the measured among its rows, marked as extrapolated."""
        there = {row.target for row in self.beyond}
        left = tuple((target, reason) for target, reason in self.refused if target not in there)
        return OperatingPoints(self.rows + self.beyond, left)

    def then(self, stricter: OperatingPoints) -> OperatingPoints:
        """These rows, and below the lowest of their rates those of another table that ask for more likeness."""
        if not self.rows:
            return stricter
        last = self.strictest
        more = [row for row in stricter.rows if row.point.fmr < last.fmr and row.point.threshold > last.threshold]
        return OperatingPoints(self.rows + tuple(more), stricter.refused, stricter.beyond)

    @property
    def points(self) -> tuple[OperatingPoint, ...]:
        return tuple(row.point for row in self.rows)

    def at_fmr(self, target: float) -> OperatingPoint:
        """The point measured for exactly this target. Raises InvalidInput, which says why, where there is none."""
        for row in self.rows:
            if row.target == target:
                return row.point
        if not self.rows:
            raise InvalidInput("this encoder has no measured threshold: facerec export RUN -o DIR --calibrate FACES")
        unknown = f"no operating point for FMR {target:g}; measured: {self._targets()}"
        raise InvalidInput(dict(self.refused).get(target, unknown))

    @property
    def strictest(self) -> OperatingPoint:
        """The point with the lowest FMR. Raises InvalidInput where nothing was measured."""
        if not self.rows:
            raise InvalidInput("this encoder has no measured threshold: facerec export RUN -o DIR --calibrate FACES")
        return self.rows[-1].point

    def for_gallery(self, gallery_size: int, fpir: float) -> OperatingPoint:
        """The most permissive point whose FMR is expected to keep that FPIR among `gallery_size` subjects.

        Rests on `fmr_needed`, a first guess. Raises InvalidInput, which says how many subjects a calibration would
        need, where no measured point is strict enough.
        """
        needed = fmr_needed(fpir, gallery_size)
        strict = [row.point for row in self.rows if row.point.fmr <= needed]
        if not strict:
            raise InvalidInput(
                f"an FPIR of {fpir:g} among {gallery_size} subjects needs an FMR of {needed:.1e}, and no measured "
                f"point ({self._targets()}) is as strict: calibrate on at least {subjects_needed(needed)} subjects"
            )
        return max(strict, key=lambda point: point.fmr)

    def _targets(self) -> str:
        return ", ".join(f"{row.target:g}" for row in self.rows) or "none"

    def as_dict(self) -> dict[str, Any]:
        """What the model card of the encoder holds under `operating_points`."""
        return {
            "schema": SCHEMA,
            "points": [row.as_dict() for row in self.rows],
            "refused": [{"target_fmr": target, "reason": reason} for target, reason in self.refused],
            "beyond": [row.as_dict() for row in self.beyond],
        }

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> OperatingPoints:
        """From what `as_dict` gave. Raises InvalidInput for another schema or a broken row."""
        if table.get("schema") != SCHEMA:
            raise InvalidInput(f"a table of operating points must have schema {SCHEMA}, not {table.get('schema')}")
        rows, beyond = (tuple(MeasuredPoint.of(row) for row in table.get(key, ())) for key in ("points", "beyond"))
        return cls(rows, tuple((row["target_fmr"], row["reason"]) for row in table["refused"]), beyond)
