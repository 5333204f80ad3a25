"""Every network has the parameters and the multiply-adds that its publishers print."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from facerec.cnn.networks import NETWORKS
from facerec.cnn.networks.keys import RENAMINGS
from facerec.cnn.summary import summarise
from tests import reference

TORCHVISION = [name for name, renaming in RENAMINGS.items() if renaming.publisher == "torchvision"]


def as_published(name: str) -> nn.Module:
    """The network with its published classes and channels, without content."""
    entry = NETWORKS[name]
    with torch.device("meta"):
        return entry.build(entry.classes, entry.channels).eval()


def parameters(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def multiply_adds(name: str) -> int:
    """Counted by torch on the published input, heads for training not among them."""
    entry, network = NETWORKS[name], as_published(name)
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, entry.channels, entry.size, entry.size, device="meta"))
    return int(counter.get_total_flops()) // 2


@pytest.mark.parametrize("name", [name for name, entry in NETWORKS.items() if entry.parameters is not None])
def test_parameters_are_the_published_ones_to_the_unit(name: str) -> None:
    entry = NETWORKS[name]
    assert entry.parameters is not None
    assert parameters(as_published(name)) == entry.parameters - entry.left_out


def test_what_bn_inception_leaves_out_is_one_bias_for_each_normalised_map() -> None:
    norms = [module for module in as_published("bn_inception").modules() if isinstance(module, nn.BatchNorm2d)]
    assert sum(norm.num_features for norm in norms) == NETWORKS["bn_inception"].left_out


@pytest.mark.parametrize(
    "name, heads, without",
    [
        ("googlenet", ("aux1", "aux2"), 6_998_552),  # Caffe
        ("googlenet_bn", ("aux1", "aux2"), 6_624_904),  # torchvision
        ("inception_v3", ("aux",), 23_834_568),  # torchvision
        ("capsule", ("decoder",), 6_804_224),  # the paper: 6.8 million
    ],
)
def test_parameters_without_what_only_training_needs(name: str, heads: tuple[str, ...], without: int) -> None:
    network = as_published(name)
    assert parameters(network) - sum(parameters(network.get_submodule(head)) for head in heads) == without


@pytest.mark.parametrize(
    "name, millions, digits",
    [  # as the papers print them
        ("alexnet", 60, -1),
        ("vgg16", 138, 0),
        ("vgg19", 144, 0),
        ("mobilenet", 4.2, 1),
        ("efficientnet_b0", 5.3, 1),
        ("capsule", 8.2, 1),
    ],
)
def test_rounded_parameters_are_the_papers(name: str, millions: float, digits: int) -> None:
    assert round(parameters(as_published(name)) / 1e6, digits) == millions


@pytest.mark.parametrize("name", TORCHVISION)
def test_multiply_adds_are_torchvisions(name: str) -> None:
    model = RENAMINGS[name].theirs
    weights = reference.torchvision().models.get_model_weights(model)
    assert multiply_adds(name) / 1e9 == pytest.approx(next(iter(weights)).meta["_ops"], abs=0.0006)


@pytest.mark.parametrize(
    "name, millions, tolerance",
    [  # as the papers print them
        ("bn_inception", 2030, 0.005),  # in the SE paper's table 2
        ("se_inception", 2040, 0.005),  # which counts the pooling and the weighing too
        ("mobilenet", 569, 0.001),
        ("mobilenet_v2", 300, 0.005),
        ("efficientnet_b0", 390, 0.02),
        ("resnet34", 3600, 0.02),
        ("resnet152", 11300, 0.02),  # with the stride in the 1x1, which costs a little less
    ],
)
def test_multiply_adds_are_the_papers(name: str, millions: float, tolerance: float) -> None:
    assert multiply_adds(name) / 1e6 == pytest.approx(millions, rel=tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_summary_counts_the_multiply_adds_that_torch_counts(name: str) -> None:
    entry = NETWORKS[name]
    table = summarise(as_published(name), (entry.channels, entry.size, entry.size))
    assert table.multiplications == multiply_adds(name)
    assert table.output == (entry.classes,)
