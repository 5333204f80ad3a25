"""YOLOv2's losses, and that all with anchors learn one picture by heart."""

import numpy as np
import pytest
import torch

from facerec.detection.networks import FAMILIES
from facerec.detection.yolo import v2
from facerec.detection.yolo.places import places, rows_of
from facerec.detection.yolo.targets import encode
from facerec.geometry import iou
from facerec.records import Objects

WHERE = places((64, 96), (32,), (((10, 10), (20, 30), (40, 40)),))


def right_about(objects: Objects) -> torch.Tensor:
    """The rows of a network that is right."""
    target = encode([objects], WHERE)
    rows = torch.full((len(WHERE), 8), -12.0)
    rows[:, :4] = 0
    values = torch.from_numpy(target.values)
    rows[target.rows, :2], rows[target.rows, 2:4] = torch.logit(values[:, :2]), values[:, 2:]
    rows[target.rows, 4] = 12
    rows[target.rows, 5 + torch.from_numpy(target.labels)] = 12
    return rows[None]


def test_who_is_right_has_no_loss_and_is_decoded():
    objects = Objects.of([[4, 4, 16, 18], [30, 10, 72, 50], [60, 40, 80, 60]], [0, 2, 1])
    rows, target = right_about(objects), encode([objects], WHERE)
    assert v2.loss(rows, target, WHERE).total.item() == pytest.approx(0, abs=1e-2)
    boxes, scores = v2.decode(rows, WHERE)
    assert boxes[0, target.rows].numpy() == pytest.approx(objects.boxes, abs=2e-2)
    assert scores[0, target.rows].argmax(dim=1).tolist() == [0, 2, 1] and (scores > 0.5).sum() == 3
    assert rows_of([torch.zeros(1, 24, 2, 3)], 3).shape == (1, len(WHERE), 8)


def test_objectness_is_to_be_the_overlap_that_was_reached():
    objects = Objects.of([[16, 16, 56, 56]], [0])  # exactly the third anchor, around 36, 36
    rows, target = right_about(objects), encode([objects], WHERE)
    rows[0, target.rows[0], 2] = np.log(0.5)  # half as wide: IoU 0.5
    rows[0, target.rows[0], 4] = torch.logit(torch.tensor(0.9))
    parts = v2.loss(rows, target, WHERE)
    assert parts.object.item() == pytest.approx(v2.OBJECT * 0.4**2, abs=1e-3)
    small = 2 - 40 * 40 / (64 * 96)
    assert parts.box.item() == pytest.approx(small * np.log(0.5) ** 2, abs=1e-3)


def test_classes_share_one_softmax():
    rows = torch.zeros(1, len(WHERE), 8)
    _, scores = v2.decode(rows, WHERE)
    assert scores[0, 0].tolist() == pytest.approx([1 / 6] * 3)


@pytest.mark.parametrize("name", ["small", "yolov2", "yolov3"])
def test_a_thin_one_learns_one_picture_by_heart(name):
    torch.manual_seed(1)
    family = FAMILIES[name]
    where = places(
        (64, 96), family.strides, [[(12 + 12 * n, 12 + 12 * n) for n in range(family.anchors)]] * len(family.strides)
    )
    net = family.build(2, 0.25).train()
    pixels = torch.full((2, 3, 64, 96), 0.5)
    pixels[0, 0, 10:34, 20:56] = 1
    pixels[1, 2, 30:60, 50:80] = 1
    objects = [Objects.of([[20, 10, 56, 34]], [0]), Objects.of([[50, 30, 80, 60]], [1])]
    target = family.encode(objects, where)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(40):
        loss = family.loss(rows_of(net(pixels), family.anchors), target, where).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        boxes, scores = family.decode(rows_of(net(pixels), family.anchors), where)
    for picture, each in enumerate(objects):
        best = int(scores[picture].amax(dim=1).argmax())
        assert scores[picture, best].argmax() == each.labels[0]
        assert iou(boxes[picture, best : best + 1].numpy(), each.boxes)[0, 0] > 0.6
