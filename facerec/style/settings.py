"""How a picture is painted: one frozen record, checked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facerec.errors import InvalidInput
from facerec.style.features import CHOICES, PACKAGED

OPTIMIZERS = ("adam", "lbfgs")
STARTS = ("content", "noise")
COLOURS = ("style", "matched", "luminance")


@dataclass(frozen=True, slots=True)
class StyleSettings:
    """The weights of J = alpha * content + beta * style + variation * TV, and how it is made small.

    net        features, one of CHOICES
    weights    a file of weights for them; None: packaged, or the published
    layers     (name, weight) of the style's layers; empty: those of CHOICES, 1 each. The weights are divided by
               their sum
    content    the content's layer; "": that of CHOICES
    alpha, beta, variation  how much each cost weighs; beta None: that of CHOICES
    steps      evaluations of J and its gradient, at each scale
    optimizer  Adam, or L-BFGS with a line search
    rate       Adam's, of the logits of the levels
    init       where the picture starts: the content, or noise
    size       longer side of the painting, pixels; a smaller photo is not enlarged
    scales     so many sizes are painted one after the other, each twice the one before, and the last is `size`
    colours    of the style; of the content by matching the style's to it first; or the content's own, with only
               luminance painted
    seed       of the noise, and of random weights
    device     auto, cpu or cuda
    """

    net: str = PACKAGED
    weights: Path | None = None
    layers: tuple[tuple[str, float], ...] = ()
    content: str = ""
    alpha: float = 1.0
    beta: float | None = None
    variation: float = 1.0
    steps: int = 200
    optimizer: str = "adam"
    rate: float = 0.1
    init: str = "content"
    size: int = 512
    scales: int = 1
    colours: str = "style"
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if found := list(out_of_range(self)):
            raise InvalidInput(f"unusable settings: {'; '.join(found)}")

    @property
    def style_layers(self) -> dict[str, float]:
        """Layer -> its share; they sum to 1."""
        given = dict(self.layers) or dict.fromkeys(CHOICES[self.net].style, 1.0)
        return {name: weight / sum(given.values()) for name, weight in given.items()}

    @property
    def style_weight(self) -> float:
        return CHOICES[self.net].beta if self.beta is None else self.beta

    @property
    def content_layer(self) -> str:
        return self.content or CHOICES[self.net].content


def out_of_range(settings: StyleSettings) -> Iterator[str]:
    """What is wrong with the settings, in words."""
    if settings.net not in CHOICES:
        yield f"net must be one of {', '.join(CHOICES)}"
    for name, known in (("optimizer", OPTIMIZERS), ("init", STARTS), ("colours", COLOURS)):
        if getattr(settings, name) not in known:
            yield f"{name} must be one of {', '.join(known)}"
    for name in ("steps", "size", "scales"):
        if getattr(settings, name) < 1:
            yield f"{name} must be 1 or more"
    for name in ("alpha", "beta", "variation"):
        weight = getattr(settings, name)
        if weight is not None and not 0 <= weight < float("inf"):
            yield f"{name} must be 0 or more"
    if not 0 < settings.rate < float("inf"):
        yield "rate must be above 0"
    if settings.alpha == 0 == settings.beta:
        yield "one of alpha and beta must be above 0"
    if settings.layers and not all(0 < weight < float("inf") for _, weight in settings.layers):
        yield "every layer's weight must be above 0"
    if settings.scales >= 1 and settings.size >> (settings.scales - 1) < 16:
        yield f"{settings.scales} scales of which the last is {settings.size} begin with less than 16 pixels"
