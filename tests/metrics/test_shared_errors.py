"""What errors that share people are worth, against taking people out one by one."""

import itertools

import numpy as np
import pytest

from facerec.metrics.intervals import expected_elsewhere
from facerec.metrics.shared_errors import NOTHING, Worth, worth_of, worth_without_each


def counted(errors: dict[tuple[int, int], int]) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([a for a, _ in errors], list(errors.values()))
    second = np.repeat([b for _, b in errors], list(errors.values()))
    return first, second


def one_by_one(errors: dict[tuple[int, int], int], pictures: np.ndarray) -> Worth:
    """The jackknife as it is written: the rate without each person in turn."""

    def rate(left: list[int]) -> float:
        pairs = list(itertools.combinations(left, 2))
        return sum(errors.get(pair, 0) for pair in pairs) / sum(pictures[a] * pictures[b] for a, b in pairs)

    people = list(range(len(pictures)))
    without = np.array([rate([one for one in people if one != out]) for out in people])
    return worth_without_each(rate(people), without, len(people))


def test_agrees_with_taking_people_out_one_by_one() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(1, 6, 30)
    pairs = [tuple(sorted(rng.choice(30, 2, False).tolist())) for _ in range(60)]
    errors = {(a, b): int(rng.integers(1, 4)) for a, b in pairs}
    assert worth_of(*counted(errors), pictures) == pytest.approx(one_by_one(errors, pictures), rel=1e-9)


def test_a_pair_of_lookalikes_is_not_worth_more_for_having_many_pictures() -> None:
    pictures = np.full(100, 10)
    assert worth_of(*counted({(3, 7): 100}), pictures).errors == pytest.approx(0.5, abs=0.1)


def test_errors_of_one_person_with_everybody_are_one_finding() -> None:
    pictures = np.ones(100, np.int64)
    wolf = worth_of(*counted({(0, other): 1 for other in range(1, 41)}), pictures)
    apart = worth_of(*counted({(2 * place, 2 * place + 1): 1 for place in range(40)}), pictures)
    assert wolf.errors < 1.1 and wolf.freedom < 3
    assert apart.errors == pytest.approx(20, rel=0.3) and apart.freedom > 50


def test_no_error_is_worth_nothing_and_two_people_next_to_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert worth_of(none, none, np.ones(10, np.int64)) == NOTHING
    assert worth_of(*counted({(0, 1): 5}), np.array([5, 5])) == Worth(0.5, 1.0)  # without either nobody is left
    assert worth_without_each(0.1, np.full(5, 0.1), 5).errors == float("inf")


def rate_among(liking: np.ndarray) -> float:
    """Where two people are taken for one as often as the product of how easily each is: the mean over all pairs."""
    people = len(liking)
    return float(liking.sum() ** 2 - (liking**2).sum()) / (people * (people - 1))


def test_what_few_people_say_of_others_holds_as_often_as_is_said() -> None:
    """Twenty people, some of whom are mistaken far more easily: without Student's t fewer than 95 % would be inside."""
    rng, rounds, people = np.random.default_rng(3), 500, 20
    inside = without_t = 0
    for _ in range(rounds):
        own, others = 0.1 * rng.lognormal(-0.32, 0.8, (2, people))
        rate, elsewhere = rate_among(own), rate_among(others)
        without = np.array([rate_among(np.delete(own, out)) for out in range(people)])
        worth = worth_without_each(rate, without, people)
        inside += elsewhere in expected_elsewhere(rate, *worth)
        without_t += elsewhere in expected_elsewhere(rate, worth.errors)
    assert inside / rounds >= 0.95 > without_t / rounds, (inside, without_t)
