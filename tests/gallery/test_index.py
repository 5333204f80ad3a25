"""Indexes against the definition, and against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facerec.errors import InvalidInput
from facerec.gallery import index as module
from facerec.gallery.index import ExactIndex, FaissIndex, build_index, search_subjects
from facerec.records import DIM, unit

KINDS = pytest.mark.parametrize("kind", [ExactIndex, FaissIndex])
NONE = np.empty((0, DIM), np.float32)


def embeddings(seed: int, count: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, DIM))) if count else NONE


def axes(*numbers: int) -> np.ndarray:
    """Unit rows along coordinate axes: their similarities are exactly 0 or 1."""
    return np.eye(DIM, dtype=np.float32)[list(numbers)]


def slow_search(ids, rows, probe, k):
    """The definition, template by template: (similarity, id) of the k best, ties to the lower id."""
    scored = [(-float(np.dot(probe.astype(np.float64), row)), key) for key, row in zip(ids, rows, strict=True)]
    return [(-score, key) for score, key in sorted(scored)[:k]]


@KINDS
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 25), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_definition(kind, seed, count, probes, k):
    ids = np.random.default_rng(seed).permutation(10 * count)[:count].astype(np.int64)
    rows, asked = embeddings(seed, count), embeddings(seed + 1, probes)
    found = kind(ids, rows).search(asked, k)
    assert found.ids.shape == found.similarities.shape == (probes, min(k, count))
    assert found.ids.dtype == np.int64 and found.similarities.dtype == np.float32
    for probe, got, scores in zip(asked, found.ids, found.similarities, strict=True):
        expected = slow_search(ids, rows, probe, k)
        np.testing.assert_allclose(scores, [score for score, _ in expected], atol=1e-5)
        assert got.tolist() == [key for _, key in expected]


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.lists(st.integers(0, 3), max_size=4),
    st.integers(1, 70),
)
@settings(max_examples=100, deadline=None)
def test_both_give_ties_to_the_lower_id(stored, asked, k):
    ids = np.arange(len(stored), dtype=np.int64)[::-1].copy()
    rows, probes = axes(*stored), axes(*asked)
    exact, faiss = (kind(ids, rows).search(probes, k) for kind in (ExactIndex, FaissIndex))
    for probe, got in zip(probes, exact.ids, strict=True):
        assert got.tolist() == [key for _, key in slow_search(ids, rows, probe, k)]
    np.testing.assert_array_equal(faiss.ids, exact.ids)
    np.testing.assert_array_equal(faiss.similarities, exact.similarities)


@KINDS
def test_an_empty_index_finds_nothing(kind):
    found = kind(np.empty(0, np.int64), NONE).search(axes(0, 1), 5)
    assert found.ids.shape == (2, 0) and found.similarities.shape == (2, 0)


@KINDS
def test_similarity_stays_within_one(kind):
    rows = embeddings(3, 500) * np.float32(1.0009)  # as long as an embedding may be
    found = kind(np.arange(500), rows).search(rows, 1)
    assert found.similarities.max() == 1.0
    np.testing.assert_array_equal(found.ids[:, 0], np.arange(500))


@KINDS
@pytest.mark.parametrize(
    "probes, k",
    [
        (np.zeros((1, DIM), np.float32), 1),
        (np.full((1, DIM), np.nan, np.float32), 1),
        (np.ones((1, DIM), np.float32), 1),
        (axes(0)[:, :100], 1),
        (axes(0)[0], 1),
        (axes(0).astype(np.float64), 1),
        (axes(0), 0),
        (axes(0), -1),
    ],
)
def test_a_probe_that_is_no_embedding_is_refused(kind, probes, k):
    with pytest.raises(InvalidInput):
        kind(np.arange(2), axes(0, 1)).search(probes, k)


@KINDS
@pytest.mark.parametrize("ids", [np.array([1, 1]), np.array([1]), np.array([[1, 2]])])
def test_every_row_has_an_id_of_its_own(kind, ids):
    with pytest.raises(InvalidInput):
        kind(ids, axes(0, 1))


def test_many_probes_are_searched_in_parts(monkeypatch):
    ids, rows, probes = np.arange(50), embeddings(1, 50), embeddings(2, 33)
    whole = ExactIndex(ids, rows).search(probes, 5)
    monkeypatch.setattr(module, "SCORES_AT_ONCE", 120)
    parts = ExactIndex(ids, rows).search(probes, 5)
    np.testing.assert_array_equal(parts.ids, whole.ids)
    np.testing.assert_allclose(parts.similarities, whole.similarities, atol=1e-6)


def test_the_number_of_templates_chooses_the_index(monkeypatch):
    monkeypatch.setattr(module, "EXACT_UP_TO", 10)
    assert isinstance(build_index(np.arange(10), embeddings(0, 10)), ExactIndex)
    assert isinstance(build_index(np.arange(11), embeddings(0, 11)), FaissIndex)


@KINDS
@given(st.integers(0, 2**32), st.lists(st.integers(1, 6), min_size=1, max_size=60), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_subjects_come_once_each_by_their_best_template(kind, seed, owners, k):
    ids, owners = np.arange(5, 5 + len(owners)), np.array(owners)
    rows, probes = embeddings(seed, len(owners)), embeddings(seed + 1, 3)
    found = search_subjects(kind(ids, rows), ids, owners, probes, min(k, len(set(owners.tolist()))))
    for probe, subjects, templates, scores in zip(probes, *found, strict=True):
        best: dict[int, tuple[float, int]] = {}
        for score, key in slow_search(ids, rows, probe, len(ids)):
            best.setdefault(int(owners[key - 5]), (score, key))
        expected = list(best.items())[:k]
        assert subjects.tolist() == [owner for owner, _ in expected]
        assert templates.tolist() == [key for _, (_, key) in expected]
        np.testing.assert_allclose(scores, [score for _, (score, _) in expected], atol=1e-5)


@KINDS
def test_a_subject_with_a_thousand_templates_hides_nobody(kind):
    rows = np.vstack([np.repeat(axes(0), 1000, axis=0), axes(1), axes(2)])
    owners = np.array([7] * 1000 + [8, 9])
    probe = unit(np.eye(DIM)[:1] + 0.1 * np.eye(DIM)[1:2] + 0.05 * np.eye(DIM)[2:3])
    found = search_subjects(kind(np.arange(1002), rows), np.arange(1002), owners, probe, 3)
    assert found.subject_ids.tolist() == [[7, 8, 9]]
    assert found.template_ids.tolist() == [[0, 1000, 1001]]


@KINDS
def test_no_subject_is_found_in_an_empty_gallery(kind):
    none = np.empty(0, np.int64)
    found = search_subjects(kind(none, NONE), none, none, axes(0, 1), 0)
    assert [part.shape for part in found] == [(2, 0)] * 3
