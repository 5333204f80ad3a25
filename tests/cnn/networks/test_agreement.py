"""Published networks, loaded into ours through the stated renaming, answer alike."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from facerec.cnn.networks import NETWORKS, create, training_outputs
from facerec.cnn.networks.keys import RENAMINGS, renamed
from facerec.errors import InvalidInput
from tests.cnn.networks.pictures import resized
from tests.cnn.networks.published import is_installed, pair, publishers


@pytest.mark.parametrize("name", RENAMINGS)
def test_logits_agree_on_random_weights_and_real_pictures(name: str, pictures: torch.Tensor) -> None:
    if not is_installed(name):
        pytest.skip("needs timm")
    x = resized(pictures, NETWORKS[name].size)
    theirs, ours = pair(name, x)
    with torch.no_grad():
        expected, got = theirs(x), ours(x)
    assert (got - expected).abs().max() <= 1e-4
    assert (expected[0] - expected[1]).abs().max() > 0.1  # the picture matters


@pytest.mark.parametrize("name, order", [("googlenet_bn", (0, 2, 1)), ("inception_v3", (0, 1))])
def test_auxiliary_heads_agree_in_training(name: str, order: tuple[int, ...], pictures: torch.Tensor) -> None:
    x = resized(pictures, NETWORKS[name].size)
    theirs, ours = pair(name, x)
    for module in (*theirs.modules(), *ours.modules()):
        module.train()
        if isinstance(module, nn.Dropout):
            module.p = 0
    with torch.no_grad():
        expected, got = theirs(x), training_outputs(ours, x)
    for ours_at, theirs_at in enumerate(order):
        assert torch.allclose(got[ours_at], expected[theirs_at], rtol=1e-4, atol=1e-4)


class Operators(TorchDispatchMode):
    """Counts what a network asks of torch; the form that writes over its input counts as the one that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__.rstrip("_")] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [name for name, entry in RENAMINGS.items() if entry.publisher == "torchvision"])
def test_it_asks_nothing_of_torch_that_torchvision_does_not(name: str) -> None:
    """Whatever a clock says on a busy machine, the work is the same, operator by operator."""
    with torch.device("meta"):
        networks = create(name).eval(), publishers(name).eval()
    counts = []
    for network in networks:
        with torch.inference_mode(), Operators() as seen:
            network(torch.empty(1, 3, NETWORKS[name].size, NETWORKS[name].size, device="meta"))
        counts.append(seen.counts)
    ours, theirs = counts
    assert ours["conv2d"] > 0 and not ours - theirs


def test_one_weight_changed_is_noticed(pictures: torch.Tensor) -> None:
    x = resized(pictures, 64)
    theirs, ours = pair("squeezenet", x)
    ours.load_state_dict({key: tensor.clone() for key, tensor in ours.state_dict().items()}, assign=True)
    with torch.no_grad():
        next(ours.parameters())[0, 0, 0, 0] += 1
        assert (ours(x) - theirs(x)).abs().max() > 1e-4


def test_weights_of_a_network_that_nobody_publishes_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no published weights of 'lenet5'.*resnet50"):
        renamed("lenet5", {})
