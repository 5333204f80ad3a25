"""Receptive fields beside the gradient of one output cell, multiplications beside torch's own counter."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from facerec.cnn.layers import ChannelMaxPool, ChannelResponseNorm, SamePad
from facerec.cnn.receptive_field import ReceptiveField
from facerec.cnn.trace import trace
from facerec.errors import InvalidInput


class Inception(nn.Module):
    """Branches with unlike windows, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(3, 2, 1)
        self.wide = nn.Conv2d(3, 2, (1, 5), padding=(0, 2))
        self.pooled = nn.AvgPool2d(3, 1, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.narrow(x), self.wide(x), self.pooled(x)], dim=1)


class Residual(nn.Module):
    """A sum of what came in and what two layers make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


class Gated(nn.Module):
    """Each channel times a number that the whole map decides on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x * self.gate(x.mean(dim=(2, 3), keepdim=True))


class Cropped(nn.Module):
    """A cut along both axes, one of them counted from the end, and padding in words."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 2, padding="same")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)[..., 2:-1, -9:]


LOCAL: dict[str, Callable[[], nn.Module]] = {
    "valid": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 5, stride=2)),
    "strides": lambda: nn.Sequential(nn.Conv2d(3, 4, 5, 2, padding=1), nn.AvgPool2d(2), nn.Conv2d(4, 2, 3)),
    "dilated": lambda: nn.Sequential(nn.Conv2d(3, 2, 3, dilation=3), nn.Conv2d(2, 2, (1, 3))),
    "same": lambda: nn.Sequential(SamePad(3, 2), nn.Conv2d(3, 2, 3, 2), nn.Conv2d(2, 2, 4, padding="same")),
    "norms": lambda: nn.Sequential(
        nn.Conv2d(3, 6, 3), ChannelResponseNorm(), nn.LocalResponseNorm(3), nn.BatchNorm2d(6), nn.ReLU(inplace=True)
    ),
    "branches": lambda: nn.Sequential(nn.Conv2d(3, 3, 3), Inception()),
    "residual": lambda: nn.Sequential(Residual(), nn.AvgPool2d(3, 2), Residual()),
    "cropped": lambda: Cropped(),
    "adaptive": lambda: nn.AdaptiveAvgPool2d((7, 4)),
}


def positive(net: nn.Module) -> nn.Module:
    """All weights above zero, so that no two paths cancel out."""
    for weights in net.parameters():
        weights.data.abs_().add_(0.1)
    return net.eval()


def seen(net: nn.Module, size: int, cell: tuple[int, int]) -> list[tuple[int, int]]:
    """First and last pixel, exclusive, with a gradient from one output cell, along each axis: the slow way."""
    x = torch.rand(1, 3, size, size + 4, requires_grad=True)
    net(x)[..., cell[0], cell[1]].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(dim=0) > 0
    axes = [touched.any(dim=1).nonzero(), touched.any(dim=0).nonzero()]
    return [(int(axis.min()), int(axis.max()) + 1) for axis in axes]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", LOCAL)
def test_every_cell_sees_exactly_its_field(name: str) -> None:
    net = positive(LOCAL[name]())
    last = trace(net, (3, 28, 32))[-1]
    rows, columns = last.shape[1:]
    for cell in [(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]:
        fields = [field.of(place) for field, place in zip(last.fields, cell, strict=True)]
        inside = [(max(begin, 0), min(end, side)) for (begin, end), side in zip(fields, (28, 32), strict=True)]
        assert inside == seen(net, 28, cell)


@pytest.mark.parametrize(
    "up",
    [
        nn.ConvTranspose2d(2, 2, 2, 2),
        nn.ConvTranspose2d(2, 2, 5, 3, padding=2),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=3, mode="bilinear"),
    ],
)
def test_enlarging_layers_never_promise_too_little(up: nn.Module) -> None:
    net = positive(nn.Sequential(nn.Conv2d(3, 2, 3, 2), up, nn.Conv2d(2, 2, 2)))
    last = trace(net, (3, 28, 32))[-1]
    slack = []
    for cell in range(8, 16):
        (begin, end), real = last.fields[0].of(cell), seen(net, 28, (cell, cell))[0]
        assert begin <= real[0] and real[1] <= end
        slack.append(last.fields[0].size - (real[1] - real[0]))
    assert min(slack) < 2 * 2  # less than two cells of the map that was enlarged


@pytest.mark.parametrize(
    "tail",
    [
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * 26 * 26, 2)),
        lambda: ChannelMaxPool(4),
    ],
)
def test_dense_and_global_layers_see_everything(tail: Callable[[], nn.Module]) -> None:
    last = trace(nn.Sequential(nn.Conv2d(3, 4, 3), tail()), (3, 28, 28))[-1]
    local = len(last.shape) == 3
    assert last.fields == (ReceptiveField(3, 1, 1.5) if local else ReceptiveField(28, 0, 14),) * 2


def test_a_gate_makes_every_cell_see_everything() -> None:
    assert trace(Gated(), (3, 12, 12))[-1].fields == (ReceptiveField(12, 0, 6),) * 2


@pytest.mark.parametrize("axes, conv, pool", [(1, nn.Conv1d, nn.MaxPool1d), (3, nn.Conv3d, nn.AvgPool3d)])
def test_signals_and_volumes(axes: int, conv: type[nn.Module], pool: type[nn.Module]) -> None:
    last = trace(nn.Sequential(conv(1, 2, 3), pool(2)), (1, *[10] * axes))[-1]  # type: ignore[call-arg]
    assert last.shape == (2, *[4] * axes)
    assert last.fields == (ReceptiveField(4, 2, 2),) * axes


class Products(nn.Module):
    """Matrix products outside any layer."""

    def __init__(self) -> None:
        super().__init__()
        self.votes = nn.Parameter(torch.rand(5, 3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2)  # (1, 5, 3)
        return torch.einsum("bij,ijk->bk", x, self.votes) + (x @ x.mT)[:, 0, :4]


@pytest.mark.parametrize(
    "net, shape",
    [
        (nn.Sequential(nn.Conv2d(4, 8, 3, 2, groups=2), nn.ConvTranspose2d(8, 6, 3, 2, groups=2)), (4, 9, 9)),
        (nn.Sequential(nn.Conv1d(2, 3, 5, dilation=2), nn.Flatten(), nn.Linear(3 * 12, 7)), (2, 20)),
        (nn.Sequential(nn.Linear(6, 5, bias=False), nn.Conv3d(1, 2, 2)), (1, 3, 4, 6)),
        (Products(), (5, 1, 3)),
    ],
)
def test_multiplications_are_half_of_torchs_count_of_operations(net: nn.Module, shape: tuple[int, ...]) -> None:
    with FlopCounterMode(display=False) as counter:
        net(torch.rand(1, *shape))
    calls = trace(net, shape)
    assert sum(call.multiplications for call in calls) * 2 == counter.get_total_flops() > 0


def test_each_layer_has_its_own_share() -> None:
    net = nn.Sequential(nn.Conv2d(3, 10, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(160, 5))
    conv, relu, flatten, dense, whole = trace(net, (3, 6, 6))
    assert (conv.parameters, relu.parameters, dense.parameters, whole.parameters) == (280, 0, 805, 0)
    assert (conv.multiplications, dense.multiplications, whole.multiplications) == (27 * 160, 800, 0)
    assert (conv.bytes, relu.bytes, flatten.bytes, dense.bytes) == (640, 0, 0, 20)
    assert [call.leaf for call in (conv, whole)] == [True, False]
    assert [call.name for call in (conv, whole)] == ["0", ""]
    assert flatten.shape == (160,)


def test_a_layer_that_works_twice_has_its_parameters_once() -> None:
    conv = nn.Conv2d(3, 3, 1)
    first, second, _ = trace(nn.Sequential(conv, conv), (3, 4, 4))
    assert (first.parameters, second.parameters) == (12, 0)
    assert first.multiplications == second.multiplications == 9 * 16


def test_the_network_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    net[1].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trace(net, (1, 8, 8))
    assert [module.training for module in net] == [True, False, True]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    "net, shape, message",
    [
        (nn.Sequential(nn.Conv2d(3, 4, 7)), (3, 6, 9), "layer 0: a window that reaches over 7 cells does not"),
        (nn.Sequential(nn.ReLU(), nn.MaxPool2d(5)), (3, 4, 4), "layer 1: a window that reaches over 5 cells"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), (1, 9, 9), "layer 0: made for 3 channels, got 1"),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 3)), (1, 9, 9), "layer 0: made for 3 channels, got 1"),
        (nn.Sequential(nn.Flatten(), nn.Linear(100, 4)), (1, 9, 9), "layer 1: made for 100 values, got 81"),
        (nn.Sequential(Cropped(), nn.Flatten(0), nn.Unflatten(0, (7, 7))), (3, 9, 9), "cannot take an input of 3x9x9"),
    ],
)
def test_an_input_that_does_not_suit_is_refused_in_one_line(
    net: nn.Module, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as error:
        trace(net, shape)
    assert "\n" not in str(error.value)
