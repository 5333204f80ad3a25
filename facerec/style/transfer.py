"""Painting: the picture itself is what is optimised, from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facerec.errors import InvalidInput
from facerec.learning.devices import device_of
from facerec.records import Image
from facerec.style.canvas import (
    Size,
    fitted,
    grey,
    luminance,
    prepared_styles,
    require_room,
    resized,
    size_of,
    to_image,
    to_tensor,
    with_colours_of,
)  # fmt: skip
from facerec.style.features import open_features
from facerec.style.memory import require_memory
from facerec.style.objective import Costs, Objective, targets_of
from facerec.style.settings import StyleSettings

HISTORY = 8
"""Pairs of differences that L-BFGS remembers, each as large as the picture."""
MARGIN = 0.02
"""How far from black and from white a painting begins, of the whole range."""
COLUMNS = ("step", "total", "content", "style", "variation", "side")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One evaluation on the way; `image()` is what is painted so far.

    number, of  counted over all scales, from 1
    total, content, style, variation  as in `Costs`
    """

    number: int
    of: int
    total: float
    content: float
    style: float
    variation: float
    image: Callable[[], Image]


Watch = Callable[[Step], None]


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """A painted picture and what it cost.

    image  RGB uint8
    start  costs of the first picture of the last scale: total, content, style, variation
    final  of the painting itself, cut to 0..1
    curve  (K, 6) float64: step, total, content, style, variation, longer side of every evaluation
    """

    image: Image
    start: tuple[float, float, float, float]
    final: tuple[float, float, float, float]
    curve: np.ndarray


def paint(
    content: Image,
    styles: Sequence[Image],
    settings: StyleSettings | None = None,
    shares: Sequence[float] = (),
    mask: Image | None = None,
    watch: Watch | None = None,
) -> Painting:
    """Paint `content` in the manner of `styles`, mixed by `shares` (equal where none are given).

    Where `mask` (of any size) is black the content stays as it is, and only where it is white the style is judged.
    The same pictures, settings and number of threads give the same painting.
    Raises InvalidInput for shares that do not fit, ImageTooSmall, ImageTooLarge where memory does not suffice, and what
    `open_features` raises.
    """
    studio = Studio(settings or StyleSettings(), normalised_shares(shares, len(styles)))
    return studio.paint(content, styles, mask, watch)


def normalised_shares(shares: Sequence[float], count: int) -> tuple[float, ...]:
    """Shares that sum to 1, one for each style. Raises InvalidInput for another number of them, or one not above 0."""
    given = tuple(shares) or (1.0,) * count
    if not count or len(given) != count or not all(0 < share < float("inf") for share in given):
        raise InvalidInput(f"{count} styles need one weight above 0 each, or none at all; {len(given)} came")
    return tuple(share / sum(given) for share in given)


class Studio:
    """The opened features, ready to paint."""

    def __init__(self, settings: StyleSettings, shares: Sequence[float] = (1.0,)):
        self.settings, self.shares = settings, shares
        self.device = device_of(settings.device)
        layers = (*settings.style_layers, settings.content_layer)
        self.features = open_features(settings.net, layers, settings.weights, settings.seed).to(self.device)

    def paint(
        self, content: Image, styles: Sequence[Image], mask: Image | None = None, watch: Watch | None = None
    ) -> Painting:
        settings = self.settings
        sides = [settings.size >> scale for scale in reversed(range(settings.scales))]
        sizes = [fitted(content, side) for side in sides]
        require_room(sizes[0], self.features.smallest, "the content")
        require_memory(self.features, sizes[-1])
        curve: list[tuple[float, ...]] = []
        picture: Tensor | None = None
        for size in sizes:
            scene = self.scene(content, styles, mask, size)
            picture, start = self.descend(scene, scene.begin(picture), curve, watch)
        assert picture is not None  # there is one scale at least
        with torch.no_grad():
            final = scene.objective(scene.composed(picture)).numbers()
        return Painting(scene.image(picture), start, final, np.array(curve))

    def scene(self, content: Image, styles: Sequence[Image], mask: Image | None, size: Size) -> Scene:
        """Everything at one size, and the targets."""
        settings = self.settings
        original = resized(to_tensor(content), size).to(self.device)
        shown = []
        for number, style in enumerate(styles, start=1):
            fitting = fitted(style, max(size))
            require_room(fitting, self.features.smallest, f"style {number}" if len(styles) > 1 else "the style")
            shown.append(resized(to_tensor(style), fitting).to(self.device))
        shown = prepared_styles(shown, original, settings.colours)
        seen = grey(original) if settings.colours == "luminance" else original
        where = None if mask is None else resized(luminance(to_tensor(mask)), size).to(self.device)
        targets = targets_of(self.features, seen, shown, self.shares, where)
        objective = Objective(
            self.features, targets, settings.style_layers, settings.alpha, settings.style_weight, settings.variation
        )
        return Scene(settings, original, seen, where, objective)

    def descend(
        self, scene: Scene, picture: Tensor, curve: list[tuple[float, ...]], watch: Watch | None
    ) -> tuple[Tensor, tuple[float, float, float, float]]:
        """The best picture that so many steps find, and the costs of the first."""
        settings, first = self.settings, len(curve)
        side = max(scene.original.shape[-2:])

        def seen(current: Tensor, costs: Costs) -> None:
            numbers = costs.numbers()
            curve.append((len(curve) + 1.0, *numbers, side))
            if watch:
                of = settings.steps * settings.scales
                watch(Step(len(curve), of, *numbers, image=lambda: scene.image(current)))

        best = minimise(picture, lambda x: scene.objective(scene.composed(x)), settings, seen)
        _, total, content, style, variation, _ = curve[first]
        return best, (total, content, style, variation)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One size of a painting: the content as it is and as it is compared, the mask, and what is to be made small."""

    settings: StyleSettings
    original: Tensor
    seen: Tensor
    where: Tensor | None
    objective: Objective

    def begin(self, coarser: Tensor | None) -> Tensor:
        """The first picture: the coarser painting enlarged, or the content, or noise about the content's mean."""
        if coarser is not None:
            return resized(coarser, size_of(self.seen)).clone()
        if self.settings.init == "content":
            return self.seen.clone()
        draw = torch.Generator().manual_seed(self.settings.seed)
        noise = torch.randn(self.seen.shape, generator=draw).to(self.seen)
        return (self.seen.mean(dim=(2, 3), keepdim=True) + 0.15 * noise).clamp(0, 1)

    def composed(self, picture: Tensor) -> Tensor:
        """The picture where the mask lets it be, and the content elsewhere."""
        return picture if self.where is None else self.seen + self.where * (picture - self.seen)

    def image(self, picture: Tensor) -> Image:
        """What the painting looks like."""
        whole = self.composed(picture.detach())
        return to_image(with_colours_of(self.original, whole) if self.settings.colours == "luminance" else whole)


class _Enough(Exception):
    """All steps are made; it comes out of the optimizer, which would go on."""


def minimise(
    start: Tensor, cost: Callable[[Tensor], Costs], settings: StyleSettings, seen: Callable[[Tensor, Costs], None]
) -> Tensor:
    """The picture of least total cost among `settings.steps` evaluations, from `start` on; `seen` hears of each.

    What is optimised is the logit of every level, so that no level leaves 0..1: cutting them off at the end would bring
    back a tenth and more of the style cost. The start is cut to MARGIN..1 - MARGIN, where a logit moves a level.
    Raises InvalidInput where the cost is no longer a number.
    """
    free = torch.logit(start.clamp(MARGIN, 1 - MARGIN)).requires_grad_(True)
    best, least, done = start.clone(), float("inf"), 0

    def closure() -> Tensor:
        nonlocal least, done
        if done == settings.steps:
            raise _Enough
        free.grad = None
        picture = torch.sigmoid(free)
        costs = cost(picture)
        costs.total.backward()  # type: ignore[no-untyped-call]
        assert free.grad is not None
        free.grad = free.grad.contiguous()  # L-BFGS takes no other, and a convolution may lay it out otherwise
        done += 1
        total = costs.total.item()
        if not np.isfinite(total):
            raise InvalidInput(f"the cost is no number at step {done}: use a lower --beta, or the other optimizer")
        if total < least:
            least = total
            best.copy_(picture.detach())
        seen(picture.detach(), costs)
        return costs.total

    try:
        if settings.optimizer == "lbfgs":
            lbfgs(free, settings.steps).step(closure)  # type: ignore[no-untyped-call]
        else:
            adam = torch.optim.Adam([free], settings.rate)
            while True:
                adam.step(closure)
    except _Enough:
        pass
    return best


def lbfgs(picture: Tensor, steps: int) -> torch.optim.LBFGS:
    """It stops by itself only where no direction leads further down; its line search keeps it from leaping."""
    return torch.optim.LBFGS(
        [picture], max_iter=steps, max_eval=2 * steps, history_size=HISTORY, tolerance_grad=0, tolerance_change=0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
