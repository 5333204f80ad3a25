"""What a run computes on, and how: a processor or a GPU, in bfloat16 where it has that, compiled where it can be."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable

import torch
from torch import nn

from facerec.errors import MissingPart

DEVICES = ("auto", "cpu", "cuda")

Forward = Callable[[torch.Tensor], torch.Tensor]
"""Views (B, 3, S, S) -> their embeddings (B, 128)."""


def device_of(name: str) -> torch.device:
    """`cpu`, `cuda`, or `auto`: a GPU where torch sees one. Under torchrun every process has a GPU of its own.

    Raises MissingPart for `cuda` where there is no GPU, and where there are fewer of them than processes.
    """
    seen = torch.cuda.device_count() if name != "cpu" and torch.cuda.is_available() else 0
    if not seen:
        if name == "cuda":
            raise MissingPart('device = "cuda" needs a GPU and a torch that was built for it: set device = "auto"')
        return torch.device("cpu")
    place = int(os.environ.get("LOCAL_RANK", 0))
    if place >= seen:
        raise MissingPart(f"process {place} of this machine has no GPU, there are {seen}: start as many processes")
    return torch.device("cuda", place)


def has_bf16(device: torch.device) -> bool:
    """Does it compute in bfloat16 itself? Elsewhere torch would imitate it, slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """A context in which a trunk computes in bfloat16, where that is wanted and the device has it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16 and has_bf16(device))


def compiled(trunk: nn.Module) -> Forward:
    """The trunk's forward pass, compiled at the first batch of each size.

    Raises MissingPart without a compiler, and, when it is called, where compiling fails: a run that was killed while it
    compiled leaves half a file among those that torch keeps, and torch takes it for a whole one.
    """
    require_compiler()
    from torch._dynamo.exc import BackendCompilerFailed  # takes seconds, and only who compiles needs it
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    forward = torch.compile(trunk, dynamic=False)

    def call(views: torch.Tensor) -> torch.Tensor:
        try:
            rows: torch.Tensor = forward(views)
        except BackendCompilerFailed as error:
            reason = str(error).strip().splitlines()[0]
            raise MissingPart(
                f"the trunk cannot be compiled ({reason}): delete {cache_dir()}, where torch keeps what it has "
                "compiled, and start again; or set compiled = false"
            ) from error
        return rows

    return call


def require_compiler() -> None:
    """Raise MissingPart where `compiled` cannot work: torch.compile makes C++ for the processor at hand."""
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))):
        raise MissingPart("compiled = true needs a C++ compiler such as g++: install one, or set compiled = false")
