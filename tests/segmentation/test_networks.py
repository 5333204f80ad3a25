"""U-Net and FCNs: shapes of any size, published counts, and a classifier's own answers in the middle of an FCN's."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from facerec.cnn.dense_to_conv import as_convolution
from facerec.cnn.networks import create
from facerec.cnn.networks.vgg import VGG
from facerec.cnn.summary import summarise
from facerec.errors import InvalidInput
from facerec.segmentation.fcn import FCN, Trunk
from facerec.segmentation.trunks import cut_squeezenet, cut_vgg, open_trunk
from facerec.segmentation.unet import UNet


@pytest.fixture(scope="module")
def small_unet() -> UNet:
    return UNet(3, 1, 32).eval()


@pytest.mark.parametrize("size", [(1, 1), (17, 40), (33, 16), (64, 48)])
def test_unet_takes_any_size(small_unet: UNet, size: tuple[int, int]) -> None:
    assert small_unet(torch.rand(1, 1, *size)).shape == (1, 3, *size)


def test_unet_has_the_published_shape() -> None:
    """Two 3x3 convolutions a level, whose biases became norms, 2x2 transposed ones between, and a 1x1 at the end."""
    with torch.device("meta"):
        net = UNet(5, 1, 64)
    widths = [64, 128, 256, 512, 1024]
    convs = [(1, 64), *pairwise(widths)]
    down = sum(9 * (a * b + b * b) + 2 * b for a, b in convs)
    up = sum(4 * 2 * c * c + c + 9 * (2 * c * c + c * c) + 2 * c for c in widths[:-1])
    norms = 2 * (sum(b for _, b in convs) + sum(widths[:-1]))  # beside the biases that `down` and `up` count
    assert sum(p.numel() for p in net.parameters()) == down + up + norms + 5 * 65


def test_unet_halves_and_doubles() -> None:
    with torch.device("meta"):
        net = UNet(2, 3, 32)
    calls = {call.name: call.shape for call in summarise(net, (3, 96, 64)).calls}
    assert [calls[f"down.{level}"] for level in range(5)] == [
        (32, 96, 64), (64, 48, 32), (128, 24, 16), (256, 12, 8), (512, 6, 4),
    ]  # fmt: skip
    assert [calls[f"up.{level}"] for level in range(4)] == [(256, 12, 8), (128, 24, 16), (64, 48, 32), (32, 96, 64)]


def test_another_width_lists_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="32, 64, 128, not 48"):
        UNet(2, 3, 48)


@pytest.mark.parametrize(("stride", "parameters"), [(32, 136_152_917), (16, 134_815_994), (8, 134_489_759)])
def test_vgg_fcns_have_the_counts_of_the_authors_files(stride: int, parameters: int) -> None:
    """By hand, of the layers in their Caffe files for 21 classes; filters of 64, 32 and 4, 16 and 4 and 4 enlarge."""
    with torch.device("meta"):
        net = FCN(cut_vgg(create("vgg16")), 21, stride)
        shape = net(torch.empty(1, 3, 96, 128)).shape
    by_hand = 14_714_688 + 102_764_544 + 16_781_312 + 4097 * 21
    by_hand += {32: 441 * 64**2, 16: 513 * 21 + 441 * (16 + 32**2), 8: 513 * 21 + 257 * 21 + 441 * (16 + 16 + 16**2)}[
        stride
    ]
    assert sum(p.numel() for p in net.parameters()) == by_hand == parameters
    assert shape == (1, 21, 96, 128)


def test_the_summary_follows_fields_through_padding_by_repetition() -> None:
    with torch.device("meta"):
        found = summarise(FCN(cut_vgg(create("vgg16")), 21, 8), (3, 200, 320))
    fc6 = next(call for call in found.calls if call.name == "head.0")
    assert {field.size for field in fc6.fields} == {404} and {field.jump for field in fc6.fields} == {32}
    assert fc6.shape == (4096, 7, 10) and found.output == (21, 200, 320)


class SmallVGG(VGG):
    """The same dense end on few maps, so that a test can afford it."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        whole = VGG((1, 1, 1, 1, 1), 10)
        self.entrance, self.pool = whole.entrance, whole.pool
        self.features = nn.Sequential(
            *(layer for c, d in ((3, 8), (8, 8), (8, 8), (8, 8), (8, 512))
              for layer in (nn.Conv2d(c, d, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)))
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Linear(512 * 49, 20),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(20, 20),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(20, 10),
        )


def test_an_fcn_gives_the_classifiers_answer_on_its_own_size() -> None:
    """The middle cell of the last map sees the whole 224x224 picture, and nothing of the padding."""
    torch.manual_seed(0)
    classifier = SmallVGG().eval()
    pictures = torch.randn(2, 3, 224, 224)
    wanted = classifier(pictures)
    net = FCN(cut_vgg(classifier), 10, 32).eval()
    net.score = as_convolution(classifier.classifier[-1], 20)
    x = pictures
    for stage in net.stages:
        x = stage(x)
    cells = net.score(net.head(x))
    assert cells.shape == (2, 10, 7, 7)
    torch.testing.assert_close(cells[:, :, 3, 3], wanted, rtol=1e-5, atol=1e-6)
    beyond = net(pictures)  # 32-fold bilinear: the pixels around the middle of that cell
    torch.testing.assert_close(beyond[:, :, 111:113, 111:113].mean(dim=(2, 3)), cells[:, :, 3, 3], rtol=0.1, atol=0.02)


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("size", [(32, 32), (49, 71), (120, 65)])
def test_a_squeezenet_fcn_takes_any_size(stride: int, size: tuple[int, int]) -> None:
    net = FCN(cut_squeezenet(create("squeezenet")), 4, stride).eval()
    assert net(torch.rand(1, 3, *size)).shape == (1, 4, *size)


def test_scores_lie_over_what_they_score() -> None:
    """A trunk that passes levels on in the middle of its windows: an FCN then gives back a slope, place by place."""

    def thin(kernel: int) -> nn.Conv2d:
        conv = nn.Conv2d(1, 1, kernel, 2, 0 if kernel == 3 else 3, bias=False)
        nn.init.zeros_(conv.weight)
        with torch.no_grad():
            conv.weight[..., kernel // 2, kernel // 2] = 1
        return conv

    net = FCN(Trunk([nn.Sequential(thin(7), thin(3), thin(3)), thin(3)], nn.Identity(), 1), 1, 8).eval()
    with torch.no_grad():
        net.score.weight.fill_(1)
        net.skips["0"].weight.fill_(1)
    slope = torch.arange(128.0).expand(1, 1, 128, 128)
    inside = slice(30, 90)
    torch.testing.assert_close(net(slope)[0, 0, 64, inside], 2 * slope[0, 0, 64, inside])


def test_a_trunk_without_that_step_says_which_it_has() -> None:
    with pytest.raises(InvalidInput, match="this trunk has: 8, 16"):
        FCN(cut_squeezenet(create("squeezenet")), 2, 32)
    with pytest.raises(InvalidInput, match="known: vgg16"):
        open_trunk("resnet")
