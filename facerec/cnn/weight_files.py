"""Weights from a file, in any of the forms in which they travel, without ever running what is in it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load

from facerec.digest import sha256, verify_digest
from facerec.errors import DamagedFile, InvalidInput, MissingPart

State = dict[str, torch.Tensor]
"""Name of a weight -> its values."""
FACTS = "facerec"
"""The key of a safetensors file's metadata under which a classifier's own facts stand, as JSON."""


def read_content(path: Path) -> bytes:
    """The bytes of a file. Raises MissingPart where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingPart(
            f"no weights at {str(path)!r} ({error.strerror}): give a .safetensors, an .npz, or a published .pth file"
        ) from error


def read_state(path: Path, trusted: Mapping[str, str]) -> tuple[State, dict[str, Any]]:
    """The weights in a .safetensors, .npz or .pth file as float32, and what the file says of itself (often nothing).

    A .pth file is a pickle, and is opened only where its sha256 is one of `trusted` (digest -> name of the file).
    Raises InvalidInput for another kind of file or an unknown .pth, MissingPart and DamagedFile for the file itself.
    """
    content = read_content(path)
    if path.suffix == ".safetensors":
        return read_safetensors(content, str(path)), facts_of(content, str(path))
    if path.suffix == ".npz":
        return read_npz(content, str(path)), {}
    if path.suffix in (".pth", ".pt"):
        digest = sha256(content)
        if digest not in trusted:
            raise InvalidInput(
                f"{path} is a pickle, which can run code when it is opened, and none of the published files "
                f"({', '.join(sorted(trusted.values()))}): convert it to safetensors where you trust it"
            )
        return read_published(content, digest, str(path)), {}
    raise InvalidInput(f"{path} is no file of weights: give .safetensors, .npz, or a published .pth")


def read_safetensors(content: bytes, name: str) -> State:
    """Raises DamagedFile where it is no whole safetensors file."""
    try:
        return as_float(load(content))
    except SafetensorError as error:
        raise DamagedFile(f"{name} is no whole safetensors file ({error}): fetch it again") from error


def facts_of(content: bytes, name: str) -> dict[str, Any]:
    """What a safetensors file that this package wrote says of its classifier; empty for any other.

    The file must have been read whole before.
    """
    length = struct.unpack("<Q", content[:8])[0]
    kept = json.loads(content[8 : 8 + length]).get("__metadata__", {}).get(FACTS, "{}")
    try:
        facts = json.loads(kept)
    except ValueError as error:
        raise DamagedFile(f"{name} does not say what its classes are ({error})") from error
    return facts if isinstance(facts, dict) else {}


def read_npz(content: bytes, name: str) -> State:
    """Raises DamagedFile where it is no whole archive of plain arrays; objects, which are pickles, are refused."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return as_float({key: torch.from_numpy(np.ascontiguousarray(arrays[key])) for key in arrays.files})
    except (ValueError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"{name} is no archive of plain arrays ({error})") from error


def read_published(content: bytes, digest: str, name: str) -> State:
    """A published .pth file, opened only after its digest is found right, and then for tensors alone."""
    verify_digest(content, digest, name)
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return as_float(dict(state))


def as_float(state: State) -> State:
    """Half precision becomes float32; counters stay whole numbers."""
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
