"""Errors by group: against counting pair by pair, and never a rate from a handful of people."""

import json
from dataclasses import replace

import numpy as np
import pytest

from facerec.evaluation.comparisons import Comparisons
from facerec.evaluation.groups import pairs_by_group, searches_by_group
from facerec.evaluation.labels import Labels
from facerec.evaluation.pairs import PicturePairs
from facerec.evaluation.searches import search
from facerec.metrics.inequity import inequity
from facerec.records import OperatingPoint
from tests.evaluation.conftest import crowd

POINT = OperatingPoint(0.4, 1e-3, 10_000, 300, "ab" * 32, "elsewhere")


def scored(people: int, rng: np.random.Generator) -> tuple[PicturePairs, Comparisons]:
    """Two pictures each of some people; one genuine pair each, ten impostor pairs each, scores by chance."""
    names = [f"{who:03d}/{place}.jpg" for who in range(people) for place in (0, 1)]
    genuine = [(names[2 * who], names[2 * who + 1]) for who in range(people)]
    impostor = [(names[2 * who], names[(2 * who + 2 * step + 1) % (2 * people)]) for who in range(people)
                for step in range(1, 11)]  # fmt: skip
    first, second = zip(*genuine, *impostor, strict=True)
    same = np.repeat([True, False], [len(genuine), len(impostor)])
    shown = [tuple(name.split("/")[0] for name in side) for side in (first, second)]
    pairs = PicturePairs(first, second, same, shown[0], shown[1], np.zeros(len(same), np.int64))
    row = {name: at for at, name in enumerate(pairs.pictures)}
    scores = np.where(same, rng.normal(0.6, 0.2, len(same)), rng.normal(0.1, 0.2, len(same))).astype(np.float32)
    found = np.ones(len(names), bool)
    found[::17] = False
    subject = np.array([int(name.split("/")[0]) for name in pairs.pictures])
    at = [np.array([row[name] for name in side]) for side in (first, second)]
    return pairs, Comparisons(scores, same, at[0], at[1], found, subject)


def labels_of(people: int, kinds: dict[str, int]) -> Labels:
    """The first so many people are of the first kind, and so on; the rest have no label."""
    order = [kind for kind, count in kinds.items() for _ in range(count)]
    return Labels("subject", {"kind": {f"{who:03d}": kind for who, kind in enumerate(order[:people])}})


def test_rates_of_a_group_are_those_of_the_pairs_inside_it() -> None:
    pairs, compared = scored(120, np.random.default_rng(0))
    kinds = {"p": 50, "q": 40, "r": 20}  # ten people have no label
    [table] = pairs_by_group(pairs, compared, labels_of(120, kinds), POINT, np.random.default_rng(1))
    whose = {f"{who:03d}": kind for who, kind in enumerate([k for k, n in kinds.items() for _ in range(n)])}
    slow = {kind: {"fmr": [0, 0], "fnmr": [0, 0]} for kind in kinds}
    between = unlabelled = 0
    rows = zip(pairs.first_subject, pairs.second_subject, pairs.same, compared.similarities, compared.made, strict=True)
    for a, b, same, score, made in rows:
        if a not in whose or b not in whose:
            unlabelled += 1
        elif whose[a] != whose[b]:
            between += 1
        elif same:
            slow[whose[a]]["fnmr"][0] += not made or score < POINT.threshold
            slow[whose[a]]["fnmr"][1] += 1
        elif made:
            slow[whose[a]]["fmr"][0] += score >= POINT.threshold
            slow[whose[a]]["fmr"][1] += 1
    assert (table.between, table.unlabelled) == (between, unlabelled) and between and unlabelled
    assert [(row.label, row.people) for row in table.rows] == [("p", 50), ("q", 40), ("r", 20)]
    for row in table.rows[:2]:
        for name, rate in row.rates.items():
            assert rate is not None and [rate.events, rate.trials] == slow[row.label][name]
            assert rate.share in rate.interval
    shares = [row.rates["fnmr"].share for row in table.rows[:2] if row.rates["fnmr"] is not None]
    assert table.inequity["fnmr"] == pytest.approx(inequity(shares))


def test_fewer_than_thirty_people_are_not_measurable() -> None:
    pairs, compared = scored(70, np.random.default_rng(2))
    [table] = pairs_by_group(pairs, compared, labels_of(70, {"p": 30, "q": 29}), POINT, np.random.default_rng(1))
    enough, too_few = table.rows
    assert enough.rates["fnmr"] is not None and enough.counted["fnmr"] == 30
    assert too_few.rates == {"fmr": None, "fnmr": None} and too_few.counted["fnmr"] == 29
    assert table.inequity == {"fmr": None, "fnmr": None}  # one group alone has nothing to differ from
    answer = json.loads(json.dumps(table.as_dict()))
    assert answer["rows"][1]["fnmr"] is None and answer["rows"][1]["people"] == 29 and answer["fewest_people"] == 30


def test_a_group_without_an_error_leaves_no_inequity_to_state() -> None:
    pairs, compared = scored(80, np.random.default_rng(3))
    high = replace(POINT, threshold=0.99)
    [table] = pairs_by_group(pairs, compared, labels_of(80, {"p": 40, "q": 40}), high, np.random.default_rng(1))
    first = table.rows[0].rates["fmr"]
    assert first is not None and first.events == 0 and first.at_most == pytest.approx(3 / first.trials)
    assert table.inequity["fmr"] is None and table.inequity["fnmr"] is not None


def test_groups_of_probes() -> None:
    people = crowd(6)
    found = search(people)
    names = tuple(f"{who}/{row}" for row, who in enumerate(people.probe_subjects))
    labels = Labels("picture", {"half": {name: "ab"[row % 2] for row, name in enumerate(names)}})
    [table] = searches_by_group(people, names, found, labels, POINT, np.random.default_rng(0))
    assert [row.label for row in table.rows] == ["a", "b"] and table.between == 0
    first = table.rows[0].rates["fnir"]
    inside = (np.arange(len(names)) % 2 == 0) & found.mated
    assert first is not None and first.trials == inside.sum()
    assert first.events == (inside & ((found.ranks > 1) | (found.own < POINT.threshold))).sum()
    assert table.rows[0].rates["fpir"] is None  # of twenty strangers
