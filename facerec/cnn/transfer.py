"""Taking over what a network learned on one task for another: its stages, its head, and features computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from facerec.cnn.networks.capsule import CapsuleNetwork
from facerec.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of each weight, by name.

    loaded      taken over
    missing     of the network, and not in the file: left as it was
    unexpected  in the file, and not of the network: passed over
    misshapen   in both, with another shape: left as it was
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    def __str__(self) -> str:
        others = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.misshapen}
        left = [f"{len(names)} {word} ({shown(names)})" for word, names in others.items() if names]
        return "; ".join([f"{len(self.loaded)} weights taken over", *left])


def shown(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:4]) + ", ..." * (len(names) > 4)


def load_fitting(net: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Take over every weight that is there under the same name in the same shape, and say what was not.

    Raises InvalidInput where nothing fits at all.
    """
    own = net.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    if not fitting:
        raise InvalidInput("none of these weights fits this network: they are another's")
    net.load_state_dict(fitting, strict=False)
    return LoadReport(
        loaded=tuple(fitting),
        missing=tuple(name for name in own if name not in state),
        unexpected=tuple(name for name in state if name not in own),
        misshapen=tuple(name for name in state if name in own and name not in fitting),
    )


def stages(net: nn.Module) -> tuple[str, ...]:
    """The names of the network's parts that hold weights, from the input on: what `freeze` takes."""
    return tuple(name for name, part in net.named_children() if any(True for _ in part.parameters()))


def parts(net: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """The named stages, or parts of them (features.3). Raises InvalidInput for an unknown one."""
    known = dict(net.named_modules())
    if unknown := [name for name in names if not name or name not in known]:
        raise InvalidInput(f"no stage {', '.join(unknown)}; the network has: {', '.join(stages(net))}")
    return [known[name] for name in names]


def freeze(net: nn.Module, names: Sequence[str]) -> None:
    """Keep the weights of the named stages as they are. Raises InvalidInput for an unknown one."""
    for part in parts(net, names):
        part.requires_grad_(False)


def unfreeze(net: nn.Module, names: Sequence[str]) -> None:
    """Let the named stages learn again."""
    for part in parts(net, names):
        part.requires_grad_(True)


def to_training(net: nn.Module) -> None:
    """Training mode, except for frozen parts: their norms keep the statistics, and their dropout drops nothing."""
    net.train()
    for part in net.modules():
        weights = list(part.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            part.eval()


def head(net: nn.Module) -> str:
    """The name of the layer that makes the logits: the last dense or convolutional one.

    Raises InvalidInput where there is none, and for capsules, which have their answer in their length.
    """
    layers: list[str] = [name for name, part in net.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    if not layers or isinstance(net, CapsuleNetwork):
        raise InvalidInput("the network's last layer is not dense and no convolution: it cannot get another head")
    return layers[-1]


def begin_head(net: nn.Module) -> None:
    """Give the head small fresh weights, normal with deviation 0.01, and a bias of 0 (Girshick et al., 2014).

    Large ones would send large errors into what lies below, and a rectified head such as SqueezeNet's dies of them.
    """
    layer = net.get_submodule(head(net))
    for name, value in layer.named_parameters():
        nn.init.normal_(value, std=0.01) if name == "weight" else nn.init.zeros_(value)


def freeze_body(net: nn.Module) -> None:
    """Let only the head learn."""
    net.requires_grad_(False)
    unfreeze(net, [head(net)])


def groups(net: nn.Module, body: float) -> list[dict[str, Any]]:
    """What an optimizer may change, each group with its `share` of the learning rate: 1 for the head, else `body`.

    Frozen weights are in none.
    """
    last = head(net) + "."
    learning = [(name, weight) for name, weight in net.named_parameters() if weight.requires_grad]
    above = [weight for name, weight in learning if name.startswith(last)]
    below = [weight for name, weight in learning if not name.startswith(last)]
    both = [{"params": above, "share": 1.0}, {"params": below, "share": body}]
    return [group for group in both if group["params"]]


class _Reached(Exception):
    """The head was reached: what lies behind it need not run."""


@torch.no_grad()
def features(net: nn.Module, batches: Iterator[Tensor]) -> Tensor:
    """What the head sees of each picture, in evaluation mode, maps averaged over the picture: -> (N, F) float32.

    `batches` are inputs (B, C, H, W), one after the other. Computed once, they train a shallow head in seconds.
    """
    seen: list[Tensor] = []

    def catch(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].mean(dim=(2, 3)) if inputs[0].ndim == 4 else inputs[0])
        raise _Reached

    was_training = net.training
    handle = net.eval().get_submodule(head(net)).register_forward_pre_hook(catch)
    try:
        for batch in batches:
            try:
                net(batch)
            except _Reached:
                continue
    finally:
        handle.remove()
        net.train(was_training)
    return torch.cat(seen)


def shallow_head(rows: Tensor, labels: Tensor, classes: int, decay: float = 1e-3, iterations: int = 200) -> nn.Linear:
    """A dense layer that tells classes apart by features (N, F): logistic regression, fitted to the end by L-BFGS.

    Features are brought to mean 0 and deviation 1 for the fit; the layer that comes back takes them as they are.
    """
    mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0).clamp(min=1e-6)
    scaled, layer = (rows - mean) / deviation, nn.Linear(rows.shape[1], classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=iterations, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = nn.functional.cross_entropy(layer(scaled), labels) + decay * layer.weight.square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.weight.div_(deviation)
        layer.bias.sub_(layer.weight @ mean)
    return layer


@torch.no_grad()
def set_head(net: nn.Module, layer: nn.Linear, offset: float = 0.0) -> None:
    """Give the network's head the weights of a dense layer that was fitted to its `features`.

    `offset` is added to every class: softmax does not see it, and a rectified head, such as SqueezeNet's, passes
    everything on where it is large enough. Raises InvalidInput where the shapes differ.
    """
    own = net.get_submodule(head(net))
    weight, bias = own.get_parameter("weight"), own.get_parameter("bias")
    if weight.flatten(1).shape != layer.weight.shape:
        raise InvalidInput(f"a head of {tuple(weight.flatten(1).shape)} cannot be {tuple(layer.weight.shape)}")
    weight.copy_(layer.weight.reshape(weight.shape))
    bias.copy_(layer.bias + offset)
