"""SSD300 as published: its boxes, its size, and torchvision's own numbers from torchvision's own weights."""

import numpy as np
import pytest
import torch

from facerec.detection.choosing import Choice
from facerec.detection.ssd import DEFAULT_BOXES, SSD300, SSDOutputs, ssd_detections, ssd_losses
from facerec.records import Objects
from tests import reference

OBJECTS = [
    Objects.of(np.array([[20, 30, 120, 160], [200, 210, 230, 250]]), np.array([1, 0])),
    Objects.none(),
    Objects.of(np.array([[0, 0, 300, 300]]), np.array([2])),
]


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    torch.manual_seed(0)
    package = reference.torchvision()
    net = package.models.detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=91)
    return net.eval()


def test_there_are_8732_default_boxes_and_torchvision_s_weights(theirs: torch.nn.Module) -> None:
    assert len(DEFAULT_BOXES) == 38**2 * 4 + 19**2 * 6 + 10**2 * 6 + 5**2 * 6 + 3**2 * 4 + 4 == 8732
    with torch.device("meta"):
        ours = SSD300()
    counts = [sum(weights.numel() for weights in net.parameters()) for net in (ours, theirs)]
    assert counts == [35_641_826] * 2


def test_default_boxes_are_torchvision_s(theirs: torch.nn.Module) -> None:
    from torchvision.models.detection.image_list import ImageList

    maps = [torch.zeros(1, 1, n, n) for n in (38, 19, 10, 5, 3, 1)]
    boxes = theirs.anchor_generator(ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)]), maps)[0]
    torch.testing.assert_close(DEFAULT_BOXES, boxes, atol=1e-3, rtol=0)


def test_the_same_weights_say_the_same(theirs: torch.nn.Module) -> None:
    with torch.device("meta"):
        ours = SSD300().eval()
    state = theirs.state_dict()
    order = [key for key in state if key.startswith("backbone.features")] + ["backbone.scale_weight"]
    order += [key for key in state if key.startswith("backbone.extra")]
    order += [key for key in state if "classification_head" in key] + [key for key in state if "regression_head" in key]
    assert sorted(order) == sorted(state)
    ours.load_state_dict(dict(zip(ours.state_dict(), (state[key] for key in order), strict=True)), assign=True)
    pictures = torch.rand(1, 3, 300, 300)
    mean = torch.tensor([123.0, 117.0, 104.0])[:, None, None]
    with torch.inference_mode():
        found = theirs.head(list(theirs.backbone(pictures * 255 - mean).values()))
        out = ours(pictures)
    torch.testing.assert_close(out.logits, found["cls_logits"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out.codes, found["bbox_regression"], atol=1e-4, rtol=1e-4)


def test_losses_are_torchvision_s(theirs: torch.nn.Module) -> None:
    """Theirs has the background first, and ours last."""
    draw = torch.Generator().manual_seed(1)
    outputs = SSDOutputs(torch.randn(3, 8732, 4, generator=draw), torch.randn(3, 8732, 4, generator=draw) * 0.1)
    targets = [{"boxes": torch.from_numpy(o.boxes), "labels": torch.from_numpy(o.labels) + 1} for o in OBJECTS]
    matched = [
        theirs.proposal_matcher(theirs_iou(t["boxes"])) if len(t["boxes"]) else torch.full((8732,), -1) for t in targets
    ]
    head = {"bbox_regression": outputs.codes, "cls_logits": outputs.logits.roll(1, dims=2)}
    wanted = theirs.compute_loss(targets, head, [DEFAULT_BOXES] * 3, matched)
    kinds, places = ssd_losses(outputs, OBJECTS)
    torch.testing.assert_close(kinds, wanted["classification"], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(places, wanted["bbox_regression"], atol=1e-3, rtol=1e-3)


def theirs_iou(boxes: torch.Tensor) -> torch.Tensor:
    from torchvision.ops import box_iou

    return box_iou(boxes, DEFAULT_BOXES)


def test_a_box_that_is_sure_is_found_where_it_stands() -> None:
    logits, codes = torch.zeros(1, 8732, 4), torch.zeros(1, 8732, 4)
    logits[..., 3] = 10
    logits[0, 5000, 1] = 20
    found = ssd_detections(SSDOutputs(logits, codes), Choice())[0]
    assert found.labels.tolist() == [1]
    np.testing.assert_allclose(found.boxes[0], DEFAULT_BOXES[5000].clamp(0, 300), atol=1e-3)
