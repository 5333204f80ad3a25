"""The inception modules: what the reduction saves, how deep they are, and what squeeze and excitation adds."""

from __future__ import annotations

import pytest
import torch

from facerec.cnn.networks import NETWORKS, create
from facerec.cnn.networks.googlenet import Inception, NaiveInception
from facerec.cnn.summary import summarise


def test_the_naive_module_only_grows() -> None:
    module = NaiveInception(192, 64, 128, 32)
    x = torch.rand(1, 192, 14, 14)
    assert module(x).shape == (1, 64 + 128 + 32 + 192, 14, 14)
    assert torch.equal(module(x)[:, -192:].amax(dim=(2, 3)), x.amax(dim=(2, 3)))  # the pooling passes all


def test_the_reduced_module_costs_a_tenth_in_its_5x5_branch() -> None:
    """28x28x192 to 32 maps: 120 million multiplications straight, 12.4 million by way of 16."""
    naive = summarise(NaiveInception(192, 64, 128, 32), (192, 28, 28))
    reduced = summarise(Inception(192, 64, 96, 128, 16, 32, 32), (192, 28, 28))
    straight = sum(call.multiplications for call in naive.calls if call.name.startswith("branch3"))
    detour = sum(call.multiplications for call in reduced.calls if call.name.startswith("branch3"))
    assert straight == 28 * 28 * 32 * 5 * 5 * 192 == 120_422_400
    assert detour == 28 * 28 * 16 * 192 + 28 * 28 * 32 * 5 * 5 * 16 == 12_443_648


@pytest.mark.parametrize(
    "name, prefix, shapes",
    [  # as the tables of the papers print them
        (
            "googlenet",
            "inception",
            [(256, 28), (480, 28), (512, 14), (512, 14), (512, 14), (528, 14), (832, 14), (832, 7), (1024, 7)],
        ),
        (
            "inception_v3",
            "mixed",
            [(256, 35), (288, 35), (288, 35), *[(768, 17)] * 5, (1280, 8), (2048, 8), (2048, 8)],
        ),
    ],
)
def test_modules_are_as_deep_and_large_as_printed(name: str, prefix: str, shapes: list[tuple[int, int]]) -> None:
    with torch.device("meta"):
        network = create(name)
    calls = summarise(network, (3, NETWORKS[name].size, NETWORKS[name].size)).calls
    modules = [call for call in calls if call.name.count(".") == 1 and call.name.split(".")[1].startswith(prefix)]
    assert [call.shape for call in modules] == [(depth, side, side) for depth, side in shapes]


def test_with_open_gates_se_inception_is_bn_inception() -> None:
    torch.manual_seed(0)
    plain, weighed = create("bn_inception", 7).eval(), create("se_inception", 7).eval()
    shared, state = plain.state_dict(), weighed.state_dict()
    for key, tensor in state.items():
        if key.endswith("excite.fc2.bias"):
            state[key] = torch.full_like(tensor, 1e4)  # a sigmoid of 1
        elif ".excite." not in key:
            state[key] = shared[key.replace(".inception.", ".")]
    weighed.load_state_dict(state)
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(weighed(x), plain(x))
        weighed.get_submodule("inception_3a.excite.fc2").bias.fill_(-1e4)  # a sigmoid of 0
        assert not torch.allclose(weighed(x), plain(x))
