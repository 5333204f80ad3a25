"""Average linkage by chains, against scikit-learn's and by hand."""

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering

from facerec.curation.linkage import average_linkage
from facerec.errors import InvalidInput
from facerec.metrics.clustering import pairwise
from facerec.records import DIM, Float32, unit
from tests.people import clusters


def at_angles(*degrees: float) -> Float32:
    """Rows in one plane: the cosine of two is that of the angle between them."""
    rows = np.zeros((len(degrees), DIM))
    rows[:, 0], rows[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return unit(rows)


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("spread", [0.05, 0.1])
def test_it_agrees_with_scikit_learn(threshold: float, spread: float) -> None:
    rows, _ = clusters(np.random.default_rng(3), [1, 2, 3, 5, 8, 13, 21] * 3, spread)
    apart = np.maximum(1 - rows.astype(np.float64) @ rows.T, 0)
    reference = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=1 - threshold)
    ours = average_linkage(rows, threshold)
    theirs = reference.fit_predict(apart)
    assert ours.max() == theirs.max() and pairwise(theirs, ours).f == 1


def test_the_mean_of_the_pairs_decides_and_not_the_best_pair() -> None:
    chain = at_angles(0, 20, 40, 60)  # each is near the next, the ends are far apart
    assert average_linkage(chain, np.cos(np.radians(21))).tolist() == [0, 0, 1, 1]


def test_at_the_threshold_is_together() -> None:
    pair = at_angles(0, 60)
    assert average_linkage(pair, float(pair[0] @ pair[1])).tolist() == [0, 0]
    assert average_linkage(pair, float(pair[0] @ pair[1]) + 1e-5).tolist() == [0, 1]


def test_clusters_are_numbered_by_size_then_by_their_first_row() -> None:
    assert average_linkage(at_angles(90, 0, 1, 180, 181, 2, 270), 0.9).tolist() == [2, 0, 0, 1, 1, 0, 3]


@pytest.mark.parametrize("rows, expected", [(at_angles(), []), (at_angles(7), [0]), (at_angles(*[7] * 50), [0] * 50)])
def test_none_one_and_fifty_equal_rows(rows: Float32, expected: list[int]) -> None:
    assert average_linkage(rows, 0.5).tolist() == expected


def test_progress_ends_at_the_whole() -> None:
    told: list[tuple[int, int]] = []
    average_linkage(at_angles(0, 1, 90), 0.9, lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3) and told == sorted(told)


def test_rows_that_are_no_embeddings_are_refused() -> None:
    with pytest.raises(InvalidInput):
        average_linkage(np.zeros((2, DIM), np.float32), 0.5)
