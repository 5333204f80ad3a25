"""How far a view may be from its crop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facerec.errors import InvalidInput

PROBABILITIES = ("mirror", "grey", "blur", "soften", "jpeg", "occlude", "mask")
SHARES = ("scale", "shear", "crop", "brightness", "contrast", "colour")
MOST = {"rotation": 180.0, "shift": 56.0, "warp": 56.0, "pca": 10.0}
"""The largest turn in degrees, the largest ways in pixels of the 112x112 face, the largest deviation."""


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """Spreads and probabilities of one random view; what is 0 is left out. Probabilities are per image.

    Raises InvalidInput for a probability outside 0..1, a share outside 0..1 (1 excluded), and for a number below 0 or
    above what makes sense.
    """

    rotation: float = 6.0  # degrees, uniform in +-
    scale: float = 0.06  # share, uniform in +-
    shift: float = 4.0  # pixels of the 112x112 face, uniform in +-
    shear: float = 0.03  # share, uniform in +-
    crop: float = 0.0  # up to this share of the side is cut off, anywhere
    warp: float = 0.0  # pixels of the 112x112 face that a place may move by itself
    mirror: float = 0.5
    brightness: float = 0.25  # share, uniform in +-
    contrast: float = 0.25
    colour: float = 0.10  # per channel
    pca: float = 0.0  # deviation of the shift along the principal colours, in theirs
    grey: float = 0.10
    blur: float = 0.0
    soften: float = 0.25  # fewer pixels: down to a third and up again
    jpeg: float = 0.0
    occlude: float = 0.20  # one rectangle, up to a third of each side
    mask: float = 0.0  # the lower face

    def __post_init__(self) -> None:
        if found := list(out_of_range(self)):
            raise InvalidInput("; ".join(found))


def out_of_range(settings: AugmentSettings) -> Iterator[str]:
    """What is wrong with the settings, in words."""
    for name in PROBABILITIES:
        if not 0 <= getattr(settings, name) <= 1:
            yield f"augment.{name} is a probability and must be in 0..1"
    for name in SHARES:
        if not 0 <= getattr(settings, name) < 1:
            yield f"augment.{name} is a share and must be in 0..1, 1 excluded"
    for name, most in MOST.items():
        if not 0 <= getattr(settings, name) <= most:
            yield f"augment.{name} must be in 0..{most:g}"
