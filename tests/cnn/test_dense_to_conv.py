"""Dense layers as convolutions: the same numbers on the classifier's own size, a map of them on larger pictures."""

import pytest
import torch
from torch import nn

from facerec.cnn.dense_to_conv import as_convolution, as_convolutions, fully_convolutional
from facerec.cnn.networks.lenet import LeNet5Modern
from facerec.errors import InvalidInput


def test_a_dense_layer_and_its_convolution_agree_on_one_map() -> None:
    dense, maps = nn.Linear(3 * 4 * 5, 7), torch.randn(2, 3, 4, 5)
    conv = as_convolution(dense, 3, 4, 5)
    assert torch.allclose(conv(maps).flatten(1), dense(maps.flatten(1)), atol=1e-5)
    assert conv.weight.data_ptr() != dense.weight.data_ptr()


def test_a_layer_without_bias_stays_without() -> None:
    assert as_convolution(nn.Linear(4, 2, bias=False), 4).bias is None


def test_a_whole_classifier_answers_alike_on_its_own_size_and_in_a_map_on_a_larger_one() -> None:
    net = LeNet5Modern().eval()
    turned = fully_convolutional(net, 16, 5, 5)
    picture = torch.randn(1, 1, 32, 44)
    maps = turned(picture)
    assert maps.shape == (1, 10, 1, 4)
    assert torch.allclose(maps[..., 0, 0], net(picture[..., :32]), atol=1e-5)
    assert torch.allclose(maps[..., 0, 3], net(picture[..., 12:]), atol=1e-5)


@pytest.mark.parametrize(
    "turn, says",
    [
        (lambda: as_convolution(nn.Linear(10, 2), 3, 2, 2), "3x2x2"),
        (lambda: as_convolutions([nn.BatchNorm1d(4)], 4, 1, 1), "BatchNorm1d"),
        (lambda: fully_convolutional(nn.Sequential(nn.Conv2d(1, 1, 3)), 1, 1, 1), "flattens no map"),
    ],
)
def test_what_cannot_be_turned_is_said(turn, says) -> None:
    with pytest.raises(InvalidInput, match=says):
        turn()
