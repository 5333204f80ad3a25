"""FaceNet's network: Schroff, Kalenichenko, Philbin, "FaceNet: a unified embedding for face recognition and
clustering", 2015, as Inception-ResNet-v1 (Szegedy et al., 2016), the form whose weights facenet-pytorch publishes.

Input 160x160, or another from 75 on. 23,548,160 parameters: 23,482,624 published ones up to the 512 numbers that
facenet-pytorch calls the embedding, and the projection of those to 128. 1.42 billion multiply-adds.
"""

from __future__ import annotations

from torch import nn

from facerec.cnn.networks.inception_resnet import InceptionResNetV1
from facerec.faces.trunks.trunk import Trunk, UnitRows
from facerec.records import DIM

WIDE = 512
"""Numbers of the published embedding."""


def inception_resnet_v1() -> Trunk:
    """(B, 3, 160, 160) -> (B, 128) rows of length 1."""
    layers = dict(InceptionResNetV1(classes=1).named_children())
    del layers["entrance"], layers["logits"]
    layers |= {"project": nn.Linear(WIDE, DIM, bias=False), "unit": UnitRows()}
    return Trunk(layers, side=160, smallest=75)
