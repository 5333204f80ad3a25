"""What every trunk must do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from facerec.errors import InvalidInput
from facerec.faces.trunks import TRUNKS, create_trunk, load_weights
from tests.tiny import tiny_trunk

BUILDERS = {**TRUNKS, "tiny": tiny_trunk}


@pytest.fixture(params=sorted(BUILDERS), scope="module")
def trunk(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return BUILDERS[request.param]()


def faces(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1


@pytest.mark.parametrize("side", [112, 80])
def test_rows_of_length_one_for_any_batch(trunk: nn.Module, side: int) -> None:
    with torch.no_grad():
        rows = trunk.eval()(faces(3, side))
        one = trunk(faces(3, side)[1:2])
    assert rows.shape == (3, 128) and rows.dtype == torch.float32
    assert torch.allclose(rows.norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(one[0], rows[1], atol=1e-5)  # in eval mode a face's row does not depend on its neighbours
    assert (rows[0] - rows[1]).abs().max() > 1e-4


def test_the_gradient_reaches_every_weight(trunk: nn.Module) -> None:
    trunk.train().zero_grad()
    direction = torch.randn(2, 128, generator=torch.Generator().manual_seed(1))
    (trunk(faces(2, 112)) * direction).sum().backward()
    silent = [name for name, weight in trunk.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]
    assert silent == []


def test_half_precision_inside_gives_float32_rows(trunk: nn.Module) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rows = trunk.eval()(faces(1, 80))
    assert rows.dtype == torch.float32 and rows.norm().item() == pytest.approx(1, abs=1e-5)


def test_weights_go_out_and_in_again_also_in_half_precision(trunk: nn.Module) -> None:
    state = {name: value.half() if value.is_floating_point() else value for name, value in trunk.state_dict().items()}
    load_weights(trunk, state)
    assert all(value.float().equal(state[name].float()) for name, value in trunk.state_dict().items())


def test_weights_of_another_network_are_refused() -> None:
    weights = tiny_trunk().state_dict()
    with pytest.raises(InvalidInput, match="another network's"):
        load_weights(create_trunk("residual"), weights)
    with pytest.raises(InvalidInput, match=r"another network's: 1 differ, the first 0\.0\.weight"):
        load_weights(tiny_trunk(), weights | {"0.0.weight": torch.zeros(1)})


def test_a_trunk_is_built_by_name() -> None:
    builder: Callable[[], nn.Module] = TRUNKS["residual"]
    assert type(create_trunk("residual")) is builder
    with pytest.raises(InvalidInput, match="known: residual"):
        create_trunk("resnet-9000")


def test_the_default_trunk_is_within_its_budget() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network = create_trunk("residual").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(faces(1, 112))
    assert sum(weight.numel() for weight in network.parameters()) <= 4_000_000
    assert counter.get_total_flops() / 2 <= 0.5e9
