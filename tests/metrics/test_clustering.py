"""Agreement of a clustering with the truth."""

import numpy as np
import pytest
from sklearn.metrics.cluster import pair_confusion_matrix

from facerec.errors import InvalidInput
from facerec.metrics.clustering import bcubed, pairwise


def clusterings(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fifty samples of some subjects, put into some clusters by chance."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3 + seed, 50), rng.integers(0, 12 - seed, 50) * 10


def slow_bcubed(labels: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """By definition: the mean over samples."""
    both = [((labels == a) & (clusters == b)).sum() for a, b in zip(labels, clusters, strict=True)]
    precision = np.mean([n / (clusters == b).sum() for n, b in zip(both, clusters, strict=True)])
    recall = np.mean([n / (labels == a).sum() for n, a in zip(both, labels, strict=True)])
    return float(precision), float(recall)


@pytest.mark.parametrize("seed", range(6))
def test_pairs_agree_with_scikit_learn(seed: int) -> None:
    labels, clusters = clusterings(seed)
    (_, false), (missed, right) = pair_confusion_matrix(labels, clusters)
    agreement = pairwise(labels, clusters)
    assert agreement.precision == pytest.approx(right / (right + false))
    assert agreement.recall == pytest.approx(right / (right + missed))


@pytest.mark.parametrize("seed", range(6))
def test_bcubed_agrees_with_its_definition(seed: int) -> None:
    labels, clusters = clusterings(seed)
    agreement = bcubed(labels, clusters)
    assert (agreement.precision, agreement.recall) == pytest.approx(slow_bcubed(labels, clusters))


@pytest.mark.parametrize("measure", [pairwise, bcubed])
def test_the_truth_under_other_numbers_is_perfect(measure) -> None:
    labels, _ = clusterings(1)
    assert measure(labels, 7 - labels).f == 1


def test_everything_alone_is_precise_and_finds_nothing() -> None:
    labels, alone = np.array([0, 0, 1, 1]), np.arange(4)
    assert (pairwise(labels, alone).precision, pairwise(labels, alone).recall, pairwise(labels, alone).f) == (1, 0, 0)
    assert (bcubed(labels, alone).precision, bcubed(labels, alone).recall) == (1, 0.5)


@pytest.mark.parametrize("labels, clusters", [([], []), ([1], [1, 2]), ([[1]], [[1]])])
def test_what_is_no_clustering_is_refused(labels: list, clusters: list) -> None:
    with pytest.raises(InvalidInput, match="as many labels as clusters"):
        pairwise(np.array(labels, np.int64), np.array(clusters, np.int64))
