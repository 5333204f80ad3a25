"""The three networks of MTCNN (Zhang et al., 2016), with the weights that facenet-pytorch's wheel carries.

Each takes (N, H, W, C >= 3) float32, RGB levels 0..255 in the first three channels, and scales them itself. Scores
are the share of "face" in a softmax over two classes. Box offsets are x1, y1, x2, y2 in units of the box's size.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


def channels_first(images: Tensor) -> Tensor:
    """(N, H, W, C >= 3) levels 0..255 -> (N, 3, H, W), about -1..1."""
    return (images.permute(0, 3, 1, 2)[:, :3] - 127.5) * 0.0078125


def face_share(logits: Tensor) -> Tensor:
    """(N, 2) logits of background and face -> (N,), 0..1."""
    return logits.softmax(dim=1)[:, 1]


def face_share_of_map(logits: Tensor) -> Tensor:
    """(N, 2, H, W) -> (N, H, W), 0..1.

    For two classes softmax is the sigmoid of the difference, four times as fast over a map. Only P-Net takes it:
    near 1 its last digit differs, and there R- and O-Net's scores decide between boxes.
    """
    return torch.sigmoid(logits[:, 1] - logits[:, 0])


def flat(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, W * H * C), in the column-first order that the weights were trained with."""
    return features.permute(0, 3, 2, 1).flatten(1)


class PReLU(nn.PReLU):
    """x where x > 0, else slope * x; one slope a channel: (N, C, ...) -> the same shape.

    Written as x + (slope - 1) * min(x, 0), which the inference engine computes several times faster than its own
    operator of that name; that one took half the time of the whole cascade.
    """

    def forward(self, x: Tensor) -> Tensor:
        slopes = self.weight.reshape(-1, *[1] * (x.dim() - 2))
        return x + x.clamp(max=0) * (slopes - 1)


class PNet(nn.Module):
    """Proposals: every 12x12 window at stride 2 -> a score and box offsets.

    (N, H, W, C) -> scores (N, h, w), offsets (N, 4, h, w); H, W >= 12.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 10, 3)
        self.prelu1 = PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(10, 16, 3)
        self.prelu2 = PReLU(16)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.prelu3 = PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = channels_first(images)
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu2(self.conv2(x))
        x = self.prelu3(self.conv3(x))
        return face_share_of_map(self.conv4_1(x)), self.conv4_2(x)


class RNet(nn.Module):
    """Refinement: (N, 24, 24, C) crops -> scores (N,), offsets (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 28, 3)
        self.prelu1 = PReLU(28)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(28, 48, 3)
        self.prelu2 = PReLU(48)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3 = nn.Conv2d(48, 64, 2)
        self.prelu3 = PReLU(64)
        self.dense4 = nn.Linear(576, 128)
        self.prelu4 = PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)
        self.dense5_2 = nn.Linear(128, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = channels_first(images)  # (N, 3, 24, 24)
        x = self.pool1(self.prelu1(self.conv1(x)))  # (N, 28, 11, 11)
        x = self.pool2(self.prelu2(self.conv2(x)))  # (N, 48, 4, 4)
        x = self.prelu3(self.conv3(x))  # (N, 64, 3, 3)
        x = self.prelu4(self.dense4(flat(x)))
        return face_share(self.dense5_1(x)), self.dense5_2(x)


class ONet(nn.Module):
    """Output: (N, 48, 48, C) crops -> scores (N,), offsets (N, 4), landmarks (N, 10).

    Landmarks are in units of the box: the five x, then the five y.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.prelu1 = PReLU(32)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.prelu2 = PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.prelu3 = PReLU(64)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv4 = nn.Conv2d(64, 128, 2)
        self.prelu4 = PReLU(128)
        self.dense5 = nn.Linear(1152, 256)
        self.prelu5 = PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)
        self.dense6_2 = nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = channels_first(images)  # (N, 3, 48, 48)
        x = self.pool1(self.prelu1(self.conv1(x)))  # (N, 32, 23, 23)
        x = self.pool2(self.prelu2(self.conv2(x)))  # (N, 64, 10, 10)
        x = self.pool3(self.prelu3(self.conv3(x)))  # (N, 64, 4, 4)
        x = self.prelu4(self.conv4(x))  # (N, 128, 3, 3)
        x = self.prelu5(self.dense5(flat(x)))
        return face_share(self.dense6_1(x)), self.dense6_2(x), self.dense6_3(x)


NETS: dict[str, type[nn.Module]] = {"pnet": PNet, "rnet": RNet, "onet": ONet}


def load_net(name: str, weights: Path) -> nn.Module:
    """The named network with the weights of a file, ready to infer. The file is read as tensors, never run."""
    net = NETS[name]()
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return net.eval()
