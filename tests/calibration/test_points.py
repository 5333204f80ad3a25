"""Operating points against every pair compared one by one, on people made up for it."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from facerec.calibration import balanced, measure_operating_points
from facerec.errors import InvalidInput
from facerec.metrics import cross_pairs
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import Float32, unit
from tests.people import clusters

ENCODER = "ab" * 32


def measured(embeddings: Float32, labels: list[str], targets: tuple[float, ...] = (1e-1, 1e-2)) -> OperatingPoints:
    return measure_operating_points(
        embeddings, labels, encoder=ENCODER, evidence="made up", rng=np.random.default_rng(0), targets=targets
    )


def one_by_one(embeddings: Float32, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    genuine, impostor = [], []
    for a, b in itertools.combinations(range(len(labels)), 2):
        (genuine if labels[a] == labels[b] else impostor).append(float(embeddings[a] @ embeddings[b]))
    return np.array(genuine), np.array(impostor)


def pairs_of(embeddings: Float32, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The same in one product."""
    upper = np.triu_indices(len(labels), 1)
    same = (np.array(labels)[:, None] == np.array(labels))[upper]
    scores = (embeddings @ embeddings.T)[upper]
    return scores[same], scores[~same]


def test_points_agree_with_comparing_every_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_pairs, "BLOCK", 17)
    embeddings, labels = clusters(np.random.default_rng(1), [1, 5, 2, 9, 3, 4] * 5, spread=0.12)
    genuine, impostor = one_by_one(embeddings, labels)
    table = measured(embeddings, labels)
    assert [row.target for row in table.rows] == [1e-1, 1e-2]
    for row in table.rows:
        clear = 1e-6  # products differ by rounding between one row and a block of rows
        assert (impostor >= row.point.threshold + clear).sum() <= row.false_matches
        assert (impostor >= row.point.threshold - clear).sum() >= row.false_matches
        assert row.false_matches == np.floor(row.target * len(impostor))
        assert row.fnmr == pytest.approx((genuine < row.point.threshold).mean(), abs=2 / len(genuine))
        assert (row.point.impostors, row.genuine, row.point.subjects) == (len(impostor), len(genuine), 30)
        assert row.point.fmr in row.fmr_interval
        assert row.fnmr is not None and row.fnmr_interval is not None and row.fnmr in row.fnmr_interval
        assert (row.point.encoder, row.point.evidence) == (ENCODER, "made up")


def test_the_order_of_the_pictures_does_not_matter() -> None:
    embeddings, labels = clusters(np.random.default_rng(2), [4] * 30, spread=0.12)
    order = np.random.default_rng(3).permutation(len(labels))
    straight, shuffled = measured(embeddings, labels), measured(embeddings[order], [labels[row] for row in order])
    for one, other in zip(straight.rows, shuffled.rows, strict=True):
        assert one.point.threshold == pytest.approx(other.point.threshold, abs=1e-6)
        assert one.fnmr == pytest.approx(other.fnmr, abs=0.01)
        assert one.effective_errors == pytest.approx(other.effective_errors, rel=0.01)


def test_what_the_number_of_comparisons_cannot_support_is_left_out_with_the_reason() -> None:
    table = measured(*clusters(np.random.default_rng(4), [2] * 40), targets=(1e-5, 1e-2))
    assert [row.target for row in table.rows] == [1e-2]
    [(target, reason)] = table.refused
    assert target == 1e-5
    assert "3120 impostor comparisons" in reason and "776 subjects" in reason
    with pytest.raises(InvalidInput, match="776 subjects"):
        table.at_fmr(1e-5)


def test_false_matches_of_one_pair_of_twins_prove_nothing_about_others() -> None:
    """Ten pictures of each twin: 100 impostor pairs above all others, all the doing of one pair of people."""
    embeddings, labels = clusters(np.random.default_rng(5), [20] + [10] * 40)
    labels[:10] = ["twin"] * 10
    table = measured(embeddings, labels, targets=(1e-1, 1e-3))
    assert [row.target for row in table.rows] == [1e-1]
    [(_, reason)] = table.refused
    assert "come from 1 pairs of subjects" in reason


def test_people_with_many_pictures_are_cut_to_size() -> None:
    labels = ["a"] * 50 + ["b"] * 3 + ["c"] * 7 + ["a"] * 10
    rows = balanced(labels, 5, np.random.default_rng(6))
    assert np.array_equal(rows, np.unique(rows))
    kept = [labels[row] for row in rows]
    assert {name: kept.count(name) for name in "abc"} == {"a": 5, "b": 3, "c": 5}
    again = balanced(labels, 5, np.random.default_rng(7))
    assert not np.array_equal(rows, again)
    with pytest.raises(InvalidInput):
        balanced(labels, 0, np.random.default_rng(0))


@pytest.mark.parametrize(
    "labels, targets",
    [
        (["a"] * 4, (1e-1,)),  # nobody to take for somebody else
        (["a", "b", "c", "d"], (1e-1,)),  # nobody seen twice
        (["a", "a", "b"], (1e-1,)),  # a label is missing
        (["a", "a", "b", "b"], (0.0,)),
        (["a", "a", "b", "b"], ()),
    ],
)
def test_what_cannot_be_measured_is_refused(labels: list[str], targets: tuple[float, ...]) -> None:
    embeddings, _ = clusters(np.random.default_rng(7), [4])
    with pytest.raises(InvalidInput):
        measured(embeddings, labels, targets)


def test_the_stated_interval_holds_what_other_people_show() -> None:
    """Thresholds from one set of made-up people, their FMR among others: inside the interval nearly always."""
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(20):
        table = measured(*clusters(rng, [3] * 40), targets=(1e-2,))
        _, impostor = one_by_one(*clusters(rng, [3] * 60))
        held += float((impostor >= table.rows[0].point.threshold).mean()) in table.rows[0].fmr_interval
    assert held >= 18


def test_thresholds_rise_as_the_fmr_falls_on_real_people(data: Path) -> None:
    """A strong network's embeddings of 210 people: 1e-6 is out of reach of them."""
    faces = data / "faces"
    with (faces / "faces.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == "val"]
    targets = np.load(faces / "targets.npy", mmap_mode="r")
    embeddings = unit(np.asarray(targets[[int(row["target"]) for row in rows]], np.float32))
    table = measured(embeddings, [row["subject"] for row in rows], (1e-2, 1e-3, 1e-4, 1e-6))
    thresholds = [row.point.threshold for row in table.rows]
    assert [row.target for row in table.rows] == [1e-2, 1e-3, 1e-4]
    assert thresholds == sorted(thresholds)
    assert [target for target, _ in table.refused] == [1e-6]


def test_a_tail_goes_on_where_the_comparisons_end() -> None:
    people = clusters(np.random.default_rng(11), [2] * 120, spread=0.1)
    table = measured(*people, targets=(1e-1, 1e-2, 1e-3, 3e-4, 2e-4, 1e-9))
    lowest = table.strictest
    assert table.beyond and all(row.point.extrapolated and row.point.fmr < lowest.fmr for row in table.beyond)
    assert [row.point.threshold for row in table.beyond] == sorted(row.point.threshold for row in table.beyond)
    assert table.beyond[0].point.threshold > lowest.threshold
    assert "generalised Pareto" in table.beyond[0].point.evidence and not lowest.extrapolated
    assert 1e-9 not in {row.target for row in table.beyond}  # more than a hundred times lower
    assert OperatingPoints.of(table.as_dict()) == table
    with pytest.raises(InvalidInput):
        table.at_fmr(table.beyond[0].target)
    assert table.extended().at_fmr(table.beyond[0].target).extrapolated


def test_the_tail_is_right_within_its_interval_among_other_people() -> None:
    """Thresholds from made-up people for a rate they cannot show, among others who can: inside nearly always."""
    rng, held = np.random.default_rng(12), []
    for _ in range(6):
        table = measured(*clusters(rng, [2] * 100), targets=(1e-2, 2e-4))
        (row,) = table.beyond
        _, impostor = pairs_of(*clusters(rng, [2] * 400))
        held.append(float((impostor >= row.point.threshold).mean()) in row.fmr_interval)
    assert sum(held) >= 5
