"""The networks of other people that ours must agree with, and weights for both."""

from __future__ import annotations

import importlib
import importlib.util

import torch
from torch import nn

from facerec.cnn.networks import create
from facerec.cnn.networks.keys import RENAMINGS, renamed
from tests import reference

QUIET = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}


def pair(name: str, pictures: torch.Tensor, seed: int = 0) -> tuple[nn.Module, nn.Module]:
    """The publisher's network with random weights and ours with the same, both in evaluation mode.

    The tensors are shared; the norms have seen the pictures.
    """
    with torch.device("meta"):
        theirs, ours = publishers(name), create(name)
    theirs.to_empty(device="cpu")
    randomise(theirs, torch.Generator().manual_seed(seed))
    settle(theirs, pictures)
    ours.load_state_dict(renamed(name, theirs.state_dict()), assign=True)
    return theirs.eval(), ours.eval()


def is_installed(name: str) -> bool:
    """Whether the network's publisher is: timm need not be."""
    return RENAMINGS[name].publisher != "timm" or importlib.util.find_spec("timm") is not None


def publishers(name: str) -> nn.Module:
    """The network as its publisher builds it, for 1,000 classes."""
    renaming = RENAMINGS[name]
    package = reference.torchvision()  # the others import it too
    if renaming.publisher == "torchvision":
        return getattr(package.models, renaming.theirs)(**QUIET.get(renaming.theirs, {}))
    if renaming.publisher == "facenet-pytorch":
        return reference.facenet_pytorch().InceptionResnetV1(classify=True, num_classes=1000)
    network = importlib.import_module("timm").create_model(renaming.theirs, pretrained=False)
    return with_eps_of(create(name), network)


def with_eps_of(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """Theirs, its batch norms with the constant of ours: timm's differ from the publishers' own."""
    eps = {module.eps for module in ours.modules() if isinstance(module, nn.BatchNorm2d)}
    assert len(eps) == 1
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = next(iter(eps))
    return theirs


def randomise(network: nn.Module, draw: torch.Generator) -> None:
    """Random weights, such that the values of every map stay moderate where no norm sees to it."""
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            tensor.zero_()
        elif tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=draw)
        elif key.endswith("weight"):
            tensor.uniform_(0.5, 1.0, generator=draw)
        else:
            tensor.normal_(0, 0.1, generator=draw)


def settle(network: nn.Module, pictures: torch.Tensor) -> None:
    """Give every batch norm the statistics of these pictures, so that what is in them reaches the logits."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean over all batches, of which there is one
    if norms:
        network.train()
        with torch.no_grad():
            network(pictures)
