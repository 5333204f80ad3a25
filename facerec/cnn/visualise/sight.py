"""A network ready to be looked into, and pictures as it takes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facerec.cnn.networks import create, published
from facerec.cnn.preparation import Preparation, plain, squared
from facerec.records import Image


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A network in evaluation mode, how pictures reach it, and what its classes are called, where that is known."""

    net: nn.Module
    preparation: Preparation
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Side of the network's input, pixels."""
        return self.preparation.crop

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Of one picture as the network takes it: (C, size, size)."""
        return (len(self.preparation.means), self.size, self.size)

    def fitted(self, image: Image) -> Image:
        """The largest square around the middle, in the network's size: (H, W, 3) -> (size, size, 3)."""
        return squared(image, self.size)

    def prepared(self, square: Image) -> Tensor:
        """A picture of the network's size: (size, size, 3) -> (1, C, size, size); values change, places do not."""
        levels = torch.from_numpy(square.copy()).permute(2, 0, 1).float()
        return self.preparation.normalised(levels)[None]

    def input(self, image: Image) -> Tensor:
        """Any picture as the network's input: (H, W, 3) -> (1, C, size, size)."""
        return self.prepared(self.fitted(image))


def look_into(net: nn.Module, size: int, channels: int = 3) -> Sight:
    """A network that takes levels as 0..1. Raises InvalidInput for anything but one or three channels."""
    return Sight(net.eval(), plain(size, channels))


def look_into_fresh(name: str, classes: int | None = None, channels: int | None = None) -> Sight:
    """The named network in its published size, with weights that have learned nothing; None is as published.

    Raises InvalidInput for an unknown name.
    """
    entry = published(name)
    channels = entry.channels if channels is None else channels
    return look_into(create(name, entry.classes if classes is None else classes, channels), entry.size, channels)
