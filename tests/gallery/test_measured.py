"""What approximation costs, by hand-made cases and on galleries where it is known."""

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.gallery import measured
from facerec.gallery.fusion import fused
from facerec.gallery.index import ExactIndex
from facerec.gallery.measured import Measured, candidates, chosen, measure, trial
from facerec.gallery.measured_elsewhere import measure_elsewhere
from facerec.gallery.results import State, StoredEmbeddings
from facerec.records import DIM, Candidates, unit


def stored(subjects: int, each: int, spread: float = 0.05) -> StoredEmbeddings:
    rng = np.random.default_rng(0)
    centres = np.repeat(unit(rng.standard_normal((subjects, DIM))), each, axis=0)
    rows = unit(centres + spread * rng.standard_normal(centres.shape).astype(np.float32))
    owners = np.repeat(np.arange(subjects), each)
    names = {number: f"subject {number}" for number in range(subjects)}
    return StoredEmbeddings(State("a", 1, "b"), "e" * 64, np.arange(len(rows)), owners, rows, names, 0, 0)


@pytest.mark.parametrize("combine", [fused, measured.apart])
def test_an_index_that_looks_everywhere_costs_nothing(combine):
    (found,) = measure(trial(stored(400, 5), 0.3, combine), ["IVF8,Flat;nprobe=8"])
    assert found.recall == 1 and found.fnir == found.fnir_exact and found.mated > 150
    assert found.templates == (400 if combine is fused else 1800)


def test_an_index_that_looks_nearly_nowhere_costs_what_it_misses():
    poor, better = measure(trial(stored(600, 4, 0.12), 0.3), ["IVF64,Flat;nprobe=1", "IVF64,Flat;nprobe=32"])
    assert poor.recall < better.recall <= 1
    assert poor.fnir > better.fnir >= better.fnir_exact
    assert poor.build_seconds == better.build_seconds


def test_a_threshold_that_nobody_reaches_misses_everybody():
    (found,) = measure(trial(stored(50, 3), 1.0), ["Flat"])
    assert found.fnir == found.fnir_exact == 1


def test_subjects_with_one_template_have_nobody_to_be_found():
    (found,) = measure(trial(stored(500, 1), 0.3), ["Flat"])
    assert found.mated == 0 and found.fnir is None and found.recall == 1


def test_a_gallery_of_nine_is_not_measured():
    with pytest.raises(InvalidInput, match="ten templates"):
        trial(stored(3, 3), 0.3)


def one(spec: str, recall: float, milliseconds: float) -> Measured:
    return Measured(spec, 10**6, 1000, recall, 900, 0.1, 0.1, milliseconds, 40.0, 1.0)


@pytest.mark.parametrize("found, expected", [
    ([], "exact"),
    ([one("a", 0.98, 1.0)], "exact"),
    ([one("a", 0.98, 1.0), one("b", 0.99, 2.0), one("c", 1.0, 3.0)], "b"),
    ([one("a", 1.0, 25.0)], "exact"),
])  # fmt: skip
def test_the_fastest_that_finds_enough_is_chosen(found, expected):
    assert chosen(found) == expected


def test_small_galleries_are_searched_exactly_and_large_ones_build_no_graph():
    assert candidates(10_000) == ()
    assert any(spec.startswith("HNSW") for spec in candidates(100_000))
    assert not any(spec.startswith("HNSW") for spec in candidates(10**6))


def test_elsewhere_is_measured_on_templates_that_stay_where_they_are(gallery, make, encoder):
    """By an index that never finds the best: its recall and what it misses are known."""
    gallery.enroll([make(f"Person {number % 10}", number) for number in range(9)])
    asked = []

    class Here:
        def __init__(self, passed_over):
            self.passed_over = passed_over

        def settle(self, gallery, encoder):
            asked.append("settle")

        def search(self, gallery, encoder, probes, k):
            asked.append(len(probes))
            stored = gallery.embeddings(encoder)
            found = ExactIndex(stored.template_ids, stored.rows).search(probes, k + self.passed_over)
            keep = [0, *range(1 + self.passed_over, found.ids.shape[1])]
            return Candidates(found.ids[:, keep], found.similarities[:, keep])

    assert measure_elsewhere(gallery, encoder, Here(0), "a name", 0.5) is None and asked == ["settle", 1]
    gallery.enroll([make(f"Person {number % 10}", number) for number in range(9, 30)])
    right = measure_elsewhere(gallery, encoder, Here(0), "a name", -1)
    assert (right.recall, right.probes, right.templates, right.mated) == (1, 30, 30, 30)
    assert right.fnir == right.fnir_exact == fnir_by_hand(gallery, encoder, 0)
    wrong = measure_elsewhere(gallery, encoder, Here(1), "a name", -1)
    assert wrong.recall == 0 and wrong.fnir == fnir_by_hand(gallery, encoder, 1) and wrong.fnir_exact == right.fnir
    assert measure_elsewhere(gallery, encoder, Here(0), "a name", 1, count=20).fnir == 1


def fnir_by_hand(gallery, encoder, passed_over) -> float:
    """The share of templates whose most similar other, after so many are passed over, is of somebody else."""
    stored = gallery.embeddings(encoder)
    alike = stored.rows @ stored.rows.T
    np.fill_diagonal(alike, -2)
    best = np.argsort(-alike, axis=1)[:, passed_over]
    return float((stored.subject_ids[best] != stored.subject_ids).mean())
