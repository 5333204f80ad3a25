"""The YOLOs in their published shapes: sizes of maps, numbers of weights."""

import pytest
import torch
from torch import nn

from facerec.detection.export import PixelsToBoxes, require_agreement, to_graph
from facerec.detection.fitting import Plan
from facerec.detection.networks import FAMILIES
from facerec.detection.yolo.v1 import YoloV1
from facerec.detection.yolo.v2 import YoloV2
from facerec.detection.yolo.v3 import YoloV3


def counted(net: nn.Module) -> tuple[int, int]:
    """Numbers that are trained, and those with the norms' means and variances."""
    trained = sum(weights.numel() for weights in net.parameters())
    return trained, trained + sum(seen.numel() for seen in net.buffers() if seen.is_floating_point())


def on_meta(build, **options) -> nn.Module:
    """A network of shapes alone: no numbers, no memory."""
    with torch.device("meta"):
        return build(**options)


def test_yolov2_has_the_published_head_and_number_of_weights():
    net = on_meta(YoloV2, classes=80)
    assert counted(net) == (50_962_889, 50_983_561)
    (head,) = net(torch.zeros(1, 3, 608, 608, device="meta"))
    assert head.shape == (1, 425, 19, 19)


def test_yolov1_makes_7x7x30_of_448x448():
    net = on_meta(YoloV1)
    (head,) = net(torch.zeros(1, 3, 448, 448, device="meta"))
    assert head.shape == (1, 30, 7, 7)
    assert sum(isinstance(layer, nn.Conv2d) for layer in net.modules()) == 24


def test_yolov3_has_three_scales_and_the_published_number_of_weights():
    net = on_meta(YoloV3)
    assert counted(net) == (61_949_149, 62_001_757)  # Keras: "Total params: 62,001,757"
    shapes = [tuple(each.shape) for each in net(torch.zeros(1, 3, 416, 416, device="meta"))]
    assert shapes == [(1, 255, 52, 52), (1, 255, 26, 26), (1, 255, 13, 13)]
    darknet53 = [*net.to8.modules(), *net.to16.modules(), *net.to32.modules()]
    assert sum(isinstance(layer, nn.Conv2d) for layer in darknet53) == 52  # the 53rd is the classifier's


@pytest.mark.parametrize("name", ["small", "yolov2", "yolov3"])
def test_a_thin_one_runs_and_says_the_same_as_a_graph(name):
    family = FAMILIES[name]
    torch.manual_seed(0)
    net = family.build(3, 0.125).eval()
    anchors = tuple(tuple((12.0 + 9 * n, 16.0 + 7 * n) for n in range(family.anchors)) for _ in family.strides)
    plan = Plan(family, anchors, ("a", "b", "c"))
    module = PixelsToBoxes(net, plan, plan.places((64, 96), (64, 96))).eval()
    require_agreement(module, to_graph(module, (64, 96)), (64, 96))
