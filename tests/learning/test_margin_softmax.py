"""CosFace and ArcFace against slow versions, against pytorch-metric-learning, and at the edges of the cosine."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss
from torch.nn.functional import normalize

from facerec.learning.heads import MarginSoftmax
from facerec.learning.losses import Penalty, arcface, cosface, margin_softmax

KINDS = {"cosface": cosface, "arcface": arcface}


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow(rows: torch.Tensor, classes: torch.Tensor, labels: list[int], kind: str, margin: float, scale: float) -> float:
    """Row by row, with the angle itself."""
    losses = []
    for row, label in zip(rows, labels, strict=True):
        logits = [scale * float(row @ one / one.norm()) for one in classes]
        angle = math.acos(logits[label] / scale)
        own = math.cos(angle) - margin if kind == "cosface" else math.cos(angle + margin)
        logits[label] = scale * own
        losses.append(math.log(sum(math.exp(x - logits[label]) for x in logits)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("margin, scale", [(0.0, 16.0), (0.35, 32.0), (0.5, 64.0)])
def test_margin_softmax_agrees_with_the_slow_one(kind: str, margin: float, scale: float) -> None:
    rows, classes, labels = normalize(drawn(1, 12, 128), dim=1), drawn(2, 5, 128), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0]
    found = margin_softmax(rows, classes, torch.tensor(labels), KINDS[kind], margin, scale)
    assert found.item() == pytest.approx(slow(rows, classes, labels, kind, margin, scale), rel=1e-9)


@pytest.mark.parametrize("kind, theirs, margin", [
    ("cosface", CosFaceLoss(9, 128, margin=0.35, scale=32), 0.35),
    ("arcface", ArcFaceLoss(9, 128, margin=math.degrees(0.5), scale=32), 0.5),
    ("arcface", ArcFaceLoss(9, 128, margin=math.degrees(2.0), scale=32), 2.0),  # past pi - margin as well
])  # fmt: skip
def test_margin_softmax_agrees_with_pytorch_metric_learning_in_value_and_gradients(kind, theirs, margin) -> None:
    rows = normalize(drawn(3, 40, 128) + 0.3 * drawn(4, 1, 128), dim=1).requires_grad_()
    other, labels = rows.detach().clone().requires_grad_(), torch.arange(40) % 9
    classes = (drawn(5, 9, 128) + drawn(4, 1, 128)).requires_grad_()
    theirs.W = torch.nn.Parameter(classes.detach().T.clone())
    expected = theirs(other, labels)
    found = margin_softmax(rows, classes, labels, KINDS[kind], margin, 32)
    expected.backward()
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    assert torch.allclose(classes.grad, theirs.W.grad.T, rtol=1e-6, atol=1e-12) and classes.grad.abs().max() > 1e-4
    along = [g - (g * r).sum(1, keepdim=True) * r for g, r in ((rows.grad, rows), (other.grad, other))]
    assert torch.allclose(along[0], along[1], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("penalty", KINDS.values())
def test_a_penalty_never_helps_and_never_turns_the_order_round(penalty: Penalty) -> None:
    cosines = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    treated = penalty(cosines, 0.5)
    assert (treated < cosines).all() and (treated.diff() > 0).all()


@pytest.mark.parametrize("penalty", KINDS.values())
@pytest.mark.parametrize("cosine", [-1.0, 0.0, 1.0])
def test_gradients_are_finite_where_an_embedding_lies_on_its_row_or_opposite(penalty: Penalty, cosine: float) -> None:
    row = torch.eye(128)[:1]
    classes = torch.stack([cosine * row[0] if cosine else torch.eye(128)[1], torch.eye(128)[2]]).requires_grad_()
    rows = row.clone().requires_grad_()
    loss = margin_softmax(rows, classes, torch.tensor([0]), penalty, 0.5, 64)
    loss.backward()
    assert loss.isfinite() and rows.grad.isfinite().all() and classes.grad.isfinite().all()


def test_rows_of_nobody_known_are_left_out() -> None:
    rows, classes = normalize(drawn(6, 4, 128), dim=1).requires_grad_(), drawn(7, 3, 128)
    labels = torch.tensor([2, -1, 0, -1])
    kept = margin_softmax(rows[[0, 2]], classes, labels[[0, 2]], cosface, 0.35, 32)
    assert margin_softmax(rows, classes, labels, cosface, 0.35, 32).item() == kept.item()
    nobody = margin_softmax(rows, classes, torch.full((4,), -1), cosface, 0.35, 32)
    nobody.backward()
    assert nobody.item() == 0 and rows.grad.abs().max() == 0


def test_the_rows_of_subjects_learn() -> None:
    torch.manual_seed(0)
    head, labels = MarginSoftmax(4, cosface, 0.35, 16), torch.arange(32) % 4
    rows = normalize(drawn(8, 4, 128)[labels] + 0.3 * drawn(9, 32, 128), dim=1).float()
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    losses = []
    for _ in range(60):
        loss = head(rows, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
    assert ((rows @ normalize(head.classes, dim=1).T).argmax(1) == labels).all()
