"""1:N error rates, by hand and against a search written as loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facerec.errors import InvalidInput
from facerec.metrics import identification as ident

SIMILARITIES = np.array([
    [0.9, 0.2, 0.1],   # own 0: found
    [0.5, 0.4, 0.8],   # own 0: second
    [0.3, 0.3, 0.3],   # own 1: a tie goes against it
], np.float32)  # fmt: skip
OWN = np.array([0, 0, 1])


def test_ranks_cmc_and_rank_1() -> None:
    ranks = ident.ranks(SIMILARITIES, OWN)
    assert ranks.tolist() == [1, 2, 3]
    assert ident.cmc(ranks, 3).tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert ident.rank_1(ranks) == pytest.approx(1 / 3)


def test_a_probe_without_a_face_keeps_the_cmc_below_one() -> None:
    assert ident.cmc(np.array([1, ident.NEVER]), 3).tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    "threshold, rank, expected",
    [
        (0.5, 1, 2 / 3),  # the second is not on top, the third is below
        (0.5, 2, 1 / 3),  # 0.5 >= 0.5 counts
        (0.0, 3, 0.0),
        (0.95, 3, 1.0),
    ],
)
def test_fnir(threshold: float, rank: int, expected: float) -> None:
    own = np.array([0.9, 0.5, 0.3])
    assert ident.fnir(ident.ranks(SIMILARITIES, OWN), own, threshold, rank) == pytest.approx(expected)


def test_fpir_counts_searches_not_candidates() -> None:
    assert ident.fpir(np.array([0.7, 0.5, 0.49, -np.inf]), 0.5) == 0.5


def test_the_best_template_speaks_for_its_subject() -> None:
    rng = np.random.default_rng(0)
    subjects = rng.permutation(np.arange(40) % 7)
    similarities = rng.normal(size=(12, 40))
    expected = [[max(row[subjects == subject]) for subject in range(7)] for row in similarities]
    assert np.array_equal(ident.best_per_subject(similarities, subjects), expected)


def test_a_gap_in_the_numbers_of_subjects_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a gap"):
        ident.best_per_subject(np.zeros((1, 2)), np.array([0, 2]))


@given(fmr=st.floats(1e-9, 0.5), gallery=st.integers(1, 10**6))
def test_fmr_needed_undoes_expected_fpir(fmr: float, gallery: int) -> None:
    fpir = ident.expected_fpir(fmr, gallery)
    if fpir < 1 - 1e-9:
        assert ident.fmr_needed(fpir, gallery) == pytest.approx(fmr, rel=1e-4)


@pytest.mark.parametrize(
    "gallery, kept, needed",
    [
        (100, 0.010, 1.0e-4),
        (1000, 0.095, 1.0e-5),
        (10_000, 0.63, 1.0e-6),
        (100_000, 1.0, 1.0e-7),
    ],
)
def test_what_a_pair_threshold_does_in_a_gallery(gallery: int, kept: float, needed: float) -> None:
    assert ident.expected_fpir(1e-4, gallery) == pytest.approx(kept, abs=0.005)
    assert ident.fmr_needed(0.01, gallery) == pytest.approx(needed, rel=0.01)


def test_the_formula_is_met_by_independent_comparisons() -> None:
    searches = np.random.default_rng(1).random((20_000, 50)).max(axis=1)
    assert ident.fpir(searches, 1 - 1e-3) == pytest.approx(ident.expected_fpir(1e-3, 50), rel=0.1)


def test_rates_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidInput):
        ident.rank_1(np.array([], np.int64))
    with pytest.raises(InvalidInput):
        ident.cmc(np.array([0]), 3)
    with pytest.raises(InvalidInput):
        ident.fpir(np.array([]), 0.5)
    with pytest.raises(InvalidInput):
        ident.fmr_needed(0.01, 0)
