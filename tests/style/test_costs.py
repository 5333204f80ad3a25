"""Costs by numbers that can be checked by hand, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facerec.errors import InvalidInput
from facerec.style.costs import content_cost, correlations, gram, layer_style_cost, total_variation


@pytest.fixture
def maps() -> torch.Tensor:
    """Two filters at two places: activations as a matrix of (HW, C) are [[1, 3], [2, 4]]."""
    return torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=torch.float64)


def test_content_is_half_the_squared_distance(maps: torch.Tensor) -> None:
    assert content_cost(maps, torch.zeros_like(maps)).item() == (1 + 4 + 9 + 16) / 2
    assert content_cost(maps, maps).item() == 0
    with pytest.raises(InvalidInput, match="cannot be compared"):
        content_cost(maps, maps[..., :1])


def test_gram_is_the_product_of_the_matrix_of_places_and_filters(maps: torch.Tensor) -> None:
    matrix = maps[0].reshape(2, 2).T.numpy()  # (HW, C)
    assert matrix.tolist() == [[1, 3], [2, 4]]
    assert gram(maps)[0].tolist() == (matrix.T @ matrix).tolist() == [[5, 11], [11, 25]]


def test_gram_of_a_batch_is_that_of_each(maps: torch.Tensor) -> None:
    batch = drawn(3, 5, 4, 6).float()
    slow = torch.stack([torch.einsum("ihw,jhw->ij", one, one) for one in batch])
    assert torch.allclose(gram(batch), slow, rtol=1e-5, atol=1e-5)


def test_gram_does_not_know_where(maps: torch.Tensor) -> None:
    x = drawn(1, 3, 4, 4)
    places = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(gram(x), gram(x.flatten(2)[..., places].reshape(x.shape)))


def test_style_cost_is_gatys_for_pictures_of_one_size() -> None:
    style, generated = drawn(1, 3, 2, 4), drawn(1, 3, 2, 4, seed=1)
    n, m = 3, 2 * 4
    by_hand = ((gram(style) - gram(generated)) ** 2).sum() / (4 * n**2 * m**2)
    assert layer_style_cost(correlations(style), correlations(generated)).item() == pytest.approx(by_hand.item())


def test_style_cost_of_numbers_made_by_hand(maps: torch.Tensor) -> None:
    nothing = torch.zeros(1, 2, 2)
    wanted = (5**2 + 11**2 + 11**2 + 25**2) / 2**2 / (4 * 2**2)  # Gram / M, M = 2; N = 2
    assert layer_style_cost(nothing, correlations(maps)).item() == pytest.approx(wanted)


def test_correlations_do_not_grow_with_the_picture() -> None:
    x = drawn(1, 3, 4, 4)
    assert torch.allclose(correlations(x), correlations(x.repeat(1, 1, 2, 3)))


def test_a_mask_leaves_only_what_it_shows() -> None:
    x = drawn(1, 3, 4, 6)
    left = torch.zeros(4, 6, dtype=torch.float64)
    left[:, :2] = 1
    assert torch.allclose(correlations(x, left), correlations(x[..., :2]))
    assert correlations(x, torch.zeros_like(left)).abs().max() == 0


def test_total_variation_of_numbers_made_by_hand() -> None:
    picture = torch.tensor([[[[0.0, 1.0], [3.0, 1.0]]]])
    assert total_variation(picture).item() == (9 + 0 + 1 + 4) / 4
    assert total_variation(torch.full((1, 3, 1, 1), 0.5)).item() == 0


def test_gradients_are_those_of_the_differences() -> None:
    x, other = drawn(2, 3, 3, 4).requires_grad_(True), drawn(2, 3, 3, 4, seed=1)
    where = torch.rand(3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    style = correlations(other)
    assert torch.autograd.gradcheck(gram, (x,))
    assert torch.autograd.gradcheck(lambda y: content_cost(other, y), (x,))
    assert torch.autograd.gradcheck(lambda y: layer_style_cost(style, correlations(y)), (x,))
    assert torch.autograd.gradcheck(lambda y: layer_style_cost(style, correlations(y, where)), (x,))
    assert torch.autograd.gradcheck(total_variation, (x,))


def test_the_own_gradient_of_gram_is_autograds() -> None:
    x = drawn(1, 5, 4, 4).requires_grad_(True)
    weights = drawn(1, 5, 5, seed=1)
    (own,) = torch.autograd.grad((gram(x) * weights).sum(), x)
    rows = x.flatten(2)
    (plain,) = torch.autograd.grad((rows @ rows.transpose(1, 2) * weights).sum(), x)
    assert np.allclose(own.numpy(), plain.numpy())
