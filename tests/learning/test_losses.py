"""Losses against slow versions, against pytorch-metric-learning, and at values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss, TripletMarginLoss
from sklearn.metrics import log_loss
from torch.nn.functional import normalize

from facerec.learning.losses import (
    binary,
    contrastive,
    contrastive_terms,
    distillation,
    mean_of_active,
    relation,
    share_active,
    triplet,
    violations,
)
from facerec.learning.miners import Pairs, Triplets, all_pairs, batch_hard

NONE = Triplets(*(torch.zeros(0, dtype=torch.int64) for _ in range(3)))


def rows(count: int, seed: int, dim: int = 128) -> torch.Tensor:
    """Unit rows that lie near each other, as those of faces do; with a gradient."""
    drawn = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) + 0.7
    return normalize(drawn.double(), dim=1).requires_grad_()


def some_triplets(count: int, among: int, seed: int) -> Triplets:
    drawn = torch.randint(among, (3, count), generator=torch.Generator().manual_seed(seed))
    return Triplets(*drawn)


def slow_triplet(embeddings: torch.Tensor, triplets: Triplets, margin: float) -> float:
    """Element by element, as Schroff et al. write it."""
    active = []
    for a, p, n in zip(*(part.tolist() for part in triplets), strict=True):
        near = sum((x - y) ** 2 for x, y in zip(embeddings[a].tolist(), embeddings[p].tolist(), strict=True))
        far = sum((x - y) ** 2 for x, y in zip(embeddings[a].tolist(), embeddings[n].tolist(), strict=True))
        active += [near - far + margin] if near - far + margin > 0 else []
    return sum(active) / len(active) if active else 0.0


@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
def test_triplet_agrees_with_the_slow_one(margin: float) -> None:
    embeddings, triplets = rows(12, seed=1, dim=16), some_triplets(40, 12, seed=2)
    expected = slow_triplet(embeddings.detach(), triplets, margin)
    assert expected > 0
    assert triplet(embeddings, triplets, margin).item() == pytest.approx(expected, rel=1e-9)


def other_packages_loss(kind: str, margin: float) -> TripletMarginLoss:
    """The same loss in pytorch-metric-learning: squared distance, or likeness of unit rows with half the margin."""
    if kind == "squared distance":
        return TripletMarginLoss(margin, distance=LpDistance(normalize_embeddings=False, p=2, power=2))
    return TripletMarginLoss(margin / 2, distance=DotProductSimilarity(normalize_embeddings=False))


@pytest.mark.parametrize("kind, factor", [("squared distance", 1), ("likeness", 2)])
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
def test_triplet_agrees_with_pytorch_metric_learning_in_value_and_gradient(
    kind: str, factor: int, margin: float
) -> None:
    ours, theirs = rows(24, seed=3), rows(24, seed=3)
    triplets = some_triplets(200, 24, seed=4)
    expected = factor * other_packages_loss(kind, margin)(theirs, indices_tuple=tuple(triplets))
    found = triplet(ours, triplets, margin)
    expected.backward()
    found.backward()
    assert found.item() > 0 and found.item() == pytest.approx(expected.item(), rel=1e-9)
    # on the sphere: the two forms differ off it, where no embedding is
    along = [g - (g * r).sum(1, keepdim=True) * r for g, r in ((ours.grad, ours), (theirs.grad, theirs))]
    assert torch.allclose(along[0], along[1], rtol=1e-9, atol=1e-12) and along[0].abs().max() > 1e-4


def test_the_whole_chain_of_miner_and_loss_agrees_with_pytorch_metric_learning() -> None:
    from pytorch_metric_learning.miners import BatchHardMiner

    embeddings, labels = rows(32, seed=5), torch.arange(32) // 4
    mined = BatchHardMiner(distance=DotProductSimilarity(normalize_embeddings=False))(embeddings, labels)
    expected = other_packages_loss("squared distance", 0.2)(embeddings, labels, mined)
    found = triplet(embeddings, batch_hard(embeddings, labels), 0.2)
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)


def test_a_triplet_by_hand() -> None:
    right, up, left = torch.eye(2)[0], torch.eye(2)[1], -torch.eye(2)[0]
    embeddings = torch.stack([right, up, left])
    one = Triplets(*(torch.tensor([k]) for k in (0, 1, 2)))  # |a-p|^2 = 2, |a-n|^2 = 4
    assert triplet(embeddings, one, margin=0.2).item() == 0
    assert triplet(embeddings, one, margin=2.5).item() == pytest.approx(0.5)
    turned = Triplets(one.anchor, one.negative, one.positive)
    assert triplet(embeddings, turned, margin=0.2).item() == pytest.approx(2.2)


def test_no_triplet_and_no_violation_are_worth_zero_with_a_gradient_of_zero() -> None:
    settled = Triplets(*(torch.tensor([k]) for k in (0, 0, 1)))  # the anchor is its own positive
    for triplets in (NONE, settled):
        embeddings = rows(4, seed=6)
        loss = triplet(embeddings, triplets, margin=0.0)
        loss.backward()
        assert loss.item() == 0 and embeddings.grad.abs().max() == 0


def test_the_share_of_active_triplets() -> None:
    violation = torch.tensor([0.0, 0.3, 0.0, 0.1])
    assert share_active(violation) == 0.5 and mean_of_active(violation).item() == pytest.approx(0.2)
    assert share_active(violations(rows(4, seed=7), NONE, 0.2)) == 0


def test_distillation_is_one_minus_the_mean_cosine() -> None:
    pupil, teacher = rows(6, seed=8), rows(6, seed=9).detach()
    cosines = [
        sum(p * t for p, t in zip(a, b, strict=True)) for a, b in zip(pupil.tolist(), teacher.tolist(), strict=True)
    ]
    loss = distillation(pupil, teacher)
    loss.backward()
    assert loss.item() == pytest.approx(1 - sum(cosines) / 6, rel=1e-9)
    assert torch.allclose(pupil.grad, -teacher / 6)
    assert distillation(teacher, teacher).item() == pytest.approx(0)
    assert distillation(-teacher, teacher).item() == pytest.approx(2)


def slow_contrastive(embeddings: torch.Tensor, labels: list[int], margin: float) -> float:
    """Pair by pair, as Hadsell et al. write it; each kind averaged over the pairs that are worth something."""
    near, far = [], []
    for a in range(len(labels)):
        for b in range(a):
            distance = math.dist(embeddings[a].tolist(), embeddings[b].tolist())
            if labels[a] == labels[b]:
                near.append(distance**2 / 2)
            elif distance < margin:
                far.append((margin - distance) ** 2 / 2)
    return sum(near) / max(len(near), 1) + sum(far) / max(len(far), 1)


@pytest.mark.parametrize("margin", [0.5, 1.0, 1.4])
def test_contrastive_agrees_with_the_slow_one(margin: float) -> None:
    embeddings, labels = rows(14, seed=10, dim=8), [0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 5, 5, 6]
    found = contrastive(embeddings, all_pairs(torch.tensor(labels)), margin)
    assert found.item() == pytest.approx(slow_contrastive(embeddings.detach(), labels, margin), rel=1e-9)


def test_contrastive_agrees_with_pytorch_metric_learning_in_value_and_gradient() -> None:
    from pytorch_metric_learning.reducers import DoNothingReducer

    class Squared(DoNothingReducer):
        """Half the mean square of what Hadsell et al. square: the other package leaves the hinge as it is."""

        def forward(self, losses, embeddings, labels):
            parts = [losses[kind]["losses"] for kind in ("pos_loss", "neg_loss")]
            return sum((part**2).sum() / (part > 0).sum() / 2 for part in parts)

    ours, theirs, labels = rows(20, seed=11, dim=8), rows(20, seed=11, dim=8), torch.arange(20) // 4
    distance = LpDistance(normalize_embeddings=False)
    expected = ContrastiveLoss(neg_margin=1.1, distance=distance, reducer=Squared())(theirs, labels)
    found = contrastive(ours, all_pairs(labels), 1.1)
    found.backward()
    expected.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-7, atol=1e-12)


def test_contrastive_of_equal_embeddings_has_a_finite_gradient() -> None:
    embeddings = torch.ones(4, 128) / 128**0.5
    embeddings.requires_grad_()
    loss = contrastive(embeddings, all_pairs(torch.tensor([0, 0, 1, 1])), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.5, abs=1e-5) and embeddings.grad.isfinite().all()
    near, far = contrastive_terms(embeddings, all_pairs(torch.arange(4)), 1.0)
    assert len(near) == 0 and len(far) == 6 and share_active(far) == 1
    lonely = rows(1, seed=12)
    assert contrastive(lonely, all_pairs(torch.tensor([0])), 1.0).item() == 0


def test_relation_agrees_with_the_slow_one_and_forgives_a_turned_space() -> None:
    pupil, teacher = rows(7, seed=13), rows(7, seed=14).detach()
    pairs = [(a, b) for a in range(7) for b in range(a)]
    expected = sum(((pupil[a] @ pupil[b]) - (teacher[a] @ teacher[b])).item() ** 2 for a, b in pairs) / len(pairs)
    assert relation(pupil, teacher).item() == pytest.approx(expected, rel=1e-9)
    turn, _ = torch.linalg.qr(torch.randn(128, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert relation(teacher @ turn, teacher).item() == pytest.approx(0, abs=1e-20)
    assert distillation(teacher @ turn, teacher).item() > 0.5


def test_binary_agrees_with_scikit_learn_each_kind_of_pair_counting_half() -> None:
    scores = torch.randn(50, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 3
    same = torch.arange(50) % 5 == 0
    weight = torch.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    expected = log_loss(same, torch.sigmoid(scores), sample_weight=weight)
    assert binary(scores, same).item() == pytest.approx(expected, rel=1e-9)


def test_binary_stays_finite_where_the_sigmoid_is_0_or_1_and_where_a_kind_is_missing() -> None:
    scores = torch.tensor([-1e4, 1e4, 0.0], requires_grad=True)
    loss = binary(scores, torch.tensor([True, False, False]))
    loss.backward()
    assert loss.item() == pytest.approx((1e4 + (1e4 + math.log(2)) / 2) / 2) and scores.grad.isfinite().all()
    assert binary(torch.zeros(2), torch.tensor([True, True])).item() == pytest.approx(math.log(2) / 2)
    assert binary(torch.zeros(0), torch.zeros(0, dtype=torch.bool)).item() == 0


def test_pairs_by_hand() -> None:
    found = all_pairs(torch.tensor([7, 8, 7]))
    assert [part.tolist() for part in found] == [[0, 0, 1], [1, 2, 2], [False, True, False]]
    assert isinstance(found, Pairs)
