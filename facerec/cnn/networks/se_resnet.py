"""SE-ResNet: Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-excitation networks", 2018 (figure 3).

Input 224x224. With 50 layers and a reduction of 16: 28,088,024 parameters in timm and in Cadene's collection; the
paper says about 2.5 million more than ResNet-50's 25 million.
"""

from __future__ import annotations

from facerec.cnn.blocks import SqueezeExcitation
from facerec.cnn.networks.resnet import Bottleneck, ResNet

REDUCTION = 16


class SEBottleneck(Bottleneck):
    """A bottleneck whose residual is weighed channel by channel before it is added."""

    def __init__(self, c_in: int, width: int, stride: int):
        super().__init__(c_in, width, stride)
        self.residual.append(SqueezeExcitation(4 * width, 4 * width // REDUCTION))


def se_resnet50(classes: int = 1000, channels: int = 3) -> ResNet:
    """50 layers of weighed bottlenecks."""
    return ResNet(SEBottleneck, (3, 4, 6, 3), classes, channels)
