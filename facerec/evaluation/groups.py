"""Error rates by the user's own groups of people, all at one threshold (NIST IR 8280; inequity: NIST IR 8429)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from facerec.evaluation.comparisons import Comparisons
from facerec.evaluation.embedding import numbered
from facerec.evaluation.labels import Labels
from facerec.evaluation.pairs import PicturePairs
from facerec.evaluation.searches import GalleryAndProbes, Searches
from facerec.metrics import bootstrap
from facerec.metrics.identification import missed
from facerec.metrics.inequity import inequity
from facerec.metrics.intervals import Rate
from facerec.metrics.scores import Bools, Float64
from facerec.records import Int64, OperatingPoint

FEWEST_PEOPLE = 30


class Event(NamedTuple):
    """One way to go wrong: which of C comparisons can (C,) bool, and which did (C,) bool."""

    among: Bools
    happened: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """C comparisons and the groups of the two faces in each.

    first, second  (C,) str    label of either face, "" for none
    owners         two of (C,) int64  whom they show
    events         name of the rate -> what it counts
    """

    first: np.ndarray
    second: np.ndarray
    owners: tuple[Int64, Int64]
    events: Mapping[str, Event]

    @property
    def groups(self) -> list[str]:
        return sorted({*self.first.tolist(), *self.second.tolist()} - {""})


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group's errors.

    people   subjects with a face of this label
    rates    name -> rate; None where fewer than 30 people stand behind it: not measurable
    counted  name -> how many people stand behind it
    """

    label: str
    people: int
    rates: Mapping[str, Rate | None]
    counted: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        rates = {name: rate and rate.as_dict() for name, rate in self.rates.items()}
        return {"label": self.label, "people": self.people, "people_counted": dict(self.counted), **rates}


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One column of labels, at one threshold.

    between     comparisons of two groups, which count in no row
    unlabelled  comparisons with a face that has no label
    inequity    name -> largest rate over the geometric mean, of the measurable groups; None where two of them, with an
                error in each, are not at hand
    """

    column: str
    point: OperatingPoint
    rows: tuple[GroupRow, ...]
    between: int
    unlabelled: int
    inequity: Mapping[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "threshold": self.point.threshold,
            "stated_fmr": self.point.fmr,
            "fewest_people": FEWEST_PEOPLE,
            "rows": [row.as_dict() for row in self.rows],
            "between_groups": self.between,
            "unlabelled": self.unlabelled,
            "inequity": dict(self.inequity),
        }


def pairs_by_group(
    pairs: PicturePairs, comparisons: Comparisons, labels: Labels, point: OperatingPoint, rng: np.random.Generator
) -> tuple[GroupTable, ...]:
    """FMR and FNMR of each group, for every column of labels: over the pairs of which both pictures have its label."""
    names, shows = pairs.pictures, pairs.shows
    first, second = comparisons.first, comparisons.second
    owners = comparisons.subject[first], comparisons.subject[second]
    drawn = bootstrap.draws(comparisons.subjects, rng)
    matched = comparisons.made & (comparisons.similarities.astype(np.float64) >= point.threshold)
    events = {"fmr": Event(~pairs.same & comparisons.made, matched), "fnmr": Event(pairs.same, ~matched)}
    tables = []
    for column in labels.columns:
        label = labels.of(column, names, [shows[name] for name in names])
        tables.append(_table(column, point, Labelled(label[first], label[second], owners, events), drawn))
    return tuple(tables)


def searches_by_group(
    shown: GalleryAndProbes,
    pictures: tuple[str, ...],
    searches: Searches,
    labels: Labels,
    point: OperatingPoint,
    rng: np.random.Generator,
) -> tuple[GroupTable, ...]:
    """FNIR and FPIR of each group of probes (Q), for every column of labels; `pictures` are the probes' names."""
    _, owner = numbered(shown.probe_subjects)
    drawn = bootstrap.draws(int(owner.max()) + 1, rng)
    events = {
        "fnir": Event(searches.mated, missed(searches.ranks, searches.own, point.threshold)),
        "fpir": Event(searches.non_mated, searches.best.astype(np.float64) >= point.threshold),
    }
    tables = []
    for column in labels.columns:
        label = labels.of(column, pictures, shown.probe_subjects)
        tables.append(_table(column, point, Labelled(label, label, (owner, owner), events), drawn))
    return tuple(tables)


def _table(column: str, point: OperatingPoint, faces: Labelled, drawn: Float64) -> GroupTable:
    rows = tuple(_row(faces, group, drawn) for group in faces.groups)
    unlabelled = (faces.first == "") | (faces.second == "")
    return GroupTable(
        column=column,
        point=point,
        rows=rows,
        between=int((~unlabelled & (faces.first != faces.second)).sum()),
        unlabelled=int(unlabelled.sum()),
        inequity={name: _inequity(rows, name) for name in faces.events},
    )


def _row(faces: Labelled, group: str, drawn: Float64) -> GroupRow:
    first, second = faces.first == group, faces.second == group
    people = np.unique(np.concatenate([faces.owners[0][first], faces.owners[1][second]]))
    rates, counted = {}, {}
    for name, event in faces.events.items():
        inside = first & second & event.among
        owners = faces.owners[0][inside], faces.owners[1][inside]
        counted[name] = len(np.unique(np.concatenate(owners)))
        enough = counted[name] >= FEWEST_PEOPLE
        rates[name] = bootstrap.counted_rate(drawn, *owners, event.happened[inside]) if enough else None
    return GroupRow(group, len(people), rates, counted)


def _inequity(rows: tuple[GroupRow, ...], name: str) -> float | None:
    shares = [rate.share for row in rows if (rate := row.rates[name]) is not None]
    return inequity(shares) if len(shares) >= 2 and min(shares) > 0 else None
