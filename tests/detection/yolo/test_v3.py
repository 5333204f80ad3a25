"""YOLOv3's boxes and losses."""

import numpy as np
import pytest
import torch

from facerec.detection.yolo import v3
from facerec.detection.yolo.pairs import iou_of_pairs, overlaps
from facerec.detection.yolo.places import places
from facerec.detection.yolo.targets import Target, encode, values_of
from facerec.geometry import generalised_iou, iou
from facerec.records import Objects

WHERE = places((64, 96), (8, 16), (((8, 8), (12, 20)), ((30, 30), (60, 40))))


def some_objects(seed: int, count: int = 6) -> Objects:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 40, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 40, (count, 2))], axis=1)
    return Objects.of(boxes, rng.integers(0, 3, count))


def rows_that_say(target: Target, pictures: int, classes: int = 3) -> torch.Tensor:
    """The output of a network that is right about everything."""
    rows = torch.full((pictures * len(WHERE), 5 + classes), -12.0)
    rows[:, :4] = 0
    values = torch.from_numpy(target.values)
    rows[target.rows, :2] = torch.logit(values[:, :2])
    rows[target.rows, 2:4] = values[:, 2:]
    rows[target.rows, 4] = 12
    rows[target.rows, 5 + torch.from_numpy(target.labels)] = 12
    return rows.view(pictures, len(WHERE), -1)


@pytest.mark.parametrize("seed", range(4))
def test_decode_gives_back_what_encode_was_given(seed):
    objects = [some_objects(seed), Objects.none(), some_objects(seed + 10)]
    target = encode(objects, WHERE)
    boxes, scores = v3.decode(rows_that_say(target, 3), WHERE)
    assert boxes.flatten(0, 1)[target.rows].numpy() == pytest.approx(target.boxes, abs=2e-2)
    assert target.boxes == pytest.approx(np.concatenate([each.boxes for each in objects]))
    best = scores.flatten(0, 1)[target.rows]
    assert best.argmax(dim=1).tolist() == target.labels.tolist() and (best.amax(dim=1) > 0.999).all()
    assert (scores > 0.5).sum() == len(target.rows)


def test_numbers_by_hand():
    target = encode([Objects.of([[30, 18, 42, 38]], [2])], WHERE)  # centre 36, 28: column 4, row 3 of stride 8
    place = (3 * 12 + 4) * 2 + 1
    assert target.rows.tolist() == [place]
    assert target.values[0] == pytest.approx([0.5, 0.5, 0, 0], abs=1e-6)  # exactly the anchor 12x20


@pytest.mark.parametrize("loss", [v3.loss, v3.loss_by_overlap])
def test_who_is_right_has_nearly_no_loss_and_no_gradient(loss):
    objects = [some_objects(3), some_objects(4)]
    target = encode(objects, WHERE)
    rows = rows_that_say(target, 2).requires_grad_()
    centre = float(torch.distributions.Bernoulli(torch.from_numpy(target.values[:, :2])).entropy().mean())
    parts = loss(rows, target, WHERE)
    floor = centre if loss is v3.loss else 0.0  # cross-entropy with a target between 0 and 1 has a floor of its own
    assert parts.object < 0.05 and parts.kind < 0.01 and parts.box.item() < floor * 2 * 2 * 6 + 1e-2
    parts.total.backward()
    told = rows.grad if loss is v3.loss else rows.grad[..., 4:]  # an overlap of 1 is a peak with edges
    assert told.abs().max() < 0.05


@pytest.mark.parametrize("loss", [v3.loss, v3.loss_by_overlap])
def test_the_gradient_is_that_of_differences(loss):
    torch.manual_seed(0)
    target = encode([some_objects(5)], WHERE)
    rows = torch.randn(1, len(WHERE), 8, dtype=torch.float64, requires_grad=True)
    total = loss(rows, target, WHERE).total
    total.backward()
    for column in (0, 2, 4, 5):
        place = (0, int(target.rows[0]), column)
        shift = torch.zeros_like(rows)
        shift[place] = 1e-6
        with torch.no_grad():
            slope = (loss(rows + shift, target, WHERE).total - loss(rows - shift, target, WHERE).total) / 2e-6
        assert rows.grad[place].item() == pytest.approx(slope.item(), rel=1e-3, abs=1e-6)


def test_who_is_nearly_right_without_having_the_place_is_not_punished():
    box = np.array([[32, 16, 64, 48]], np.float32)
    target = encode([Objects.of(box, [0])], WHERE)
    rows = torch.full((1, len(WHERE), 8), 0.0)
    rows[..., 4] = -12
    neighbour = int(target.rows[0]) - 2  # one cell to the left, at whose right edge the centre lies
    values = values_of(box, WHERE, np.array([neighbour]))
    rows[0, neighbour, :4] = torch.tensor([12.0, -12.0, *values[0, 2:]])
    quiet = v3.loss(rows, target, WHERE).object.item()
    rows[0, neighbour, 4] = 12
    assert v3.loss(rows, target, WHERE).object.item() == pytest.approx(quiet, abs=1e-3)
    rows[0, 0, 4] = 12  # nothing is there
    assert v3.loss(rows, target, WHERE).object > quiet + 10


def test_no_object_on_any_picture():
    target = encode([Objects.none()], WHERE)
    rows = torch.zeros(1, len(WHERE), 8, requires_grad=True)
    for loss in (v3.loss, v3.loss_by_overlap):
        parts = loss(rows, target, WHERE)
        assert parts.box == 0 and parts.kind == 0 and parts.object > 0


def test_overlaps_of_tensors_are_those_of_arrays():
    a, b = some_objects(0).boxes, some_objects(1).boxes
    assert overlaps(torch.from_numpy(a), torch.from_numpy(b)).numpy() == pytest.approx(iou(a, b), abs=1e-5)
    pairs = iou_of_pairs(torch.from_numpy(a), torch.from_numpy(b), generalised=True).numpy()
    assert pairs == pytest.approx(np.diag(generalised_iou(a, b)), abs=1e-5)
