"""A network by its name, with weights from a file, ready to be looked into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from facerec import images
from facerec.cnn.networks import NETWORKS, create
from facerec.cnn.visualise.sight import Sight, look_into
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.records import Image


def look_into_network(
    name: str, weights: Path | None = None, classes: int | None = None, channels: int | None = None
) -> Sight:
    """The named network in its published input size; without a file its weights are fresh, and mean nothing.

    Raises InvalidInput for an unknown name or weights of another network, MissingPart or DamagedFile for the file.
    """
    published = NETWORKS.get(name)
    if published is None:
        raise InvalidInput(f"no network {name!r}; known: {', '.join(NETWORKS)}")
    channels = published.channels if channels is None else channels
    net = create(name, published.classes if classes is None else classes, channels)
    if weights is not None:
        load_weights(net, weights)
    return look_into(net, published.size, channels)


def load_weights(net: nn.Module, path: Path) -> None:
    """Fill a network from a safetensors file, which must fit to the last tensor."""
    if not path.is_file():
        raise MissingPart(f"no weights at {path}: give a safetensors file of this network")
    try:
        net.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise DamagedFile(f"{path} is no whole safetensors file ({error}): fetch it again") from error
    except RuntimeError as error:  # torch's word for names or shapes that differ
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{path} holds weights of another network or number of classes: {reason}") from error


def pictures_in(folder: Path) -> Iterator[tuple[str, Image]]:
    """The pictures of a folder and those below it, one after the other, each with its path in it."""
    for path in images.find(folder):
        yield str(path.relative_to(folder)), images.load(path)
