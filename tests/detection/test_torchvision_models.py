"""torchvision's detectors behind our records, and a clear word where torchvision cannot be used."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from facerec.detection.choosing import Choice
from facerec.detection.torchvision_models import PARAMETERS, detection_package, torchvision_detector
from facerec.errors import InvalidInput, MissingPart
from facerec.records import Objects
from tests import reference


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torchvision with its own slow pooling, not compiled, where the compiled one does not fit."""
    reference.torchvision()
    pytest.importorskip("torchvision.models.detection")
    if not hasattr(torch.ops.torchvision, "roi_align"):
        monkeypatch.setattr(sys.modules["torchvision.ops.roi_align"], "_has_ops", lambda: False)
    with torch.compiler.set_stance("force_eager"):
        yield


def test_a_package_that_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("importlib.import_module", fails)
    with pytest.raises(MissingPart, match="does not fit torch"):
        detection_package()


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InvalidInput, match="mask_rcnn_resnet50"):
        torchvision_detector("mask_rcnn")


@pytest.mark.parametrize("name", ["faster_rcnn_resnet50", "mask_rcnn_resnet50", "faster_rcnn_mobilenet"])
def test_they_have_as_many_weights_as_published(name: str, plain: None) -> None:
    with torch.device("meta"):
        net = torchvision_detector(name).net
    norms = [norm for norm in net.modules() if isinstance(norm, torch.nn.BatchNorm2d)]
    frozen = sum(weights.numel() for norm in norms for weights in norm.parameters())
    assert sum(weights.numel() for weights in net.parameters()) - frozen == PARAMETERS[name]


def test_mask_rcnn_gives_detections_and_masks_of_the_picture_s_size(plain: None) -> None:
    torch.manual_seed(0)
    sizes = {"min_size": 64, "max_size": 96, "rpn_post_nms_top_n_test": 4, "box_detections_per_img": 3}
    detector = torchvision_detector("mask_rcnn_resnet50", 3, how=Choice(floor=0.0), **sizes)
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    found = detector.instances(image)
    assert len(found.found) and found.masks.shape == (len(found.found), 48, 64)
    assert found.masks.min() >= 0 and found.masks.max() <= 1
    assert set(found.found.labels.tolist()) <= {0, 1, 2}
    assert (found.found.boxes[:, 2] <= 64).all() and (found.found.boxes[:, 3] <= 48).all()


def test_faster_rcnn_has_its_losses_and_no_masks(plain: None) -> None:
    torch.manual_seed(0)
    sizes = {"min_size": 64, "max_size": 96, "rpn_post_nms_top_n_test": 4, "rpn_post_nms_top_n_train": 8}
    detector = torchvision_detector("faster_rcnn_mobilenet", 2, how=Choice(floor=0.99), **sizes)
    image = np.zeros((48, 64, 3), np.uint8)
    assert len(detector(image)) == 0
    with pytest.raises(InvalidInput, match="masks"):
        detector.instances(image)
    objects = [Objects.of(np.array([[5, 5, 30, 30]]), np.array([1]))]
    losses = detector.losses([torch.rand(3, 48, 64)], objects)
    assert all(torch.isfinite(part) for part in losses.values()) and len(losses) == 4
