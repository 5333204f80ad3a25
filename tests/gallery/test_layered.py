"""Tombstones and newcomers over a base are the same as an index built anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facerec.gallery import layered
from facerec.gallery.index import ExactIndex
from facerec.gallery.layered import Layered
from facerec.gallery.searcher import Searcher
from facerec.records import DIM, unit


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    monkeypatch.setattr(layered, "AND_AT_LEAST", 30)


def rows_of(rng, count):
    """Few directions, so that there are ties."""
    return unit(rng.integers(-1, 2, (count, DIM)) * (np.arange(DIM) < 3) + 1e-3 * (np.arange(DIM) == 5))


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_changes_give_what_building_anew_gives(seed, k):
    rng = np.random.default_rng(seed)
    ids, rows = np.sort(rng.permutation(200)[:60]).astype(np.int64), rows_of(rng, 60)
    index = Layered.over(ExactIndex, ids, rows)
    for _ in range(4):
        goes = rng.random(len(ids)) < 0.1
        goes[rng.integers(len(ids))] = True
        moved = ids[goes][:1]  # a subject's mean moves when a template comes: it goes, and comes with another row
        came = np.union1d(np.setdiff1d(rng.integers(0, 200, 3), ids), moved)
        new = rows_of(rng, len(came))
        index = index.after(ids[goes], came, new)
        ids, rows = np.concatenate([ids[~goes], came]), np.concatenate([rows[~goes], new])
        order = np.argsort(ids)
        ids, rows = ids[order], rows[order]
        assert len(index) == len(ids)
        probes = rows_of(rng, 7)
        found, exact = index.search(probes, k), ExactIndex(ids, rows).search(probes, k)
        np.testing.assert_allclose(found.similarities, exact.similarities, atol=1e-6)
        named = rows[np.searchsorted(ids, found.ids)]
        np.testing.assert_allclose(np.einsum("qkd,qd->qk", named, probes), found.similarities, atol=1e-6)
        assert all(len(set(row)) == len(row) and set(row) <= set(ids.tolist()) for row in found.ids.tolist())


def test_it_is_worn_when_enough_has_changed(monkeypatch):
    monkeypatch.setattr(layered, "AND_AT_LEAST", 3)
    rows = unit(np.random.default_rng(0).standard_normal((100, DIM)))
    ids, nobody = np.arange(100), np.empty(0, np.int64)
    index = first = Layered.over(ExactIndex, ids, rows)
    for gone in range(5):
        index = index.after(ids[gone : gone + 1], nobody, rows[:0])
        assert index.base is first.base and index.search(rows[:1], 1).ids[0, 0] > gone and not index.is_worn
    assert index.after(ids[5:6], nobody, rows[:0]).is_worn
    assert index.after(nobody, ids[:1], rows[:1] * np.float32(0.5)).is_worn
    assert not index.after(nobody, ids[:1], rows[:1]).is_worn  # who left is back with the same row


def test_what_goes_and_comes_as_it_was_is_no_change():
    """A subject with ten templates gets an eleventh: all of them are read again, and one is new."""
    rows = unit(np.random.default_rng(0).standard_normal((100, DIM)))
    ids = np.arange(100)
    new = unit(np.random.default_rng(1).standard_normal((1, DIM)))
    index = Layered.over(ExactIndex, ids, rows).after(
        ids[:10], np.append(ids[:10], 500), np.concatenate([rows[:10], new])
    )
    assert not index.is_dead.any() and index.came.tolist() == [500] and len(index) == 101


def test_somebody_removed_is_not_found_by_the_next_search_and_nothing_is_built(gallery, make, encoder):
    built = []

    def build(ids, rows):
        built.append(len(ids))
        return ExactIndex(ids, rows)

    gallery.enroll([make(f"subject {number}", number) for number in range(50)])
    searcher = Searcher(gallery, encoder, build)
    probe = make("", 7).embedding[None]
    assert searcher.search(probe, 1)[0][0][0] == "subject 7"
    gallery.remove("subject 7")
    gallery.enroll([make("newcomer", 99)])
    assert "subject 7" not in {name for name, _ in searcher.search(probe, 50)[0]}
    assert searcher.search(make("", 99).embedding[None], 1)[0][0][0] == "newcomer"
    assert built == [50]
