"""Mask R-CNN behind our types. Where torchvision's compiled part does not fit, the tests give it a plain one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from facerec.errors import InvalidInput
from facerec.segmentation import instances
from facerec.segmentation.instances import (
    InstanceFinder,
    Instances,
    box_of,
    learn,
    marked,
    mask_rcnn,
    names_of,
    small_mask_rcnn,
)
from tests.reference import torchvision
from tests.segmentation.shapes import drawn


@pytest.fixture(scope="module", autouse=True)
def usable_torchvision() -> Iterator[None]:
    torchvision()
    with torch.compiler.set_stance("force_eager"):  # its plain pooling of regions would be compiled, for many seconds
        yield


def shape(number: int) -> tuple[np.ndarray, dict[str, torch.Tensor]]:
    picture, mask = drawn(number, 64, 64)
    return picture, marked(np.where(mask, mask - 1, 0).astype(np.uint8), mask)


def test_masks_become_targets() -> None:
    labels = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    numbers = np.array([[0, 2, 2], [1, 0, 2]], np.uint8)
    target = marked(labels, numbers)
    assert target["boxes"].tolist() == [[0, 1, 1, 2], [1, 0, 3, 2]]
    assert target["labels"].tolist() == [1, 2] and target["masks"].sum(dim=(1, 2)).tolist() == [1, 3]
    assert marked(labels, numbers * 0)["boxes"].shape == (0, 4)
    with pytest.raises(InvalidInput, match="two classes"):
        marked(labels, np.ones_like(numbers))


def test_a_small_network_learns_and_finds() -> None:
    torch.manual_seed(0)
    net = small_mask_rcnn(2)
    pictures, targets = zip(*map(shape, range(4)), strict=True)
    losses = [sum(parts.values()) for parts in learn(net, pictures, targets, steps=4, rate=3e-3)]
    assert losses[-1] < 0.7 * losses[0]
    finder = InstanceFinder(net.eval(), ("disc", "square"))
    found = finder(pictures[0], floor=0.0)
    with torch.no_grad():
        theirs = net([instances.levels(pictures[0])])[0]
    np.testing.assert_allclose(found.boxes, theirs["boxes"].numpy())
    assert found.masks.shape == (len(found), 64, 64) and set(found.labels.tolist()) <= {0, 1}
    assert len(finder(pictures[0], floor=1.1)) == 0


def test_the_better_of_two_things_has_the_pixels_that_both_claim() -> None:
    masks = np.array([[[1, 1, 0]], [[0, 1, 1]]], bool)
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 1]], np.float32)
    found = Instances(boxes, np.array([0, 1]), np.array([0.9, 0.6], np.float32), masks)
    assert found.numbered().tolist() == [[1, 1, 2]]
    assert [box_of(mask) for mask in masks] == [(0, 0, 2, 1), (1, 0, 3, 1)]
    with pytest.raises(InvalidInput):
        Instances(boxes, np.array([0, 1]), np.array([0.9, 0.6], np.float32), masks.astype(np.uint8))


def test_the_published_network_has_the_published_count() -> None:
    """torchvision prints 44,401,393: its norms stay as they are, and their 53,120 numbers are not counted."""
    with torch.device("meta"):
        net = mask_rcnn(90)
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    frozen = sum(weights.numel() for norm in norms for weights in norm.parameters())
    assert (sum(weights.numel() for weights in net.parameters()) - frozen, frozen) == (44_401_393, 53_120)
    assert names_of(90)[0] == "person" and names_of(3) == ("0", "1", "2")
