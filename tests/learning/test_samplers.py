"""Batches: who is in them, how often, and that the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.learning.samplers import balanced, shuffled

LABELS = np.random.default_rng(5).permutation(np.repeat(np.arange(-1, 12), [9, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 20, 30]))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_shuffled_gives_every_row_once_but_for_the_last_few() -> None:
    batches = list(shuffled(103, 10, rng()))
    rows = np.concatenate(batches)
    assert [len(batch) for batch in batches] == [10] * 10
    assert len(set(rows)) == 100 and set(rows) <= set(range(103))
    assert rows.tolist() != sorted(rows)


def test_shuffled_gives_nothing_where_one_batch_cannot_be_filled() -> None:
    assert list(shuffled(9, 10, rng())) == []


def test_balanced_gives_p_subjects_with_k_crops() -> None:
    for batch in balanced(LABELS, 3, 4, rng()):
        names, counts = np.unique(LABELS[batch], return_counts=True)
        assert len(names) == 3 and counts.tolist() == [4, 4, 4]


def test_balanced_leaves_out_the_unknown_and_whoever_has_no_positive() -> None:
    seen = {int(label) for seed in range(20) for batch in balanced(LABELS, 2, 2, rng(seed)) for label in LABELS[batch]}
    assert seen == set(range(2, 12))  # 0 and 1 have one crop each


def test_balanced_repeats_crops_only_of_those_who_have_fewer_than_k() -> None:
    for batch in balanced(LABELS, 2, 4, rng(3)):
        for label in np.unique(LABELS[batch]):
            mine = batch[LABELS[batch] == label]
            assert len(set(mine)) == 4 or LABELS.tolist().count(label) < 4


def test_balanced_gives_each_subject_once_at_most_per_epoch() -> None:
    batches = list(balanced(LABELS, 3, 2, rng(1)))
    subjects = [int(label) for batch in batches for label in np.unique(LABELS[batch])]
    assert len(batches) == 3 and len(set(subjects)) == len(subjects) == 9


@pytest.mark.parametrize("draw", [lambda r: shuffled(50, 7, r), lambda r: balanced(LABELS, 4, 3, r)])
def test_the_same_seed_gives_the_same_batches_and_another_gives_others(draw) -> None:
    first, again, other = (np.concatenate(list(draw(rng(seed)))) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_too_few_subjects_for_a_batch_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="only 10 have two crops"):
        list(balanced(LABELS, 11, 2, rng()))
