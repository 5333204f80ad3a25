"""Pictures as the tensors that are painted on, their sizes, and their colours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from facerec.cnn.filters import LUMA
from facerec.errors import ImageTooSmall
from facerec.records import Image

Size = tuple[int, int]
"""Height and width, pixels."""


def to_tensor(image: Image) -> Tensor:
    """RGB uint8 (H, W, 3) -> (1, 3, H, W) float32, 0..1."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def to_image(picture: Tensor) -> Image:
    """(1, 3, H, W), 0..1, what lies outside cut off -> RGB uint8 (H, W, 3)."""
    levels = (picture.detach()[0].clamp(0, 1) * 255).round()
    image: Image = levels.permute(1, 2, 0).byte().cpu().numpy()
    return image


def fitted(image: Image, longest: int) -> Size:
    """The size at which a picture's longer side is `longest`, or its own where that is smaller.

    >>> import numpy as np
    >>> fitted(np.zeros((600, 900, 3), np.uint8), 300), fitted(np.zeros((20, 10, 3), np.uint8), 300)
    ((200, 300), (20, 10))
    """
    height, width = image.shape[:2]
    share = min(1.0, longest / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def size_of(picture: Tensor) -> Size:
    """Height and width of (B, C, H, W)."""
    height, width = picture.shape[-2:]
    return height, width


def resized(picture: Tensor, size: Size) -> Tensor:
    """(B, C, H, W) -> (B, C, *size), with antialiasing."""
    if size_of(picture) == size:
        return picture
    return F.interpolate(picture, size, mode="bilinear", antialias=True)


def require_room(size: Size, smallest: int, name: str) -> None:
    """Raise ImageTooSmall where a side is less than the features take."""
    if min(size) < smallest:
        height, width = size
        raise ImageTooSmall(
            f"{name} is {width} x {height} pixels where it is painted; a side needs at least {smallest} for these "
            "features: give a larger picture, or a larger --size"
        )


def luminance(picture: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W), the weighted mean of red, green and blue."""
    weights = torch.from_numpy(LUMA).to(picture)[:, None, None]
    return (picture * weights).sum(dim=1, keepdim=True)


def grey(picture: Tensor) -> Tensor:
    """(B, 3, H, W) -> the same with its luminance in all three channels."""
    return luminance(picture).expand(-1, 3, -1, -1).contiguous()


def levelled(style: Tensor, content: Tensor) -> Tensor:
    """A style's luminance, brought to the mean and the deviation of the content's: grey, (1, 3, H, W)."""
    bright, wanted = grey(style), luminance(content)
    share = wanted.std(correction=0) / bright.std(correction=0).clamp(min=1e-6)
    return (bright - bright.mean()) * share + wanted.mean()


def matched(style: Tensor, content: Tensor) -> Tensor:
    """A style whose colours have the mean and the covariance of the content's, (1, 3, H, W).

    Gatys et al., "Preserving color in neural artistic style transfer", 2016: x -> S_c^(1/2) S_s^(-1/2) (x - m_s) + m_c.
    """
    (style_mean, style_spread), (content_mean, content_spread) = moments(style), moments(content)
    turn = root(content_spread, 0.5) @ root(style_spread, -0.5)
    flat = turn @ (style[0].flatten(1).double() - style_mean) + content_mean
    return flat.reshape(style.shape).to(style)


def moments(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3, 1) and covariance (3, 3) of a picture's colours."""
    colours = picture[0].flatten(1).double()
    mean = colours.mean(dim=1, keepdim=True)
    return mean, (colours - mean) @ (colours - mean).T / colours.shape[1]


def root(spread: Tensor, power: float) -> Tensor:
    """A power of a covariance; directions without spread get a thousandth of a level's."""
    values, directions = torch.linalg.eigh(spread)
    powers = values.clamp(min=(1e-3 / 255) ** 2) ** power
    found: Tensor = directions * powers @ directions.T
    return found


def with_colours_of(content: Tensor, painted: Tensor) -> Tensor:
    """The painting's luminance with the content's colours: what YIQ keeps in I and Q stays the content's."""
    return content + luminance(painted) - luminance(content)


def prepared_styles(styles: Sequence[Tensor], content: Tensor, colours: str) -> list[Tensor]:
    """The styles with their colours as one of COLOURS wants them."""
    if colours == "luminance":
        return [levelled(style, content) for style in styles]
    if colours == "matched":
        return [matched(style, content) for style in styles]
    return list(styles)
