"""What is taken over, what stays as it was, and what a shallow head makes of features computed once."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

from facerec.cnn import transfer
from facerec.cnn.networks import create
from facerec.errors import InvalidInput


def test_weights_that_fit_are_taken_over_and_the_others_told() -> None:
    old, new = create("lenet5_modern", 10, 1), create("lenet5_modern", 3, 1)
    state = old.state_dict() | {"stranger": torch.zeros(1)}
    del state["conv1.bias"]
    report = transfer.load_fitting(new, state)
    assert (report.missing, report.unexpected) == (("conv1.bias",), ("stranger",))
    assert report.misshapen == ("fc3.weight", "fc3.bias") and len(report.loaded) == 7
    assert torch.equal(new.fc2.weight, old.fc2.weight) and new.fc3.weight.shape == (3, 84)
    assert str(report) == (
        "7 weights taken over; 1 missing (conv1.bias); 1 unexpected (stranger); "
        "2 of another shape (fc3.weight, fc3.bias)"
    )


def test_another_networks_weights_are_refused() -> None:
    with pytest.raises(InvalidInput, match="another's"):
        transfer.load_fitting(create("lenet5_modern", 10, 1), create("fashion_dense", 10, 1).state_dict())


def step(net: nn.Module, x: torch.Tensor) -> dict[str, bool]:
    """One large step; which values of the state it changed, by name."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    transfer.to_training(net)
    optimizer = torch.optim.SGD([{**group, "lr": 0.1 * group["share"]} for group in transfer.groups(net, 0.5)])
    net(x).square().sum().backward()
    optimizer.step()
    return {name: not torch.equal(value, before[name]) for name, value in net.state_dict().items()}


def test_frozen_stages_change_neither_weights_nor_statistics() -> None:
    net = create("resnet34", 5, 3)
    transfer.freeze(net, ["conv1", "conv2_x", "conv3_x"])
    changed = step(net, torch.randn(2, 3, 64, 64))
    frozen = {name for name in changed if name.startswith(("conv1", "conv2_x", "conv3_x"))}
    assert not any(changed[name] for name in frozen)
    assert all(changed[name] for name in changed.keys() - frozen)
    transfer.unfreeze(net, ["conv3_x"])
    assert step(net, torch.randn(2, 3, 64, 64))["conv3_x.0.residual.0.0.weight"]


def test_only_the_head_learns() -> None:
    net = create("squeezenet", 4, 3)
    transfer.freeze_body(net)
    changed = step(net, torch.randn(2, 3, 64, 64))
    assert {name for name, moved in changed.items() if moved} == {"classifier.1.weight", "classifier.1.bias"}


def test_head_and_body_have_their_own_rates() -> None:
    head, body = transfer.groups(create("resnet34", 5, 3), 0.1)
    assert (head["share"], body["share"]) == (1.0, 0.1)
    assert [tuple(weight.shape) for weight in head["params"]] == [(5, 512), (5,)]
    assert sum(weight.numel() for group in (head, body) for weight in group["params"]) == 21_284_672 + 512 * 5 + 5


@pytest.mark.parametrize("name, expected", [
    ("vgg16", "classifier.6"), ("googlenet", "fc"), ("inception_v3", "fc"), ("squeezenet", "classifier.1"),
    ("network_in_network", "features.6.2.0"),
])  # fmt: skip
def test_the_head_makes_the_logits(name: str, expected: str) -> None:
    with torch.device("meta"):
        net = create(name, 7, 3)
    assert transfer.head(net) == expected
    weight = net.get_submodule(expected).weight
    assert len(weight) == 7


def test_unknown_stages_are_named_and_the_known_listed() -> None:
    with pytest.raises(InvalidInput, match="no stage conv9; the network has: conv1, conv2, fc1"):
        transfer.freeze(create("lenet5_modern", 10, 1), ["conv9"])


def test_features_are_what_the_head_sees() -> None:
    net = create("resnet34", 5, 3).eval()
    x = torch.randn(3, 3, 64, 64)
    rows = transfer.features(net, iter([x[:2], x[2:]]))
    assert rows.shape == (3, 512)
    with torch.no_grad():
        assert torch.allclose(net.fc(rows), net(x), atol=1e-4)


def test_a_shallow_head_agrees_with_scikit_learns_logistic_regression() -> None:
    rows, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(rows[:900]).float(), torch.from_numpy(labels[:900])
    mean, deviation = x.mean(0), x.std(0, correction=0).clamp(min=1e-6)
    ours = transfer.shallow_head(x, y, 10, decay=1e-2)
    theirs = LogisticRegression(C=1 / (1e-2 * 900), tol=1e-6, max_iter=2000)
    theirs.fit(((x - mean) / deviation).numpy(), labels[:900])
    unseen = torch.from_numpy(rows[900:]).float()
    with torch.no_grad():
        got = torch.softmax(ours(unseen), 1).numpy()
    expected = theirs.predict_proba(((unseen - mean) / deviation).numpy())
    assert (got.argmax(1) == labels[900:]).mean() > 0.9
    assert abs(got - expected).max() < 0.01


def test_a_new_head_starts_small() -> None:
    net = create("squeezenet", 4, 3)
    before = net.features[0].weight.clone()
    transfer.begin_head(net)
    weight, bias = net.classifier[1].weight, net.classifier[1].bias
    assert 0.008 < weight.std().item() < 0.012 and not bias.any()
    assert torch.equal(net.features[0].weight, before)


@pytest.mark.parametrize("name, offset", [("resnet34", 0.0), ("squeezenet", 100.0)])
def test_a_fitted_head_answers_inside_the_network_as_it_did_outside(name: str, offset: float) -> None:
    torch.manual_seed(0)
    net, layer, x = create(name, 4, 3).eval(), nn.Linear(512, 4), torch.rand(3, 3, 64, 64)
    transfer.set_head(net, layer, offset)
    with torch.no_grad():
        assert torch.allclose(net(x), layer(transfer.features(net, iter([x]))) + offset, atol=1e-3)
    with pytest.raises(InvalidInput, match="cannot be"):
        transfer.set_head(net, nn.Linear(512, 5))
