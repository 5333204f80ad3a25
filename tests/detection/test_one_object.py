"""One object at most: targets by hand, a loss that is blind where nothing is, and a net that learns drawn shapes."""

import numpy as np
import pytest
import torch

from facerec.detection.landmarks import LandmarkNet, landmark_loss, landmark_targets, normalised_mean_error, points_of
from facerec.detection.one_object import (
    OneObjectNet,
    decoded,
    learn_targets,
    mean_overlap,
    one_object_loss,
    small_trunk,
    target_of,
)
from facerec.errors import InvalidInput
from facerec.records import Detections, Objects
from tests.detection.shapes import shapes


def test_a_target_by_hand() -> None:
    objects = Objects.of(np.array([[10, 20, 30, 60]]), np.array([2]))
    torch.testing.assert_close(
        target_of(objects, (80, 40), 3), torch.tensor([1, 0.5, 0.5, 0.5, 0.5, 0, 0, 1], dtype=torch.float32)
    )
    assert target_of(Objects.none(), (80, 40), 3).tolist() == [0.0] * 8


def test_where_nothing_is_the_rest_of_the_answer_does_not_matter() -> None:
    logits = torch.randn(4, 8, requires_grad=True)
    one_object_loss(logits, torch.zeros(4, 8)).backward()
    assert logits.grad is not None
    assert logits.grad[:, 0].abs().min() > 0 and logits.grad[:, 1:].abs().max() == 0


def test_the_target_s_own_answer_is_decoded_to_its_box_and_costs_nothing() -> None:
    objects = [Objects.of(np.array([[10, 20, 30, 60]]), np.array([2])), Objects.none()]
    targets = torch.stack([target_of(each, (80, 40), 3) for each in objects])
    answers = targets.clone()
    answers[:, 3:5] = answers[:, 3:5].sqrt()
    logits = torch.cat([torch.logit(answers[:, :5], eps=1e-6), (answers[:, 5:] - 0.5) * 60], dim=1)
    assert one_object_loss(logits, targets) < 1e-4
    found = decoded(logits, (80, 40))
    np.testing.assert_allclose(found[0].boxes, objects[0].boxes, atol=1e-2)
    assert found[0].labels.tolist() == [2] and len(found[1]) == 0
    assert mean_overlap(found, objects) == pytest.approx(1, abs=1e-3)
    assert mean_overlap([Detections.none()] * 2, objects) == 0


def test_a_small_net_learns_where_drawn_shapes_are() -> None:
    torch.manual_seed(0)
    pictures, objects = shapes(480, 32, np.random.default_rng(0))
    targets = torch.stack([target_of(each, (32, 32), 3) for each in objects])
    net = OneObjectNet(3, side=32, width=8)
    losses = list(learn_targets(net, pictures[:400], targets[:400], one_object_loss, epochs=12))
    with torch.no_grad():
        found = decoded(net(pictures[400:]), (32, 32))
    assert losses[-1] < losses[0] / 2
    assert mean_overlap(found, objects[400:]) > 0.4
    there = [len(each) > 0 for each in objects[400:]]
    assert np.mean([len(each) > 0 for each in found] == np.array(there)) > 0.9


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: target_of(Objects.of(np.array([[0, 0, 1, 1]] * 2), np.array([0, 0])), (4, 4), 1), "2 objects"),
        (lambda: mean_overlap([Detections.none()], [Objects.none()]), "needs a picture"),
        (lambda: small_trunk(40), "multiple of 16"),
        (lambda: normalised_mean_error(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2)), "normalised"),
    ],
)
def test_what_cannot_be_is_said(call, says) -> None:
    with pytest.raises(InvalidInput, match=says):
        call()


def test_landmarks_go_into_a_target_and_back() -> None:
    points = torch.tensor([[[4.0, 8.0], [12.0, 8.0]], [[0.0, 0.0], [0.0, 0.0]]])
    targets = landmark_targets(torch.tensor([True, False]), points, 16)
    answers = targets.clone()
    answers[:, 0] = torch.tensor([20.0, -20.0])
    assert landmark_loss(answers, targets) < 1e-6
    sure, back = points_of(answers, 16)
    assert sure[0] > 0.99 and sure[1] < 0.01
    torch.testing.assert_close(back[0], points[0])
    moved = points[:1] + torch.tensor([2.0, 0.0])
    torch.testing.assert_close(normalised_mean_error(moved, points[:1]), torch.tensor([0.25]))
    blind = torch.randn(2, 5, requires_grad=True)
    landmark_loss(blind, torch.zeros(2, 5)).backward()
    assert blind.grad is not None and blind.grad[:, 1:].abs().max() == 0
    assert LandmarkNet(5, 32, 4)(torch.zeros(2, 3, 32, 32)).shape == (2, 11)
