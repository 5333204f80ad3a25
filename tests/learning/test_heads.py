"""The binary head: its differences against slow ones, and that it learns what sets subjects apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from facerec.errors import InvalidInput
from facerec.faces.head import BinaryHead as StoredHead
from facerec.learning.heads import BOUNDARY, STEEP, BinaryHead, typical
from facerec.learning.losses import binary
from facerec.learning.miners import all_pairs
from facerec.metrics.differences import DIFFERENCES


def unit_rows(count: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(count, 128, generator=torch.Generator().manual_seed(seed)), dim=1)


def parts(x: float) -> tuple[float, float]:
    """A number as two that are never negative."""
    return max(x, 0.0), max(-x, 0.0)


def slow_chi_square(x: float, y: float) -> float:
    """(p - q)^2 / (p + q), as the statistic has it, of the positive parts and of the negative parts."""
    return sum((p - q) ** 2 / (p + q) for p, q in zip(parts(x), parts(y), strict=True) if p + q)


SLOW = {
    "manhattan": lambda x, y: max(x - y, y - x),
    "squared_euclidean": lambda x, y: x * x - 2 * x * y + y * y,
    "chi_square": slow_chi_square,
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_agrees_with_the_slow_one_on_arrays_and_on_tensors(name: str) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 300))
    a[:4], b[:4] = (0, 0, 1, -1), (0, 2, 1, 1)
    expected = [SLOW[name](x, y) for x, y in zip(a, b, strict=True)]
    assert DIFFERENCES[name](a, b) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert DIFFERENCES[name](torch.from_numpy(a), torch.from_numpy(b)).numpy() == pytest.approx(
        expected, rel=1e-6, abs=1e-12
    )


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_has_a_finite_gradient_where_numbers_are_equal_or_zero(name: str) -> None:
    a, b = torch.tensor([0.0, 0.5, 0.0, -0.5]).requires_grad_(), torch.tensor([0.0, 0.5, 0.5, -0.5])
    DIFFERENCES[name](a, b).sum().backward()
    assert a.grad.isfinite().all()


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_head_is_a_weighted_sum_the_same_both_ways_round(name: str) -> None:
    head, a, b = BinaryHead(name), unit_rows(20, 1), unit_rows(20, 2)
    with torch.no_grad():
        head.weight.copy_(torch.randn(128, generator=torch.Generator().manual_seed(3)))
        expected = [
            sum(w * SLOW[name](x, y) for w, x, y in zip(head.weight.tolist(), p, q, strict=True)) + head.bias.item()
            for p, q in zip(a.tolist(), b.tolist(), strict=True)
        ]
        assert head(a, b).tolist() == pytest.approx(expected, abs=1e-4)
        assert head(a, b).equal(head(b, a))


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_fresh_head_tells_likeness_by_the_cosine(name: str) -> None:
    head, a = BinaryHead(name), unit_rows(2000, 4)
    aside = normalize(unit_rows(2000, 5) - (unit_rows(2000, 5) * a).sum(1, keepdim=True) * a, dim=1)
    with torch.no_grad():
        at = [head(a, c * a + (1 - c * c) ** 0.5 * aside).mean().item() for c in (1.0, 0.6, BOUNDARY, 0.0)]
    assert at[0] == pytest.approx(STEEP, abs=1e-3) and at[2] == pytest.approx(0, abs=0.1)
    assert at == sorted(at, reverse=True) and typical(name) > 0


def test_equal_weights_on_squares_are_the_cosine() -> None:
    head, a, b = BinaryHead("squared_euclidean"), unit_rows(50, 6), unit_rows(50, 7)
    scores = head(a, b).detach() - head.bias.detach()
    assert torch.allclose(scores, head.weight[0].detach() * (2 - 2 * (a * b).sum(1)), atol=1e-5)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_head_learns_which_numbers_tell(name: str) -> None:
    """The first 16 numbers say who it is; all others are loud noise, which hides it from equal weights."""
    rng = torch.Generator().manual_seed(8)
    labels = torch.arange(80) // 4
    who = torch.randn(20, 16, generator=rng)[labels] + 0.2 * torch.randn(80, 16, generator=rng)
    rows = normalize(torch.cat([who, 1.5 * torch.randn(80, 112, generator=rng)], dim=1), dim=1)
    pairs = all_pairs(labels)
    head = BinaryHead(name)
    optimizer = torch.optim.Adam(head.parameters(), 0.3)
    first = last = 0.0
    for step in range(60):
        scores = head(rows[pairs.first], rows[pairs.second])
        loss = binary(scores, pairs.same)
        first, last = (loss.item() if step == 0 else first), loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert last < 0.7 * first
    assert head.weight[:16].mean() < 2 * head.weight[16:].mean() and head.weight[:16].mean() < 0


def test_an_unknown_difference_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="no difference 'cosine'; known: manhattan, squared_euclidean, chi_square"):
        BinaryHead("cosine")


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_head_without_torch_gives_the_same_scores(name: str) -> None:
    head, a, b = BinaryHead(name), unit_rows(9, 10), unit_rows(9, 11)
    with torch.no_grad():
        head.weight.add_(torch.randn(128, generator=torch.Generator().manual_seed(12)))
        expected = torch.sigmoid(head(a, b)).numpy()
    stored = StoredHead(name, head.weight.detach().numpy(), head.bias.item(), "e" * 64, {})
    assert np.diag(stored(a.numpy(), b.numpy())) == pytest.approx(expected, abs=1e-5)
