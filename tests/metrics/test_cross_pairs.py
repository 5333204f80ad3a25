"""All pairs in blocks, against all pairs at once."""

import itertools

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.metrics.cross_pairs import Compared, Highest, cross_pairs, impostor_pairs
from facerec.records import unit


@pytest.mark.parametrize("pictures, block", [(0, 4), (1, 4), (2, 4), (13, 4), (12, 4), (5, 100)])
def test_every_pair_comes_once(pictures: int, block: int) -> None:
    embeddings = unit(np.random.default_rng(0).normal(size=(pictures, 128)))
    found = {}
    for part in cross_pairs(embeddings, block):
        for a, b, score in zip(*part, strict=True):
            assert (a, b) not in found
            found[a, b] = score
    assert found.keys() == set(itertools.combinations(range(pictures), 2))
    for (a, b), score in found.items():
        assert score == pytest.approx(embeddings[a] @ embeddings[b], abs=1e-6)


def test_rows_that_are_no_embeddings_are_refused() -> None:
    with pytest.raises(InvalidInput):
        list(cross_pairs(np.ones((3, 128), np.float32)))


def test_impostor_pairs_are_those_of_two_subjects() -> None:
    pictures = np.array([3, 1, 4, 2])
    owners = np.repeat(np.arange(4), pictures)
    assert impostor_pairs(pictures) == sum(a != b for a, b in itertools.combinations(owners, 2))


@pytest.mark.parametrize("size", [1, 3, 50, 1000])
def test_the_highest_of_a_stream_are_those_of_the_whole(size: int) -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=400).round(1).astype(np.float32)  # with ties
    rows = np.arange(400)
    highest = Highest(size)
    for start in range(0, 400, 37):
        part = slice(start, start + 37)
        highest.add(Compared(rows[part], rows[part] + 1000, scores[part]))
    best = highest.take()
    expected = np.argsort(-scores, kind="stable")[:size]
    assert best.first.tolist() == expected.tolist()
    assert best.second.tolist() == (expected + 1000).tolist()
    assert best.similarities.tolist() == scores[expected].tolist()
