"""The bootstrap over subjects, against drawing them one by one and making a list of the pairs that results."""

from collections.abc import Iterator

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.metrics import bootstrap
from facerec.metrics.intervals import clopper_pearson
from facerec.metrics.verification import tar_at_fmr


def pairs(rng: np.random.Generator, subjects: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of subjects, some with themselves, and a score for each with ties."""
    first, second = rng.integers(0, subjects, (2, count))
    return first, second, (rng.normal(0, 0.3, count) + 0.5 * (first == second)).round(1)


def people_drawn(drawn: np.ndarray) -> list[int]:
    return [subject for subject, times in enumerate(drawn) for _ in range(int(times))]


def rows_drawn(drawn: np.ndarray, first: np.ndarray, second: np.ndarray) -> Iterator[int]:
    """The slow obvious way: everybody drawn brings their own pairs, every two of them who differ bring theirs."""
    people = people_drawn(drawn)
    for place, a in enumerate(people):
        yield from np.flatnonzero((first == a) & (second == a))
        for b in people[place + 1 :]:
            if a != b:
                yield from np.flatnonzero(((first == a) & (second == b)) | ((first == b) & (second == a)))


def test_each_resample_draws_as_many_subjects_as_there_are() -> None:
    drawn = bootstrap.draws(7, np.random.default_rng(0), 50)
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all()


def test_weighted_sums_agree_with_drawing_people_one_by_one() -> None:
    rng = np.random.default_rng(1)
    first, second, scores = pairs(rng, 9, 120)
    drawn = bootstrap.draws(9, rng, 40)
    expected = [scores[list(rows_drawn(row, first, second))].sum() for row in drawn]
    assert np.allclose(bootstrap.weighted_sums(drawn, first, second, scores), expected)


def test_weighted_sums_do_not_depend_on_the_size_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    first, second, scores = pairs(rng, 30, 500)
    drawn = bootstrap.draws(30, rng, 20)
    whole = bootstrap.weighted_sums(drawn, first, second, scores)
    monkeypatch.setattr(bootstrap, "CELLS", 37)
    assert np.allclose(bootstrap.weighted_sums(drawn, first, second, scores), whole)


def test_cross_sums_count_all_impostor_pairs_of_a_resample() -> None:
    rng = np.random.default_rng(3)
    pictures = rng.integers(1, 6, 8)
    drawn = bootstrap.draws(8, rng, 30)
    first, second = np.triu_indices(8, k=1)
    assert np.allclose(
        bootstrap.cross_sums(drawn, pictures),
        bootstrap.weighted_sums(drawn, first, second, pictures[first] * pictures[second]),
    )


@pytest.mark.parametrize("target", [0.02, 0.1, 0.3])
def test_tars_agree_with_measuring_each_list_of_pairs(target: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CELLS", 500)  # several chunks
    rng = np.random.default_rng(4)
    first, second, scores = pairs(rng, 8, 150)
    same = first == second
    drawn = bootstrap.draws(8, rng, 40)
    ours = bootstrap.tars_at_fmr(drawn, scores[same], first[same], scores[~same], (first[~same], second[~same]), target)
    expected = []
    for row in drawn:
        held = np.array(list(rows_drawn(row, first, second)), int)
        genuine, impostor = scores[held[same[held]]], scores[held[~same[held]]]
        if len(genuine) and len(impostor):
            expected.append(tar_at_fmr(genuine, impostor, target, even_unsupported=True))
    assert np.allclose(ours, expected)


def test_several_targets_at_once_are_each_of_them_alone() -> None:
    rng = np.random.default_rng(11)
    first, second, scores = pairs(rng, 8, 150)
    same = first == second
    given = scores[same], first[same], scores[~same], (first[~same], second[~same])
    drawn, targets = bootstrap.draws(8, rng, 40), [0.02, 0.1, 0.3]
    together = bootstrap.tars_at_fmrs(drawn, *given, targets)
    alone = [bootstrap.tars_at_fmr(drawn, *given, target) for target in targets]
    assert np.array_equal(together, np.stack(alone, axis=1))
    assert (np.diff(together, axis=1) >= 0).all()


def test_pairs_that_share_people_give_a_wider_interval_than_counting_pairs() -> None:
    """Of 40 people one is everybody's look-alike: 39 errors are one person's doing, not 39 independent ones."""
    first, second = np.triu_indices(40, k=1)
    error = first == 0
    drawn = bootstrap.draws(40, np.random.default_rng(5))
    rate = bootstrap.counted_rate(drawn, first, second, error)
    naive = clopper_pearson(39, len(first))
    assert (rate.events, rate.trials) == (39, 780)
    assert rate.interval.high - rate.interval.low > 2 * (naive.high - naive.low)


def test_without_an_error_the_exact_interval_stands_in() -> None:
    drawn = bootstrap.draws(5, np.random.default_rng(6))
    people = np.arange(5)
    rate = bootstrap.counted_rate(drawn, people, people, np.zeros(5, bool))
    assert rate.interval.high == pytest.approx(clopper_pearson(0, 5).high)


def test_the_interval_of_independent_people_is_the_binomial_one() -> None:
    """One trial for each of 1,000 people: the bootstrap has nothing to add to the exact interval but its noise."""
    people = np.arange(1000)
    drawn = bootstrap.draws(1000, np.random.default_rng(7), 2000)
    rate = bootstrap.counted_rate(drawn, people, people, people < 100)
    assert rate.interval.as_list() == pytest.approx(clopper_pearson(100, 1000).as_list(), abs=0.003)


def test_the_interval_holds_the_true_rate_where_people_differ() -> None:
    """Impostor pairs err with a chance made of what both people bring: the interval must hold the mean chance."""
    rng = np.random.default_rng(8)
    first, second = np.triu_indices(60, k=1)
    held = 0
    for _ in range(60):
        brings = rng.gamma(1.0, 0.2, 60).clip(max=1)
        error = rng.random(len(first)) < brings[first] * brings[second]
        rate = bootstrap.counted_rate(bootstrap.draws(60, rng, 300), first, second, error)
        held += (0.2 * (1 - np.exp(-5))) ** 2 in rate.interval  # mean of the clipped gamma, squared
    assert held / 60 >= 0.9


def test_effective_errors_count_independent_ones_and_see_through_one_persons() -> None:
    rng = np.random.default_rng(9)
    people = np.arange(3000)
    drawn = bootstrap.draws(3000, rng)
    independent = bootstrap.weighted_sums(drawn, people, people, people < 50) / 3000
    assert bootstrap.effective_errors(independent) == pytest.approx(50, rel=0.15)
    one = bootstrap.weighted_sums(drawn, np.zeros(50, int), np.arange(1, 51), np.ones(50)) / 3000
    assert bootstrap.effective_errors(one) < 1.5


def test_nobody_and_lists_that_do_not_fit_are_refused() -> None:
    drawn = bootstrap.draws(3, np.random.default_rng(0), 5)
    with pytest.raises(InvalidInput):
        bootstrap.draws(0, np.random.default_rng(0))
    with pytest.raises(InvalidInput):
        bootstrap.counted_rate(drawn, np.array([0, 1]), np.array([0]), np.array([True, False]))
    with pytest.raises(InvalidInput):
        bootstrap.counted_rate(drawn, np.array([], int), np.array([], int), np.array([], bool))
    with pytest.raises(InvalidInput, match="too few subjects"):
        bootstrap.rates(np.zeros(3), np.zeros(3))
