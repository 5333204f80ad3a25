"""How much memory the activations of a network take, followed without computing a single value.

Both figures leave out the weights, the input, and what an engine borrows for its own work.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from facerec.cnn.arithmetic import Shape
from facerec.cnn.trace import evaluating, meta_weights, run_on_meta, storage, tensors


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are held at a time, and remembers the most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self.holders: Counter[int] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        known = {storage(tensor) for tensor in tensors([*args, *(kwargs or {}).values()])} - self.holders.keys()
        for tensor in tensors(output):
            if storage(tensor) not in known:  # not a view of a weight or of the input
                self.hold(tensor)
        return output

    def hold(self, tensor: Tensor) -> None:
        """Count a tensor's memory until the last tensor that shares it is gone."""
        place, size = storage(tensor), tensor.untyped_storage().nbytes()
        if not self.holders[place]:
            self.now += size
            self.most = max(self.most, self.now)
        self.holders[place] += 1
        weakref.finalize(tensor, self.release, place, size)

    def release(self, place: int, size: int) -> None:
        """One tensor fewer lies in this memory."""
        self.holders[place] -= 1
        if not self.holders[place]:
            del self.holders[place]
            self.now -= size


def inference_memory(net: nn.Module, shape: Shape) -> int:
    """Bytes of the activations that are held at once, at most, for one input (C, *sizes) without gradients."""
    weights, picture = meta_weights(net), torch.empty((1, *shape), device="meta")
    live = Live()
    with torch.no_grad(), evaluating(net), live:
        run_on_meta(net, weights, picture)
    return live.most


def training_memory(net: nn.Module, shape: Shape) -> int:
    """Bytes that one input (C, *sizes) leaves behind for the backward pass, which needs them all at once.

    It is what autograd saves: not every output, since some layers need none, but also what a max pooling notes
    down about where its maxima were. In evaluation mode: dropout's masks are not in it.
    """
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved[storage(tensor)] = tensor
        return tensor

    weights, picture = meta_weights(net), torch.empty((1, *shape), device="meta")
    with torch.enable_grad(), evaluating(net), saved_tensors_hooks(keep, lambda tensor: tensor):
        run_on_meta(net, weights, picture)
    for tensor in [picture, *weights.values()]:
        saved.pop(storage(tensor), None)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
