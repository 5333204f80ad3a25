"""J(G) = alpha J(C, G) + beta J(S, G) + variation TV(G): what is fixed is computed once, the rest at each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facerec.style.costs import content_cost, correlations, layer_style_cost, total_variation
from facerec.style.features import Features


@dataclass(frozen=True, slots=True)
class Costs:
    """One evaluation. `total` = alpha * content + beta * style + weight * variation; all are tensors without axes.

    content    J(C, G), a mean over the layer's activations
    style      J(S, G), the layers' costs by their weights
    variation  TV(G)
    """

    total: Tensor
    content: Tensor
    style: Tensor
    variation: Tensor

    def numbers(self) -> tuple[float, float, float, float]:
        return self.total.item(), self.content.item(), self.style.item(), self.variation.item()


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a painting is compared with.

    content  maps of the content's layer
    style    layer -> correlations (1, N, N), the weighted mean of all styles'
    scales   layer of the style -> 1 / the mean activation of its maps: so costs are alike whatever the network
    content_scale  the same of the content's layer, for the content
    where    layer -> the mask at its size (H, W), or None
    """

    content: Tensor
    style: dict[str, Tensor]
    scales: dict[str, float]
    content_scale: float
    where: dict[str, Tensor | None]


@torch.no_grad()
def targets_of(
    features: Features, content: Tensor, styles: Sequence[Tensor], shares: Sequence[float], mask: Tensor | None
) -> Targets:
    """Look at the content (the last of the features' layers) and at the styles (all the others), once."""
    layers = features.layers[:-1]
    seen = [dict(zip(features.layers, features(style), strict=True)) for style in styles]
    held = features(content)[-1]
    style = {
        layer: torch.stack([share * correlations(maps[layer]) for share, maps in zip(shares, seen, strict=True)]).sum(0)
        for layer in layers
    }
    scales = {layer: inverse_mean([maps[layer] for maps in seen], shares) for layer in layers}
    return Targets(held.clone(), style, scales, inverse_mean([held], (1.0,)), masks_for(features, content, mask))


def inverse_mean(maps: Sequence[Tensor], shares: Sequence[float]) -> float:
    """1 / the mean of all activations' size, of several pictures by their shares."""
    return 1 / max(sum(share * one.abs().mean().item() for share, one in zip(shares, maps, strict=True)), 1e-9)


def masks_for(features: Features, content: Tensor, mask: Tensor | None) -> dict[str, Tensor | None]:
    """The mask (1, 1, H, W) at the size of each layer's maps; None for all where there is none."""
    if mask is None:
        return dict.fromkeys(features.layers)
    sizes = {layer: maps.shape[-2:] for layer, maps in zip(features.layers, features(content), strict=True)}
    return {layer: F.adaptive_avg_pool2d(mask, tuple(size))[0, 0] for layer, size in sizes.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """What is to be made small, of a picture (1, 3, H, W) or, for training, of a batch: its mean.

    Gatys et al. scale a network's weights until its mean activation is 1, so that one beta fits all layers. Here the
    costs are scaled instead: the content's by the square of the mean for the content, the style's by the fourth power
    of that for the style.
    """

    features: Features
    targets: Targets
    weights: Mapping[str, float]
    alpha: float
    beta: float
    variation: float

    def __call__(self, picture: Tensor, content: Tensor | None = None) -> Costs:
        """The costs of a picture; `content` (B, N, H, W) takes the place of the target's, for a batch of others."""
        *styled, held = (maps.float() for maps in self.features(picture))
        targets, count = self.targets, len(picture)
        wanted = targets.content if content is None else content.float()
        scale = targets.content_scale**2 / held.numel()
        content_part = content_cost(wanted, held) * scale
        parts = [
            layer_style_cost(targets.style[layer], correlations(maps, targets.where[layer]))
            * (share * targets.scales[layer] ** 4 / count)
            for (layer, share), maps in zip(self.weights.items(), styled, strict=True)
        ]
        style_part, variation = torch.stack(parts).sum(), total_variation(picture)
        total = self.alpha * content_part + self.beta * style_part + self.variation * variation
        return Costs(total, content_part, style_part, variation)
