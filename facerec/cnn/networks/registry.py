"""Every network by name, with the size and the count that its publishers give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from facerec.cnn.networks.alexnet import alexnet, alexnet_one_tower
from facerec.cnn.networks.bn_inception import BNInception, se_inception
from facerec.cnn.networks.capsule import CapsuleNetwork
from facerec.cnn.networks.efficientnet import EfficientNetB0
from facerec.cnn.networks.fashion_dense import FashionDense
from facerec.cnn.networks.googlenet import GoogLeNet, googlenet_bn
from facerec.cnn.networks.inception_resnet import InceptionResNetV1
from facerec.cnn.networks.inception_v3 import InceptionV3
from facerec.cnn.networks.lenet import LeNet5, LeNet5Modern
from facerec.cnn.networks.mobilenet import MobileNet, MobileNetV2
from facerec.cnn.networks.network_in_network import NetworkInNetwork
from facerec.cnn.networks.resnet import resnet34, resnet50, resnet152
from facerec.cnn.networks.se_resnet import se_resnet50
from facerec.cnn.networks.squeezenet import SqueezeNet
from facerec.cnn.networks.vgg import SmallVGG, small_vgg_bn, vgg16, vgg19
from facerec.cnn.networks.xception import Xception
from facerec.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Network:
    """How to build a network, and what its publishers say of it.

    build       (classes, channels) -> the network with fresh weights
    size        side of the published input, pixels
    classes     how many it was published with
    channels    of the published input
    parameters  published, trainable; None where nobody prints a count
    source      whose count that is
    left_out    how many of the published parameters are without effect and left out here
    """

    build: Callable[[int, int], nn.Module]
    size: int
    classes: int
    channels: int
    parameters: int | None
    source: str
    left_out: int = 0


NETWORKS: dict[str, Network] = {
    "fashion_dense": Network(FashionDense, 28, 10, 1, 101_770, "TensorFlow's tutorial"),
    "lenet5": Network(LeNet5, 32, 10, 1, 60_000, "the paper"),
    "lenet5_modern": Network(LeNet5Modern, 32, 10, 1, 61_706, "by hand: 156 + 2,416 + 48,120 + 10,164 + 850"),
    "alexnet": Network(alexnet, 227, 1000, 3, 60_965_224, "Caffe (the paper: 60 million)"),
    "alexnet_one_tower": Network(alexnet_one_tower, 224, 1000, 3, 61_100_840, "torchvision (as alexnet)"),
    "vgg16": Network(vgg16, 224, 1000, 3, 138_357_544, "torchvision (the paper: 138 million)"),
    "vgg19": Network(vgg19, 224, 1000, 3, 143_667_240, "torchvision (the paper: 144 million)"),
    "small_vgg": Network(SmallVGG, 64, 10, 3, 583_466, "by hand: 582,176 and 1,290 of the last layer"),
    "small_vgg_bn": Network(small_vgg_bn, 64, 10, 3, 584_874, "by hand: as small_vgg, and 704 maps' scale and shift"),
    "network_in_network": Network(NetworkInNetwork, 32, 10, 3, 966_986, "the authors' Caffe file"),
    "googlenet": Network(GoogLeNet, 224, 1000, 3, 13_378_280, "Caffe, with both heads"),
    "googlenet_bn": Network(googlenet_bn, 224, 1000, 3, 13_004_888, "torchvision (as googlenet), both heads"),
    "bn_inception": Network(BNInception, 224, 1000, 3, 11_295_240, "Cadene's copy of Caffe's", left_out=10_016),
    "se_inception": Network(se_inception, 224, 1000, 3, None, "the paper prints 2.04 billion multiply-adds"),
    "inception_v3": Network(InceptionV3, 299, 1000, 3, 27_161_264, "torchvision, with its head"),
    "inception_resnet_v1": Network(InceptionResNetV1, 160, 1000, 3, 23_995_624, "facenet-pytorch"),
    "resnet34": Network(resnet34, 224, 1000, 3, 21_797_672, "torchvision"),
    "resnet50": Network(resnet50, 224, 1000, 3, 25_557_032, "torchvision"),
    "resnet152": Network(resnet152, 224, 1000, 3, 60_192_808, "torchvision"),
    "se_resnet50": Network(se_resnet50, 224, 1000, 3, 28_088_024, "timm (the paper: about 27.5 million)"),
    "squeezenet": Network(SqueezeNet, 224, 1000, 3, 1_248_424, "the paper, and torchvision (as squeezenet1_0)"),
    "xception": Network(Xception, 299, 1000, 3, 22_855_952, "the paper, and Keras"),
    "mobilenet": Network(MobileNet, 224, 1000, 3, 4_231_976, "Keras (the paper: 4.2 million)"),
    "mobilenet_v2": Network(MobileNetV2, 224, 1000, 3, 3_504_872, "torchvision (the paper: 3.4 million)"),
    "efficientnet_b0": Network(EfficientNetB0, 224, 1000, 3, 5_288_548, "torchvision (the paper: 5.3 million)"),
    "capsule": Network(CapsuleNetwork, 28, 10, 1, 8_215_568, "by hand (the paper: 8.2 million)"),
}


def create(name: str, classes: int = 1000, channels: int = 3) -> nn.Module:
    """Build the named network with fresh weights: pictures (B, channels, H, W) -> logits (B, classes).

    Raises InvalidInput for an unknown name, listing the known ones, and for fewer than one class or channel.
    """
    entry = published(name)
    if classes < 1 or channels < 1:
        raise InvalidInput(f"a network needs at least one class and one channel, got {classes} and {channels}")
    return entry.build(classes, channels)


def published(name: str) -> Network:
    """What its publishers say of the named network. Raises InvalidInput for an unknown name, listing the known."""
    if name not in NETWORKS:
        raise InvalidInput(f"no network {name!r}; known: {', '.join(NETWORKS)}")
    return NETWORKS[name]
