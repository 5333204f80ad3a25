"""LeNet-5 against the paper's own figures and slow versions of its parts."""

from __future__ import annotations

import math

import torch

from facerec.cnn.networks.lenet import (
    CONNECTIONS,
    LeNet5,
    PartialConvolution,
    RadialBasis,
    ScaledTanh,
    Subsampling,
    digit_codes,
    random_codes,
)


def test_the_layers_have_the_papers_trainable_parameters() -> None:
    counts = {key: sum(p.numel() for p in part.parameters()) for key, part in LeNet5().named_children()}
    paper = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert {key: count for key, count in counts.items() if count} == paper


def test_the_layers_have_the_papers_connections() -> None:
    """A connection is one weight or bias at one place; a subsampling unit has four inputs and a bias."""
    c3 = sum(25 * len(seen) + 1 for seen in CONNECTIONS) * 10 * 10
    layers = (156 * 28 * 28, 6 * 14 * 14 * 5, c3, 16 * 5 * 5 * 5, 48_120, 10_164, 84 * 10)
    assert layers == (122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840)
    assert sum(layers) == 340_908


def test_every_map_of_s2_is_seen_by_ten_of_c3() -> None:
    seen = [place for connection in CONNECTIONS for place in connection]
    assert [seen.count(place) for place in range(6)] == [10] * 6
    assert len(set(CONNECTIONS)) == 16


def test_partial_convolution_ignores_the_maps_outside_its_table() -> None:
    layer, x = PartialConvolution(CONNECTIONS), torch.rand(1, 6, 9, 9)
    before = layer(x)
    x[:, 5] += 1
    changed = (layer(x) != before).flatten(2).any(dim=2)[0].tolist()
    assert changed == [5 in connection for connection in CONNECTIONS]


def test_subsampling_by_hand() -> None:
    layer = Subsampling(1)
    with torch.no_grad():
        layer.coefficient.fill_(0.5)
        layer.bias.fill_(3)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert layer(x).flatten().tolist() == [0.5 * s + 3 for s in (0 + 1 + 4 + 5, 18, 42, 50)]


def test_the_squashing_meets_one_at_one() -> None:
    y = ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0, 100.0]))
    assert torch.allclose(y, torch.tensor([-1.0, 0.0, 1.0, 1.7159]), atol=1e-4)


def test_the_output_is_minus_the_squared_distance_to_each_code() -> None:
    codes, x = digit_codes(), torch.rand(2, 84)
    scores = RadialBasis(10)(x)
    for row in range(2):
        for digit in range(10):
            distance = sum((a - b) ** 2 for a, b in zip(x[row].tolist(), codes[digit], strict=True))
            assert math.isclose(scores[row, digit].item(), -distance, rel_tol=1e-5)


def test_a_code_is_nearest_to_itself() -> None:
    assert RadialBasis(10)(torch.tensor(digit_codes())).argmax(dim=1).tolist() == list(range(10))


def test_codes_of_other_counts_differ_and_are_the_same_every_time() -> None:
    codes = random_codes(200)
    assert codes == random_codes(200) and len({tuple(code) for code in codes}) == 200
    assert {value for code in codes for value in code} == {-1.0, 1.0}
