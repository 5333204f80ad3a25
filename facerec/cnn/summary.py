"""A network as a table: layers, shapes, parameters, multiply-adds, memory and receptive field."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from facerec.cnn.arithmetic import Shape
from facerec.cnn.memory import inference_memory, training_memory
from facerec.cnn.networks import create, published
from facerec.cnn.receptive_field import ReceptiveField
from facerec.cnn.trace import Call, trace
from facerec.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Summary:
    """What a network is made of, and what one input costs it.

    input            (C, *sizes)
    calls            every module at work, in the order in which they end
    parameters       of the whole network, those included that evaluation does not use
    inference_bytes  of the activations held at once, at most, without gradients, float32
    training_bytes   that one input leaves behind for the backward pass, float32
    """

    input: Shape
    calls: tuple[Call, ...]
    parameters: int
    inference_bytes: int
    training_bytes: int

    @property
    def layers(self) -> tuple[Call, ...]:
        """The modules that do the work: leaves, and others with weights or multiplications of their own."""
        return tuple(call for call in self.calls if call.leaf or call.parameters or call.multiplications)

    @property
    def multiplications(self) -> int:
        """Multiply-adds of convolutions, dense layers and other matrix products for one input."""
        return sum(call.multiplications for call in self.calls)

    @property
    def output(self) -> Shape:
        return self.calls[-1].shape

    @property
    def fields(self) -> tuple[ReceptiveField, ...]:
        """Of the last map whose cells still see different parts of the input; along each axis."""
        local = [call.fields for call in self.calls if call.fields and any(field.jump for field in call.fields)]
        return local[-1] if local else (ReceptiveField(),) * (len(self.input) - 1)


def summarise(net: nn.Module, shape: Shape) -> Summary:
    """Follow one input of `shape`, (C, *sizes), through a network without computing any value.

    Raises InvalidInput where the input does not suit the network.
    """
    calls = trace(net, shape)
    parameters = sum(weights.numel() for weights in net.parameters())
    return Summary(shape, tuple(calls), parameters, inference_memory(net, shape), training_memory(net, shape))


def fields_at(net: nn.Module, layer: str, shape: Shape) -> tuple[ReceptiveField, ...]:
    """Receptive field of the named module's output along each axis. Raises InvalidInput for an unknown name."""
    calls = trace(net, shape)
    for call in calls:
        if call.name == layer:
            return call.fields
    names = ", ".join(call.name for call in calls if call.name)
    raise InvalidInput(f"no layer {layer!r}; this network has: {names}")


def summarise_network(
    name: str, sizes: Shape | None = None, classes: int | None = None, channels: int | None = None
) -> Summary:
    """A network of the registry, built without memory; what is left out is as published.

    Raises InvalidInput for an unknown name, or an input that does not suit.
    """
    entry = published(name)
    channels = entry.channels if channels is None else channels
    with torch.device("meta"):
        net = create(name, entry.classes if classes is None else classes, channels)
    return summarise(net, (channels, *(sizes or (entry.size, entry.size))))
