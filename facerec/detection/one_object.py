"""One object at most: is there one, where, and of which class; a network with one answer for the whole picture.

The target of a picture is [p, x, y, h, w, classes...]: p is 1 where there is an object and 0 where there is none, and
then the loss ignores the rest. The centre and the size are shares of the picture's sides; of the size the square roots
are compared, so that a few pixels count more for a small object than for a large one (Redmon et al., 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facerec.cnn.blocks import ConvBN
from facerec.errors import InvalidInput
from facerec.geometry import iou
from facerec.learning.schedules import warm_cosine
from facerec.records import Detections, Objects

FIRST_CLASS = 5
PLACE_WEIGHT = 5.0
"""Of the box in the loss, as in YOLO."""


def small_trunk(side: int, channels: int = 3, width: int = 16) -> nn.Sequential:
    """Pictures of side x side pixels -> 128 numbers that still know where: halved four times, then a dense layer.

    Raises InvalidInput for a side that 16 does not divide.
    """
    if side < 16 or side % 16:
        raise InvalidInput(f"a side must be a multiple of 16 pixels, not {side}")
    return nn.Sequential(
        ConvBN(channels, width, 3, stride=2),
        ConvBN(width, 2 * width, 3, stride=2),
        ConvBN(2 * width, 4 * width, 3, stride=2),
        ConvBN(4 * width, 4 * width, 3, stride=2),  # (B, 4 * width, side / 16, side / 16)
        nn.Flatten(),
        nn.Linear(4 * width * (side // 16) ** 2, 128),
        nn.ReLU(inplace=True),
    )


class OneObjectNet(nn.Sequential):
    """(B, 3, side, side) 0..1 -> (B, 5 + classes) logits of [p, x, y, sqrt h, sqrt w, classes...]."""

    def __init__(self, classes: int, side: int = 64, width: int = 16):
        super().__init__(small_trunk(side, 3, width), nn.Linear(128, FIRST_CLASS + classes))
        self.classes = classes


def target_of(objects: Objects, size: tuple[int, int], classes: int) -> Tensor:
    """[p, x, y, h, w, classes...] of a picture of (height, width) `size`: (5 + classes,).

    Raises InvalidInput for more than one object.
    """
    if len(objects) > 1:
        raise InvalidInput(f"{len(objects)} objects on a picture that may have one at most: cut it into several")
    target = torch.zeros(FIRST_CLASS + classes)
    if len(objects):
        x1, y1, x2, y2 = objects.boxes[0] / np.array([size[1], size[0]] * 2)
        target[:FIRST_CLASS] = torch.tensor([1.0, (x1 + x2) / 2, (y1 + y2) / 2, y2 - y1, x2 - x1])
        target[FIRST_CLASS + int(objects.labels[0])] = 1
    return target


def one_object_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Presence, and where there is an object its place, its size's roots, and its class: (B, 5 + C) twice -> ()."""
    shown = targets[:, 0] > 0
    presence = F.binary_cross_entropy_with_logits(logits[:, 0], targets[:, 0])
    if not shown.any():
        return presence
    answers, wanted = torch.sigmoid(logits[shown, 1:FIRST_CLASS]), targets[shown, 1:FIRST_CLASS].clone()
    wanted[:, 2:] = wanted[:, 2:].sqrt()
    place = (answers - wanted).square().sum(dim=1)
    kind = F.cross_entropy(logits[shown, FIRST_CLASS:], targets[shown, FIRST_CLASS:], reduction="none")
    return presence + (PLACE_WEIGHT * place + kind).sum() / len(targets)


@torch.no_grad()
def decoded(logits: Tensor, size: tuple[int, int], floor: float = 0.5) -> list[Detections]:
    """One detection of a picture of (height, width) `size`, or none: (B, 5 + C) -> B of them."""
    found = []
    for row, kinds in zip(torch.sigmoid(logits[:, :FIRST_CLASS]), logits[:, FIRST_CLASS:], strict=True):
        p, x, y, h, w = row.tolist()
        if p < floor:
            found.append(Detections.none())
            continue
        high, wide = h * h, w * w
        box = np.array([[x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]]) * np.array([size[1], size[0]] * 2)
        found.append(Detections.best_first(box, np.array([p]), kinds.argmax()[None].numpy()))
    return found


def mean_overlap(found: Sequence[Detections], truth: Sequence[Objects]) -> float:
    """Mean IoU over the pictures with an object; 0 for one that was not found. Raises InvalidInput where none has."""
    pairs = [(a, b) for a, b in zip(found, truth, strict=True) if len(b)]
    if not pairs:
        raise InvalidInput("a mean IoU needs a picture with an object")
    return float(np.mean([iou(a.boxes, b.boxes).max(initial=0.0) for a, b in pairs]))


Loss = Callable[[Tensor, Tensor], Tensor]


def learn_targets(
    net: nn.Module,
    pictures: Tensor,
    targets: Tensor,
    loss: Loss,
    epochs: int,
    batch: int = 32,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> Iterator[float]:
    """Train a network with one answer a picture; yields each epoch's mean loss. Pictures (N, 3, S, S), targets (N, T).

    AdamW under half a cosine; the last few pictures of an epoch that fill no batch are left out of it.
    """
    draw, steps = torch.Generator().manual_seed(seed), epochs * max(1, len(pictures) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(min(1.0, (step + 1) / steps)))
    for _ in range(epochs):
        net.train()
        total, rows = 0.0, torch.randperm(len(pictures), generator=draw)
        for chosen in torch.split(rows, batch)[: max(1, len(pictures) // batch)]:
            wrong = loss(net(pictures[chosen]), targets[chosen])
            optimizer.zero_grad()
            wrong.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += wrong.item()
        yield total / max(1, len(pictures) // batch)
    net.eval()
