"""The networks whose features tell content and style apart, cut off behind the last layer that is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.blocks import Entrance
from facerec.cnn.networks import create, published
from facerec.cnn.networks.squeezenet import Fire
from facerec.cnn.preparation import Preparation, plain
from facerec.cnn.pretrained import TRUSTED, fetched, own_facts, recognised
from facerec.cnn.weight_files import State, read_state
from facerec.errors import DamagedFile, InvalidInput
from facerec.style.packaged import packaged_state

PACKAGED, RANDOM, INPUT = "packaged", "random", "input"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at where nobody says it.

    network  as `create` knows it
    style    layers whose correlations make the style, each with the same weight
    content  the layer whose activations make the content
    beta     the weight of the style beside a content of 1
    """

    network: str
    style: tuple[str, ...]
    content: str
    beta: float = 100.0


SMALL = Choice("small_vgg", (INPUT, "pool1", "pool2", "pool3", "relu4_1"), "pool3")
VGG = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CHOICES: dict[str, Choice] = {
    PACKAGED: SMALL,
    "squeezenet": Choice("squeezenet", (INPUT, "fire2", "fire3", "fire5"), "fire5", 20.0),
    "vgg16": Choice("vgg16", VGG, "relu4_2"),
    "vgg19": Choice("vgg19", VGG, "relu4_2"),
    "small_vgg": SMALL,
    RANDOM: SMALL,
}
"""Name -> network and layers. Gatys et al. (2015) chose those of VGG, and the pools for textures, which are cheaper:
a Gram matrix of N filters costs N^2 at each place. `random` has the shape of `packaged`."""


class Features(nn.Module):
    """A picture (B, 3, H, W) as 0..1 -> the maps of the named layers, in that order.

    The preparation, which is linear, stands before them as a 1x1 convolution: what it needs is on the network's device.

    The network is frozen, and what lies behind the last named layer is not there. Raises InvalidInput for an unknown
    layer, listing the known.
    """

    mixing: Tensor
    offset: Tensor

    def __init__(self, stem: nn.Sequential, layers: Sequence[str], preparation: Preparation, smallest: int):
        super().__init__()
        self.names = layer_names(stem)
        if unknown := [name for name in layers if name not in self.names]:
            raise InvalidInput(f"no layer {', '.join(unknown)}; the network has: {', '.join(self.names)}")
        self.layers, self.preparation, self.smallest = tuple(layers), preparation, smallest
        self.places = {self.names[name]: name for name in layers}
        self.stem = nn.Sequential(*list(stem)[: max(self.places) + 1])
        self.requires_grad_(False).eval()
        offset = preparation.normalised(torch.zeros(3, 1, 1))
        columns = [preparation.normalised(255 * colour[:, None, None]) - offset for colour in torch.eye(3)]
        self.register_buffer("mixing", torch.stack(columns, dim=1))  # (C, 3, 1, 1)
        self.register_buffer("offset", offset.flatten())

    def forward(self, picture: Tensor) -> list[Tensor]:
        x, found = F.conv2d(picture, self.mixing, self.offset), {}
        if INPUT in self.layers:
            found[INPUT] = x
        for place, layer in enumerate(self.stem):
            x = layer(x)
            if place in self.places:
                found[self.places[place]] = x
        return [found[name] for name in self.layers]


def layer_names(stem: nn.Sequential) -> dict[str, int]:
    """The layers that can be looked at, by the names of the papers -> place in the network.

    Convolutions are not among them: the activation behind one writes over its output. The input is: its correlations
    are those of the colours, which a small network hardly tells, and they cost next to nothing.

    >>> list(layer_names(create("squeezenet").features))[:4]
    ['input', 'relu1', 'pool1', 'fire2']
    """
    fires = any(isinstance(layer, Fire) for layer in stem)
    return {INPUT: -1} | dict(fire_names(stem) if fires else stage_names(stem))


def stage_names(stem: nn.Sequential) -> Iterator[tuple[str, int]]:
    """Of VGG: relu2_1 is the first of the second stage, which pool2 ends."""
    stage, number = 1, 0
    for place, layer in enumerate(stem):
        if isinstance(layer, nn.ReLU):
            number += 1
            yield f"relu{stage}_{number}", place
        elif isinstance(layer, nn.MaxPool2d):
            yield f"pool{stage}", place
            stage, number = stage + 1, 0


def fire_names(stem: nn.Sequential) -> Iterator[tuple[str, int]]:
    """Of SqueezeNet: relu1, pool1, fire2, ... pool4, fire5 ... as its paper's table 1 numbers them."""
    number = 0
    for place, layer in enumerate(stem):
        if isinstance(layer, Fire | nn.Conv2d):
            number += 1
        kind = {"ReLU": "relu", "MaxPool2d": "pool", "Fire": "fire"}.get(type(layer).__name__)
        if kind:
            yield f"{kind}{number}", place


def open_features(name: str, layers: Sequence[str], weights: Path | None = None, seed: int = 0) -> Features:
    """The named network of CHOICES with its weights: packaged, published and fetched once, those of a file, or random.

    Raises InvalidInput for an unknown name or layer and for weights that do not fit, MissingPart where the weights are
    neither here nor can be fetched, DamagedFile where a file is not whole.
    """
    if name not in CHOICES:
        raise InvalidInput(f"no features {name!r}; known: {', '.join(CHOICES)}")
    network = CHOICES[name].network
    if weights is not None and name in (PACKAGED, RANDOM):
        raise InvalidInput(f"the {name} features have their weights: give --net {network} --weights {weights}")
    state, preparation = weights_for(name, network, weights, seed)
    with torch.device("meta"):
        stem = features_of(create(network))
    own = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
    try:
        stem.load_state_dict(own, assign=True)
    except RuntimeError as error:  # torch's word for names or shapes that differ
        raise DamagedFile(f"these are not the features of {network}: {' '.join(str(error).split())[:200]}") from error
    return Features(stem, layers, preparation, smallest_of(network))


def weights_for(name: str, network: str, weights: Path | None, seed: int) -> tuple[State, Preparation]:
    """The state of the whole network, or of its features, and how pictures reach it."""
    if name == RANDOM:
        return random_state(network, seed), plain(published(network).size, 3)
    if weights is None and name in (PACKAGED, "small_vgg"):
        return packaged_state(), plain(published(network).size, 3)
    if weights is None:
        entry = published(network)
        return recognised(network, *fetched(network), entry.classes, entry.channels)
    state, facts = read_state(weights, TRUSTED)
    if facts:
        return state, own_facts(network, facts, weights)[1]
    entry = published(network)
    return recognised(network, state, str(weights), entry.classes, entry.channels)


def random_state(network: str, seed: int) -> State:
    """Fresh weights (He et al., 2015), the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return create(network).state_dict()


def features_of(net: nn.Module) -> nn.Sequential:
    """The part of a network that makes maps."""
    stem = net.get_submodule("features")
    assert isinstance(stem, nn.Sequential)
    return stem


def smallest_of(network: str) -> int:
    """The least side that the network takes, pixels."""
    with torch.device("meta"):
        entrance = create(network).get_submodule("entrance")
    assert isinstance(entrance, Entrance)
    return entrance.smallest
