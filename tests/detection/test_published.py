"""Every detector by name: as many weights as published, an answer at the published size, another number of classes."""

import pytest
import torch

from facerec.detection.published import DETECTORS, create
from facerec.errors import InvalidInput


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_has_its_published_size_and_weights(name: str) -> None:
    entry = DETECTORS[name]
    with torch.device("meta"):
        net = create(name).eval()
        answers = net(torch.zeros(1, 3, entry.size, entry.size))
        other = create(name, 3)
    counts = [sum(weights.numel() for weights in each.parameters()) for each in (net, other)]
    assert entry.parameters in (None, counts[0])
    assert counts[1] < counts[0]
    assert answers is not None


def test_an_unknown_name_lists_the_known_and_no_class_is_no_detector() -> None:
    with pytest.raises(InvalidInput, match="yolov1, yolov2, yolov3, ssd300, efficientdet_d0"):
        create("ssd512")
    with pytest.raises(InvalidInput, match="at least one class"):
        create("ssd300", 0)
