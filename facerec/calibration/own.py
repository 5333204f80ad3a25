"""A gallery's own thresholds: from its people where they are enough, from the encoder's calibration where they are not.

Who is enrolled are the people that a stranger is compared with, so pairs of them are the best evidence there is, as
long as they are many. A family, or the staff of one office, may be more alike than the people that an encoder was
calibrated on: then the encoder's thresholds promise too much, and are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from facerec.calibration.comparisons import AllPairs, Progress, compare_all
from facerec.calibration.people import balanced
from facerec.calibration.points import TARGETS, Measured, operating_points
from facerec.errors import TooFewPeople
from facerec.gallery.results import Calibration, StoredEmbeddings
from facerec.metrics import bootstrap
from facerec.metrics.identification import fmr_needed
from facerec.metrics.intervals import expected_elsewhere, subjects_needed
from facerec.metrics.operating_points import MeasuredPoint, OperatingPoints
from facerec.metrics.shared_errors import worth_of

MOST_TEMPLATES = 10_000
"""Templates that are compared, chosen by chance: 50 million pairs."""
MOST_PER_SUBJECT = 30
"""Templates of one subject among them."""
RESAMPLES = 200
"""Of genuine comparisons, for the interval of the FNMR."""
EXPECTED = 30
"""A threshold of the encoder is judged by this gallery where at least so many false matches are to be expected."""


class LookAlike(NamedTuple):
    """Two subjects, and how similar the two most similar of their templates are."""

    first: str
    second: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Own:
    """What the pairs of a gallery say.

    points       thresholds that they support
    contradicts  in words, why the encoder's thresholds do not hold here; empty where nothing speaks against them
    look_alikes  subjects so alike as different people hardly ever are, most similar first
    """

    points: OperatingPoints
    contradicts: str
    look_alikes: tuple[LookAlike, ...]
    templates: int
    subjects: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What a gallery decides by from now on.

    verification  for `verify --subject`, None where no FMR was asked for
    search        for `identify` with as many enrolled as now, None where no FPIR was asked for
    calibration   what `identify` chooses from as the gallery grows
    enrolled      subjects
    """

    own: Own
    verification: MeasuredPoint | None
    search: MeasuredPoint | None
    calibration: Calibration | None
    enrolled: int


def decide(
    own: Own, packaged: OperatingPoints, enrolled: int, *, target_fmr: float | None = None,
    target_fpir: float | None = None, extrapolate: bool = False,
) -> Decided:  # fmt: skip
    """Thresholds for the rates that were asked for. Raises TooFewPeople, which says how many would do, for others."""
    table = own.points if own.contradicts else own.points.then(packaged)
    table = table.extended() if extrapolate else table
    verification = search = calibration = None
    if target_fmr is not None:
        verification = row_for(table, target_fmr, own, f"a false match rate of {target_fmr:g}")
    if target_fpir is not None:
        needed = fmr_needed(target_fpir, max(1, enrolled))
        words = f"{target_fpir:g} of strangers named among {enrolled} enrolled, which takes an FMR of {needed:.1e}"
        search = row_for(table, needed, own, words)
        calibration = Calibration(target_fpir, table)
    return Decided(own, verification, search, calibration, enrolled)


def row_for(table: OperatingPoints, fmr: float, own: Own, wanted: str) -> MeasuredPoint:
    """The most permissive row whose rate is at most so high. Raises TooFewPeople."""
    fit = [row for row in table.rows if row.point.fmr <= fmr]
    if fit:
        return max(fit, key=lambda row: row.point.fmr)
    needed = subjects_needed(fmr)
    if needed <= own.subjects:  # pairs enough, but the false matches among them come from too few people
        needed = 2 * own.subjects
    reach = f"down to an FMR of {table.strictest.fmr:.1e}" if table.rows else "no FMR at all"
    beside = own.contradicts or "nor can those that the encoder was calibrated on"
    further = "; --extrapolate goes further along a fitted tail, by a hundred times at most" if table.beyond else ""
    raise TooFewPeople(
        f"{own.subjects} people with {own.templates} pictures cannot show {wanted}: about {needed} people could; "
        f"{beside}. What there is reaches {reach}{further}",
        needed,
    )


def measure_own(
    stored: StoredEmbeddings, packaged: OperatingPoints, targets: Sequence[float], rng: np.random.Generator,
    progress: Progress | None = None,
) -> Own:  # fmt: skip
    """What the pairs of a gallery's templates say of the target rates, and of the encoder's thresholds."""
    names = [stored.names[owner] for owner in stored.subject_ids.tolist()]
    keep = chosen(names, rng)
    labels = [names[row] for row in keep.tolist()]
    subjects = len(set(labels))
    if subjects < 2:
        return Own(OperatingPoints((), ()), "", (), len(keep), subjects)
    wanted = sorted({*targets, *TARGETS}, reverse=True)
    pairs = compare_all(stored.rows[keep], labels, max(wanted), progress=progress)
    evidence = f"this gallery's own people: all pairs of {len(keep)} templates of {subjects} of them"
    drawn = bootstrap.draws(subjects, rng, RESAMPLES)
    points = operating_points(Measured(pairs, drawn, stored.encoder, evidence), wanted)
    alike = look_alikes(pairs, sorted(set(labels)), packaged)
    return Own(points, contradiction(pairs, packaged), alike, len(keep), subjects)


def chosen(names: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Rows of at most MOST_TEMPLATES templates, at most MOST_PER_SUBJECT of each subject, by chance."""
    keep = balanced(names, MOST_PER_SUBJECT, rng)
    return keep if len(keep) <= MOST_TEMPLATES else np.sort(rng.permutation(keep)[:MOST_TEMPLATES])


def contradiction(pairs: AllPairs, packaged: OperatingPoints) -> str:
    """Why the encoder's thresholds do not hold among these people, in words; empty where nothing speaks against them.

    Judged at the strictest threshold at which some thirty false matches are to be expected.
    """
    judged = [row for row in packaged.rows if row.point.fmr * pairs.impostors >= EXPECTED]
    if not judged:
        return ""
    point = judged[-1].point
    false = pairs.false(point.threshold)
    seen = int(false.sum()) / pairs.impostors
    worth = worth_of(pairs.high.first[false], pairs.high.second[false], pairs.pictures)
    if not worth.errors or expected_elsewhere(seen, worth.errors, worth.freedom).low <= point.fmr:
        return ""
    return (
        f"these people are more alike than those that the encoder was calibrated on (at {point.threshold:.3f} the FMR "
        f"is {seen:.2g} among them, and was {point.fmr:.2g} there), so that its thresholds do not hold here"
    )


def look_alikes(pairs: AllPairs, names: Sequence[str], packaged: OperatingPoints) -> tuple[LookAlike, ...]:
    """Pairs of subjects at or above the encoder's strictest threshold, each once."""
    if not packaged.rows:
        return ()
    found: dict[frozenset[int], LookAlike] = {}
    high = pairs.high.rows(pairs.false(packaged.strictest.threshold))
    for first, second, similarity in zip(*(column.tolist() for column in high), strict=True):
        found.setdefault(frozenset((first, second)), LookAlike(names[first], names[second], similarity))
    return tuple(found.values())
