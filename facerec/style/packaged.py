"""The feature network that travels with the package: its weights, read only if they are what its card says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from facerec.cnn.weight_files import State, read_safetensors
from facerec.digest import read_verified
from facerec.errors import DamagedFile, MissingPart

FOLDER = Path(__file__).parent / "weights"
WEIGHTS, CARD = "features.safetensors", "card.json"


@cache
def card() -> dict[str, Any]:
    """What is known of the weights. Raises MissingPart where the card is not there, DamagedFile where it is none."""
    try:
        found: dict[str, Any] = json.loads((FOLDER / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingPart(f"the packaged features have no {CARD} ({error.strerror}): install facerec again") from error
    except ValueError as error:
        raise DamagedFile(f"the card of the packaged features is no JSON ({error}): install facerec again") from error
    return found


def packaged_state() -> State:
    """The weights of `small_vgg`'s features, float32. Raises DamagedFile where their digest is not the card's."""
    return read_safetensors(read_verified(FOLDER / WEIGHTS, str(card()["sha256"])), WEIGHTS)
