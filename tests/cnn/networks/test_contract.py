"""What every network must do, whichever it is. Inputs are the smallest that it takes."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from facerec.cnn.blocks import Entrance
from facerec.cnn.networks import NETWORKS, create, training_outputs
from facerec.errors import InvalidInput
from facerec.runtime import open_graph

CLASSES, CHANNELS = 7, 2
EXPORT_SIZE = {"alexnet": 227, "alexnet_one_tower": 224, "vgg16": 224, "vgg19": 224}
"""Where the dense layers stand on a map of one size, an export knows no other."""
LARGE = ("vgg16", "vgg19", "resnet152")
"""Exports of up to half a gigabyte, made of nothing that the others are not made of."""


@pytest.fixture(scope="module", params=NETWORKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return create(name, CLASSES, CHANNELS)


@pytest.fixture
def evaluated(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode, which it leaves as it was."""
    network.eval()
    yield network
    network.zero_grad(set_to_none=True)


def smallest(network: nn.Module) -> torch.Tensor:
    """Two random pictures of the least size: (2, CHANNELS, H, W)."""
    side = entrances(network)[0].smallest
    return torch.rand(2, CHANNELS, side, side, generator=torch.Generator().manual_seed(1))


def smallest_for_training(network: nn.Module) -> torch.Tensor:
    """The same for what training asks of the network, which may need a larger input."""
    side = entrances(network)[-1].smallest
    return torch.rand(2, CHANNELS, side, side, generator=torch.Generator().manual_seed(1))


def entrances(network: nn.Module) -> list[Entrance]:
    return [module for module in network.modules() if isinstance(module, Entrance)]


def test_shape_and_repeatability(evaluated: nn.Module) -> None:
    x = smallest(evaluated)
    with torch.no_grad():
        first, second = evaluated(x), evaluated(x)
    assert first.shape == (2, CLASSES)
    assert first.isfinite().all()
    assert torch.equal(first, second)  # no dropout, no statistics of the batch
    assert not torch.equal(first[0], first[1])


def test_each_picture_is_judged_by_itself(evaluated: nn.Module) -> None:
    x = smallest(evaluated)
    with torch.no_grad():
        together, alone = evaluated(x), evaluated(x[1:])
    assert (together[1:] - alone).abs().max() <= 1e-4 * alone.abs().max()  # fresh logits may reach a million


def test_a_gradient_reaches_every_weight(evaluated: nn.Module) -> None:
    outputs = training_outputs(evaluated, smallest_for_training(evaluated)[:1])
    draw = torch.Generator().manual_seed(2)
    loss = torch.stack([(y * torch.randn(y.shape, generator=draw)).sum() for y in outputs]).sum()
    loss.backward()
    gradients = {key: weights.grad for key, weights in evaluated.named_parameters()}
    assert [key for key, g in gradients.items() if g is None or not g.isfinite().all() or not g.any()] == []


def test_training_mode_gives_the_logits_first(network: nn.Module) -> None:
    before = {key: value.clone() for key, value in network.named_buffers()}
    network.train()
    with torch.no_grad():
        outputs = training_outputs(network, smallest_for_training(network))
    assert outputs[0].shape == (2, CLASSES)
    assert all(y.isfinite().all() for y in outputs)
    network.load_state_dict(before, strict=False)  # the norms have seen random pictures


def test_state_dict_round_trip(name: str, evaluated: nn.Module) -> None:
    with torch.device("meta"):
        other = create(name, CLASSES, CHANNELS)
    other.load_state_dict(load(save(evaluated.state_dict())), assign=True)
    x = smallest(evaluated)
    with torch.no_grad():
        assert torch.equal(other.eval()(x), evaluated(x))


def test_export_to_onnx_agrees(name: str, evaluated: nn.Module) -> None:
    if name in LARGE and not os.environ.get("FACEREC_LARGE"):
        pytest.skip("large: set FACEREC_LARGE=1 to export it too")
    x = smallest(evaluated)
    if name in EXPORT_SIZE:
        x = torch.rand(2, CHANNELS, EXPORT_SIZE[name], EXPORT_SIZE[name])
    graph = open_graph(export(evaluated, x), threads=1)
    with torch.no_grad():
        expected = evaluated(x).numpy()
    got = graph(x.numpy())[0]
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


def export(network: nn.Module, x: torch.Tensor) -> bytes:
    """The network as ONNX, for batches of any length."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are read as numbers, and this exporter is the older one
        torch.onnx.export(
            network, (x,), file, dynamo=False, opset_version=17, input_names=["x"], dynamic_axes={"x": {0: "B"}}
        )
    return file.getvalue()


def test_unfit_input_gets_one_line_that_says_what_to_do(evaluated: nn.Module) -> None:
    x = smallest(evaluated)
    cases = {
        r"\(B, 2, H, W\).*another `channels`": x[:, :1],
        r"float pictures": (x * 255).byte(),
        r"\(B, 2, H, W\), got torch.float32 \(2, \d+, \d+, 2\)": x.permute(0, 2, 3, 1),
        r"resize them$": x[:, :, 1:],
    }
    for message, unfit in cases.items():
        with pytest.raises(InvalidInput, match=message) as caught:
            evaluated(unfit)
        assert "\n" not in str(caught.value)


def test_a_network_of_one_size_refuses_a_larger_picture() -> None:
    with pytest.raises(InvalidInput, match=r"exactly 32x32 pixels, got 33x33: resize"):
        create("lenet5")(torch.rand(1, 3, 33, 33))


def test_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"no network 'resnet51'; known: .*resnet50"):
        create("resnet51")


@pytest.mark.parametrize("classes, channels", [(0, 3), (10, 0), (-1, 3)])
def test_no_classes_or_channels_are_refused(classes: int, channels: int) -> None:
    with pytest.raises(InvalidInput, match="at least one class and one channel"):
        create("lenet5", classes, channels)


def test_one_class_and_one_channel_are_legal() -> None:
    assert create("squeezenet", classes=1, channels=1)(torch.rand(1, 1, 32, 32)).shape == (1, 1)
