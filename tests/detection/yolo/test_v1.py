"""The first YOLO: cells, square roots, squared errors."""

import numpy as np
import pytest
import torch

from facerec.detection.yolo import v1
from facerec.detection.yolo.places import places
from facerec.geometry import iou
from facerec.records import Objects

WHERE = places((448, 448), (64,), (((1, 1),),))
CLASSES = 3


def some_objects(seed: int) -> Objects:
    """One in each of a few cells."""
    rng = np.random.default_rng(seed)
    cells = rng.permutation(49)[:5]
    centre = (np.stack([cells % 7, cells // 7], axis=1) + rng.uniform(0.1, 0.9, (5, 2))) * 64
    half = rng.uniform(10, 90, (5, 2))
    return Objects.of(np.concatenate([centre - half, centre + half], axis=1), rng.integers(0, CLASSES, 5))


def rows_that_say(target: v1.Target, pictures: int) -> torch.Tensor:
    """The output of a network that is right, by its first box."""
    rows = torch.zeros(pictures * 49, 10 + CLASSES)
    rows[target.rows, :4] = torch.from_numpy(target.values)
    rows[target.rows, 4] = 1
    rows[target.rows, 10 + torch.from_numpy(target.labels)] = 1
    return rows.view(pictures, 49, -1)


@pytest.mark.parametrize("seed", range(3))
def test_decode_gives_back_what_encode_was_given(seed):
    objects = [some_objects(seed), Objects.none()]
    target = v1.encode(objects, WHERE)
    boxes, scores = v1.decode(rows_that_say(target, 2), WHERE)
    assert boxes.shape == (2, 98, 4) and scores.shape == (2, 98, CLASSES)
    sure = scores[0].amax(dim=1) > 0.5
    found, labels = boxes[0][sure].numpy(), scores[0][sure].argmax(dim=1).numpy()
    pairs = iou(found, objects[0].boxes).argmax(axis=1)
    assert sorted(pairs.tolist()) == list(range(5)) and (scores[1] == 0).all()
    assert found == pytest.approx(objects[0].boxes[pairs], abs=0.05)
    assert labels.tolist() == objects[0].labels[pairs].tolist()


def test_of_two_objects_in_a_cell_the_first_is_told_of():
    both = Objects.of([[10, 10, 50, 50], [12, 12, 48, 60], [400, 400, 448, 448]], [1, 2, 0])
    target = v1.encode([both], WHERE)
    assert target.rows.tolist() == [0, 48] and target.labels.tolist() == [1, 0]
    assert target.values[0] == pytest.approx([30 / 64, 30 / 64, (40 / 448) ** 0.5, (40 / 448) ** 0.5])


def test_the_loss_by_hand():
    target = v1.encode([Objects.of([[0, 0, 64, 64]], [1])], WHERE)  # centre of cell 0, 1/7 of the picture
    rows = torch.zeros(1, 49, 13)
    side = (1 / 7) ** 0.5
    rows[0, 0, :5] = torch.tensor([0.5, 0.5, side, side, 0.7])  # the right box, not sure enough
    rows[0, 0, 9] = 0.2  # the other box, too sure
    rows[0, 5, 4] = 0.4  # another cell, too sure
    rows[0, 0, 11] = 0.6
    parts = v1.loss(rows, target, WHERE)
    assert parts.box.item() == pytest.approx(0, abs=1e-9)
    assert parts.object.item() == pytest.approx(0.3**2 + 0.5 * (0.2**2 + 0.4**2), abs=1e-6)
    assert parts.kind.item() == pytest.approx(0.4**2, abs=1e-6)
    rows[0, 0, 0] = 0.6
    assert v1.loss(rows, target, WHERE).box.item() == pytest.approx(5 * 0.1**2, abs=1e-6)


def test_the_gradient_is_that_of_differences():
    torch.manual_seed(0)
    target = v1.encode([some_objects(1)], WHERE)
    rows = torch.rand(1, 49, 13, dtype=torch.float64, requires_grad=True)
    fixed = v1.loss(rows, target, WHERE)
    (fixed.box + fixed.kind).backward()  # how sure it is to be depends on the box, and that is held still
    for column in (0, 3, 5, 8, 11):
        shift = torch.zeros_like(rows)
        shift[0, int(target.rows[0]), column] = 1e-6
        with torch.no_grad():
            up, down = (v1.loss(rows + sign * shift, target, WHERE) for sign in (1, -1))
        slope = (up.box + up.kind - down.box - down.kind).item() / 2e-6
        assert rows.grad[0, int(target.rows[0]), column].item() == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_a_thin_one_learns_one_picture_by_heart():
    torch.manual_seed(0)
    net = v1.YoloV1(CLASSES, 1 / 16).eval()  # without its dropout
    pictures, objects = torch.rand(1, 3, 448, 448), Objects.of([[64, 64, 250, 300]], [2])
    target = v1.encode([objects], WHERE)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    first = None
    for _ in range(40):
        rows = net(pictures)[0].permute(0, 2, 3, 1).reshape(1, 49, -1)
        loss = v1.loss(rows, target, WHERE).total
        first = loss.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    boxes, scores = v1.decode(net(pictures)[0].permute(0, 2, 3, 1).reshape(1, 49, -1), WHERE)
    best = scores[0].amax(dim=1).argmax()
    assert loss.item() < first / 5 and scores[0, best].argmax() == 2
    assert iou(boxes[0, best : best + 1].detach().numpy(), objects.boxes)[0, 0] > 0.5
