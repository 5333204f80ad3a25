"""What errors that share people are worth, against taking people out one by one."""

import itertools

import numpy as np
import pytest

from facerec.metrics.shared_errors import effective_count, jackknife_count


def counted(errors: dict[tuple[int, int], int]) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([a for a, _ in errors], list(errors.values()))
    second = np.repeat([b for _, b in errors], list(errors.values()))
    return first, second


def one_by_one(errors: dict[tuple[int, int], int], pictures: np.ndarray) -> float:
    """The jackknife as it is written: the rate without each person in turn."""

    def rate(left: list[int]) -> float:
        pairs = list(itertools.combinations(left, 2))
        return sum(errors.get(pair, 0) for pair in pairs) / sum(pictures[a] * pictures[b] for a, b in pairs)

    people = list(range(len(pictures)))
    without = np.array([rate([one for one in people if one != out]) for out in people])
    return jackknife_count(rate(people), without, len(people))


def test_agrees_with_taking_people_out_one_by_one() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(1, 6, 80)
    errors = {
        (int(min(p)), int(max(p))): int(rng.integers(1, 4)) for p in (rng.choice(80, 2, False) for _ in range(25))
    }
    assert effective_count(*counted(errors), pictures) == pytest.approx(one_by_one(errors, pictures), rel=0.1)


def test_a_pair_of_lookalikes_is_not_worth_more_for_having_many_pictures() -> None:
    pictures = np.full(100, 10)
    assert effective_count(*counted({(3, 7): 100}), pictures) == pytest.approx(0.5, abs=0.1)


def test_errors_of_one_person_with_everybody_are_one_finding() -> None:
    pictures = np.ones(100, np.int64)
    wolf = {(0, other): 1 for other in range(1, 41)}
    apart = {(2 * place, 2 * place + 1): 1 for place in range(40)}
    assert effective_count(*counted(wolf), pictures) < 1.1
    assert effective_count(*counted(apart), pictures) == pytest.approx(20, rel=0.3)


def test_no_error_is_worth_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert effective_count(none, none, np.ones(10, np.int64)) == 0
    assert jackknife_count(0.1, np.full(5, 0.1), 5) == float("inf")
