"""ResNet: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, and with squeeze and excitation
Hu et al., 2018, both as `facerec.cnn` builds them.

Input 112x112, or another multiple of 16. The first max pooling is left out: a face of half the published side then
ends in the published map of 7x7, and every weight keeps its published shape. In place of the average and the classes
stands the head of MobileFaceNets.

resnet34     21,376,448 parameters, 3.57 billion multiply-adds
se_resnet50  26,405,744 parameters, 4.00 billion multiply-adds
"""

from __future__ import annotations

from facerec.cnn.networks import resnet as plain
from facerec.cnn.networks import se_resnet
from facerec.faces.trunks.trunk import EmbeddingHead, Trunk


def resnet34() -> Trunk:
    """34 layers of basic blocks: (B, 3, 112, 112) -> (B, 128) rows of length 1."""
    return face_trunk(plain.resnet34(classes=1), 512)


def se_resnet50() -> Trunk:
    """50 layers of weighed bottlenecks: (B, 3, 112, 112) -> (B, 128) rows of length 1."""
    return face_trunk(se_resnet.se_resnet50(classes=1), 2048)


def face_trunk(network: plain.ResNet, channels: int) -> Trunk:
    """The convolutions of a network whose last map has so many channels, with a head for faces."""
    kept = ("conv1", "conv2_x", "conv3_x", "conv4_x", "conv5_x")  # 56x56, 56x56, 28x28, 14x14, 7x7
    layers = dict(network.named_children())
    trunk = {name: layers[name] for name in kept} | {"head": EmbeddingHead(channels)}
    return Trunk(trunk, side=112, smallest=16, step=16)
