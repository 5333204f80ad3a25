"""Sliding windows: a classifier looks at every place of a picture, one crop after the other or all at once.

The plain way cuts each window out and runs the whole network on it. The convolutional way runs a network whose dense
layers were turned into convolutions (`facerec.cnn.dense_to_conv`) on the whole picture: neighbouring windows share
what they have in common (Sermanet et al., 2014). Both give the same numbers where the network pads nothing: padding
puts zeros around each crop where the whole picture has pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from facerec.errors import InvalidInput
from facerec.records import Float32

Forward = Callable[[Tensor], Tensor]


def window_boxes(height: int, width: int, side: int, stride: int) -> Float32:
    """The windows of a picture row by row: (rows * columns, 4) x1 y1 x2 y2, pixels; none where it is too small.

    >>> window_boxes(4, 6, side=4, stride=2).tolist()
    [[0.0, 0.0, 4.0, 4.0], [2.0, 0.0, 6.0, 4.0]]
    """
    rows, columns = (max(0, (length - side) // stride + 1) for length in (height, width))
    y, x = (each.ravel() * stride for each in np.mgrid[:rows, :columns])
    return np.stack([x, y, x + side, y + side], axis=1).astype(np.float32)


@torch.inference_mode()
def slide_plainly(net: nn.Module, picture: Tensor, side: int, stride: int, batch: int = 256) -> Tensor:
    """Every window cut out and classified: (C, H, W) -> (classes, rows, columns) logits.

    `net` takes (B, C, side, side). Raises InvalidInput where not a single window fits.
    """
    if min(picture.shape[1:]) < side:
        raise InvalidInput(f"a picture of {tuple(picture.shape[1:])} pixels holds no window of {side}x{side}")
    crops = picture.unfold(1, side, stride).unfold(2, side, stride)  # (C, rows, columns, side, side)
    rows, columns = crops.shape[1:3]
    flat = crops.permute(1, 2, 0, 3, 4).flatten(0, 1)
    logits = torch.cat([net(some.contiguous()) for some in torch.split(flat, batch)])
    return logits.T.reshape(-1, rows, columns)


@torch.inference_mode()
def slide_at_once(net: Forward, picture: Tensor) -> Tensor:
    """The same by a fully convolutional network: (C, H, W) -> (classes, rows, columns) logits.

    Side and stride of the windows are the network's receptive field and the product of its strides.
    """
    maps: Tensor = net(picture[None])
    return maps[0]


def best_windows(logits: Tensor, side: int, stride: int, floor: float) -> tuple[Float32, Float32, np.ndarray]:
    """The windows whose likeliest class is not the last, the background's, and reaches the floor of probability.

    (classes, rows, columns) -> boxes (N, 4), probabilities (N,), labels (N,) int64; neighbours are for `nms` to thin.
    """
    shares = torch.softmax(logits.flatten(1), dim=0)  # (classes, windows)
    scores, labels = shares.max(dim=0)
    kept = ((labels < len(shares) - 1) & (scores >= floor)).numpy()
    rows, columns = logits.shape[1:]
    boxes = window_boxes((rows - 1) * stride + side, (columns - 1) * stride + side, side, stride)
    return boxes[kept], scores.numpy()[kept], labels.numpy()[kept]
