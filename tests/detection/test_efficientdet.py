"""EfficientDet-D0 in its published shape, and its parts against torchvision's and slow ones."""

import numpy as np
import torch

from facerec.detection.bifpn import BiFPNLayer, Mix
from facerec.detection.box_codes import encode, overlaps
from facerec.detection.choosing import Choice
from facerec.detection.efficientdet import (
    EfficientDetD0,
    EfficientDetOutputs,
    efficientdet_anchors,
    efficientdet_detections,
    efficientdet_losses,
)
from facerec.detection.focal import focal_loss
from facerec.records import Objects
from tests import reference


def test_it_has_as_many_weights_as_the_authors_and_an_answer_for_every_anchor() -> None:
    with torch.device("meta"):
        net = EfficientDetD0()
        out = net.eval()(torch.zeros(1, 3, 512, 512))
    assert sum(weights.numel() for weights in net.parameters()) == 3_880_067
    anchors = (64**2 + 32**2 + 16**2 + 8**2 + 4**2) * 9
    assert out.logits.shape == (1, anchors, 90) and out.codes.shape == (1, anchors, 4)
    assert len(efficientdet_anchors(512, 512)) == anchors == 49_104


def test_another_number_of_classes_and_another_size() -> None:
    net = EfficientDetD0(3).eval()
    with torch.inference_mode():
        out = net(torch.rand(1, 3, 128, 256))
    assert out.logits.shape[1] == len(efficientdet_anchors(128, 256))
    share = torch.sigmoid(out.logits).mean().item()
    assert 0.001 < share < 0.1  # every class begins near 1 %


def test_focal_loss_is_torchvision_s() -> None:
    reference.torchvision()
    from torchvision.ops.focal_loss import sigmoid_focal_loss

    logits, wanted = torch.randn(50, 4) * 4, (torch.rand(50, 4) > 0.8).float()
    for gamma in (0.0, 1.5, 2.0):
        torch.testing.assert_close(
            focal_loss(logits, wanted, gamma=gamma), sigmoid_focal_loss(logits, wanted, 0.25, gamma)
        )


def test_a_mix_is_a_weighted_mean_and_negative_weights_count_nothing() -> None:
    mix, maps = Mix(3), [torch.full((1, 2, 2, 2), value) for value in (1.0, 2.0, 9.0)]
    mix.weights.data = torch.tensor([1.0, 3.0, -5.0])
    torch.testing.assert_close(mix(maps), torch.full((1, 2, 2, 2), 7 / 4), atol=1e-3, rtol=0)


def test_all_levels_reach_all_levels() -> None:
    torch.manual_seed(0)
    layer, sides = BiFPNLayer([3, 4, 5, 8, 8], 8).eval(), (32, 16, 8, 4, 2)
    for level, channels in enumerate((3, 4, 5, 8, 8)):
        maps = [torch.randn(1, c, side, side) for c, side in zip((3, 4, 5, 8, 8), sides, strict=True)]
        with torch.no_grad():
            before = layer(maps)
            maps[level] = maps[level] + torch.randn(1, channels, sides[level], sides[level])
            after = layer(maps)
        assert [tuple(each.shape[1:]) for each in after] == [(8, side, side) for side in sides]
        assert all((a - b).abs().max() > 0 for a, b in zip(before, after, strict=True))


def test_the_right_answers_cost_little_and_are_found() -> None:
    anchors = efficientdet_anchors(256, 256)
    box = torch.tensor([100.0, 100.0, 132.0, 132.0])
    objects = [Objects.of(box[None].numpy(), np.array([1]))]
    logits, codes = torch.full((1, len(anchors), 3), -9.0), torch.zeros(1, len(anchors), 4)
    worse = efficientdet_losses(EfficientDetOutputs(logits, codes), objects, anchors)
    near = overlaps(anchors, box[None])[:, 0] >= 0.5
    logits[0, near, 1] = 9.0
    codes[0, near] = encode(box[None].expand(int(near.sum()), -1), anchors[near])
    right = efficientdet_losses(EfficientDetOutputs(logits, codes), objects, anchors)
    assert right[0] < 1e-2 < worse[0] and right[1] < 1e-6 < worse[1]
    found = efficientdet_detections(EfficientDetOutputs(logits, codes), anchors, (256, 256), Choice())[0]
    assert found.labels.tolist() == [1]
    np.testing.assert_allclose(found.boxes[0], box, atol=0.1)


def test_pictures_without_an_object_have_a_loss_too() -> None:
    anchors = efficientdet_anchors(128, 128)
    outputs = EfficientDetOutputs(torch.zeros(1, len(anchors), 2, requires_grad=True), torch.zeros(1, len(anchors), 4))
    kinds, places = efficientdet_losses(outputs, [Objects.none()], anchors)
    assert kinds > 0 and places == 0
