"""Whole networks whose figures are published, and memory that can be counted by hand."""

from itertools import accumulate

import pytest
import torch
from torch import nn
from torch.profiler import profile

from facerec.cnn.memory import inference_memory, training_memory
from facerec.cnn.summary import fields_at, summarise, summarise_network
from facerec.errors import InvalidInput


def vgg16() -> nn.Module:
    """Configuration D of Simonyan and Zisserman, written out."""
    layers: list[nn.Module] = []
    maps = 3
    for width, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(count):
            layers += [nn.Conv2d(maps, width, 3, padding=1), nn.ReLU(inplace=True)]
            maps = width
        layers.append(nn.MaxPool2d(2))
    dense = [nn.Linear(25_088, 4_096), nn.ReLU(inplace=True), nn.Linear(4_096, 4_096), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Flatten(), *dense, nn.Linear(4_096, 1_000))


def test_vgg_16() -> None:
    with torch.device("meta"):
        summary = summarise(vgg16(), (3, 224, 224))
    assert summary.parameters == 138_357_544
    assert summary.multiplications == 15_470_264_320
    assert summary.inference_bytes == 2 * 64 * 224 * 224 * 4  # the first two layers, side by side
    assert [field.size for field in summary.fields] == [212, 212]
    assert summary.output == (1_000,)
    assert len(summary.layers) == 13 + 13 + 5 + 1 + 3 + 2


@pytest.mark.parametrize(
    "name, field, billions",
    [
        ("mobilenet", 315, "0.57"),  # Howard et al., table 8
        ("inception_v3", 1_311, "5.71"),  # torchvision's table of weights
        ("bn_inception", 699, "2.03"),  # Hu et al., table 2; it is Araujo et al.'s Inception-v2
    ],
)
def test_published_figures(name: str, field: int, billions: str) -> None:
    """Receptive fields as Araujo et al. give them, and multiply-adds as others do."""
    summary = summarise_network(name)
    assert [axis.size for axis in summary.fields] == [field, field]
    assert f"{summary.multiplications / 1e9:.2f}" == billions


def test_what_is_left_out_is_as_published() -> None:
    assert summarise_network("lenet5_modern").input == (1, 32, 32)
    assert summarise_network("network_in_network", (50, 40), classes=3, channels=2).output == (3,)
    with pytest.raises(InvalidInput, match="no network 'lenet'; known: fashion_dense, "):
        summarise_network("lenet")


class Residual(nn.Module):
    """The input waits while two layers work on a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 6, 1), nn.Conv2d(6, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(self.first(x))


PIXELS = 10 * 10 * 4
"""Bytes of one map."""


@pytest.mark.parametrize(
    "net, inference, training",
    [
        (nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 3, 1), nn.Conv2d(3, 1, 1)), 2 + 3, 2 + 3),
        (nn.Sequential(nn.Conv2d(1, 4, 1), Residual()), 4 + 6 + 4, 4 + 6),
        (nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(inplace=True), nn.Flatten(2)), 4, 4),
        (nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU()), 8, 4),
        (nn.Sequential(nn.Conv2d(1, 4, 1), nn.Sigmoid(), nn.Tanh()), 8, 8),
    ],
)
def test_memory_by_hand(net: nn.Module, inference: int, training: int) -> None:
    assert inference_memory(net, (1, 10, 10)) == inference * PIXELS
    assert training_memory(net, (1, 10, 10)) == training * PIXELS


def test_max_pooling_also_remembers_where_its_maxima_were() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2))
    assert training_memory(net, (1, 10, 10)) == PIXELS + 25 * 8  # its input, and an int64 for each output


def test_modules_of_a_network_by_name() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3), nn.MaxPool2d(2)))
    assert [fields_at(net, name, (3, 20, 20))[0].size for name in ("0", "1.0", "1.1", "1")] == [3, 5, 6, 6]
    with pytest.raises(InvalidInput, match=r"no layer 'conv'; this network has: 0, 1\.0, 1\.1, 1"):
        fields_at(net, "conv", (3, 20, 20))


def test_before_a_dense_layer_alone_every_cell_is_a_pixel() -> None:
    assert summarise(nn.Sequential(nn.Flatten(), nn.Linear(9, 2)), (1, 3, 3)).fields[0].size == 1


def allocated(net: nn.Module, picture: torch.Tensor, gradients: bool) -> tuple[int, int]:
    """Bytes that a real run holds at its end, and at most, by torch's own profiler."""
    with torch.set_grad_enabled(gradients), profile(profile_memory=True, acc_events=True) as record:
        output = net(picture)
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = list(accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())))
    del output
    return held[-1], max(held)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_a_real_run_takes_what_was_foretold() -> None:
    """With filters of 1x1, for which an engine borrows nothing, and a pooling that notes places."""
    net = nn.Sequential(nn.Conv2d(1, 4, 1), Residual(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 7)).eval()
    picture = torch.rand(1, 1, 10, 10)
    with torch.backends.mkldnn.flags(enabled=False):
        _, most = allocated(net, picture, gradients=False)
        kept, _ = allocated(net, picture, gradients=True)
    assert most == inference_memory(net, picture.shape[1:])
    assert kept == training_memory(net, picture.shape[1:]) + 7 * 4  # and the answer itself
