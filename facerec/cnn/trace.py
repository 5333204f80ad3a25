"""What every module of a network makes of an input, followed without computing a single value.

The network runs on torch's meta device, where tensors have shapes but no content, so that the largest one costs
little more than the smallest. Modules are seen by forward hooks; what happens between them (a sum, a joining) by
a dispatch mode, which is how receptive fields follow branches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from facerec.cnn import operators
from facerec.cnn.arithmetic import FLOAT32, Shape
from facerec.cnn.receptive_field import ReceptiveField, union
from facerec.errors import InvalidInput

Fields = tuple[ReceptiveField, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One module at work, for one sample.

    name             dotted, as in `named_modules`; "" is the network itself
    kind             name of its class
    leaf             whether no module works inside it
    shape            of its output (of the first, where it has several), (C, *sizes)
    parameters       its own, not those of modules inside; 0 when it is called again
    multiplications  its own, each with its addition
    bytes            that its output takes in float32; 0 where it writes over its input
    fields           receptive field along each axis of the input
    """

    name: str
    kind: str
    leaf: bool
    shape: Shape
    parameters: int
    multiplications: int
    bytes: int
    fields: Fields


@dataclass(slots=True)
class Frame:
    """A module that is at work just now."""

    name: str
    leaf: bool = True
    multiplications: int = 0


@dataclass(slots=True)
class Trace:
    """What is known so far: the modules at work, the innermost last, and those that are done."""

    frames: list[Frame] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


class Follow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps the receptive field of every tensor that comes from the picture, and counts multiplications."""

    def __init__(self, picture: Tensor, frames: list[Frame]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.axes = picture.ndim - 2
        self.frames = frames
        self.fields = WeakTensorKeyDictionary()
        self.fields[picture] = (ReceptiveField(),) * self.axes

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = operators.arguments(func, args, kwargs or {})
        sources = [tensor for tensor in tensors(list(given.values())) if tensor in self.fields]
        sizes = [max(axis) for axis in zip(*(self.sizes(tensor) for tensor in sources), strict=True)]
        with named_errors(self.frames[-1].name):
            operators.require_fitting_weights(func, given)
            operators.require_fitting_windows(func, given, sizes)
        output = func(*args, **(kwargs or {}))
        self.frames[-1].multiplications += operators.multiplications(func, given, output)
        if sources:
            fields = tuple(
                union((self.fields[t][axis], self.sizes(t)[axis]) for t in sources) for axis in range(self.axes)
            )
            for tensor in tensors(output):
                self.fields[tensor] = operators.fields_after(func, given, fields, sizes, self.sizes(tensor))
        return output

    def sizes(self, tensor: Tensor) -> list[int]:
        """The last axes of a tensor, as many as the picture has."""
        return [*[1] * self.axes, *tensor.shape[1:]][-self.axes :]


@contextmanager
def named_errors(layer: str) -> Iterator[None]:
    """Put the layer's name in front of what it complains about."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"layer {layer or 'input'}: {error}") from error


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value that may be nested: a tuple, a list, a dict."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)


def trace(net: nn.Module, shape: Shape) -> list[Call]:
    """Every call of every module, in the order in which they end, for an input of `shape`, (C, *sizes).

    The network runs in evaluation mode and is left as it was. Raises InvalidInput when the input does not suit.
    """
    weights, picture = meta_weights(net), torch.empty((1, *shape), device="meta")
    record = Trace([Frame("")])
    follow = Follow(picture, record.frames)
    with torch.no_grad(), evaluating(net), recording(net, record, follow), follow:
        run_on_meta(net, weights, picture)
    return record.calls


def meta_weights(net: nn.Module) -> dict[str, Tensor]:
    """The network's parameters and buffers by name, without their content."""
    named = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {name: held.detach().to("meta").requires_grad_(held.requires_grad) for name, held in named.items()}


def run_on_meta(net: nn.Module, weights: Mapping[str, Tensor], picture: Tensor) -> Any:
    """The network's output for an input without content. Raises InvalidInput where the input does not suit it."""
    try:
        return torch.func.functional_call(net, dict(weights), (picture,))
    except RuntimeError as error:  # torch's own word for shapes that do not go together
        size = "x".join(map(str, picture.shape[1:]))
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"this network cannot take an input of {size}: {reason}") from error


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards every module is in its own mode again."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def recording(net: nn.Module, record: Trace, follow: Follow) -> Iterator[None]:
    """Note every call of a module while the network runs."""
    names = {module: name for name, module in net.named_modules()}

    def begin(module: nn.Module, inputs: Any) -> None:
        record.frames[-1].leaf = False
        record.frames.append(Frame(names[module]))

    def end(module: nn.Module, inputs: Any, output: Any) -> None:
        record.calls.append(call(module, record.frames.pop(), inputs, output, record.calls, follow))

    with ExitStack() as hooks:
        for module in names:
            hooks.callback(module.register_forward_pre_hook(begin).remove)
            hooks.callback(module.register_forward_hook(end).remove)
        yield


def call(module: nn.Module, frame: Frame, inputs: Any, output: Any, earlier: Sequence[Call], follow: Follow) -> Call:
    """What is to be noted when a module is done."""
    first = next(tensors(output))
    own = (
        0
        if any(done.name == frame.name for done in earlier)
        else sum(weights.numel() for weights in module.parameters(recurse=False))
    )
    in_place = storage(first) in map(storage, tensors(inputs))
    return Call(
        frame.name,
        type(module).__name__,
        frame.leaf,
        tuple(first.shape[1:]),
        own,
        frame.multiplications,
        0 if in_place else math.prod(first.shape) * FLOAT32,
        follow.fields.get(first, ()),  # type: ignore[no-untyped-call]
    )


def storage(tensor: Tensor) -> int:
    """Which memory a tensor lies in; tensors that share it give the same number while they live."""
    return int(tensor.untyped_storage()._cdata)
