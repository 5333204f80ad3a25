"""torchvision's own detectors behind our records: Faster R-CNN, Mask R-CNN, RetinaNet and SSD on large trunks.

torchvision is no part of an installation of facerec: its builds want the very torch that they were made for. Where it
cannot be imported, the error says so, and the networks of `facerec.detection` are there all the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facerec.cnn.weight_files import read_state
from facerec.detection.choosing import Choice
from facerec.errors import InvalidInput, MissingPart
from facerec.records import Detections, Float32, Image, Objects

MODELS: dict[str, str] = {
    "faster_rcnn_resnet50": "fasterrcnn_resnet50_fpn",
    "faster_rcnn_mobilenet": "fasterrcnn_mobilenet_v3_large_320_fpn",
    "mask_rcnn_resnet50": "maskrcnn_resnet50_fpn",
    "retinanet_resnet50": "retinanet_resnet50_fpn",
    "ssd300_vgg16": "ssd300_vgg16",
}
"""Our names, and torchvision's."""
PARAMETERS = {
    "faster_rcnn_resnet50": 41_755_286,
    "faster_rcnn_mobilenet": 19_386_354,
    "mask_rcnn_resnet50": 44_401_393,
    "retinanet_resnet50": 34_014_999,
    "ssd300_vgg16": 35_641_826,
}
"""What torchvision's documentation says, for COCO's 90 classes and the background, without its frozen norms."""


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """Detections of one image and what belongs to each.

    found  N detections
    masks  (N, H, W) float32, 0..1: how surely each pixel of the image belongs to the detection
    """

    found: Detections
    masks: Float32


def detection_package() -> Any:
    """torchvision.models.detection. Raises MissingPart where torchvision is not installed or does not fit torch."""
    try:
        return importlib.import_module("torchvision.models.detection")
    except ImportError as error:
        raise MissingPart("this detector is torchvision's: install the torchvision that fits this torch") from error
    except RuntimeError as error:  # operator torchvision::nms does not exist
        raise MissingPart(
            f"torchvision is installed and does not fit torch {torch.__version__} ({error}): install the two of one "
            "release and one kind, both for the processor or both for CUDA"
        ) from error


class TorchvisionDetector:
    """One of torchvision's detectors: a picture (H, W, 3) -> what is on it. Label k is torchvision's k + 1."""

    def __init__(self, net: nn.Module, how: Choice):
        self.net, self.how = net, how

    def __call__(self, image: Image) -> Detections:
        return self._chosen(self._answer(image))[0]

    def instances(self, image: Image) -> Instances:
        """Detections and their masks. Raises InvalidInput where the network is not Mask R-CNN."""
        answer = self._answer(image)
        if "masks" not in answer:
            raise InvalidInput("only mask_rcnn_resnet50 gives masks")
        found, rows = self._chosen(answer)
        return Instances(found, np.asarray(answer["masks"][:, 0].numpy()[rows], np.float32))

    def losses(self, pictures: Sequence[Tensor], objects: Sequence[Objects]) -> dict[str, Tensor]:
        """The parts of torchvision's own loss, in training mode: pictures (3, H, W) 0..1, each with an object."""
        targets = [{"boxes": torch.from_numpy(o.boxes), "labels": torch.from_numpy(o.labels) + 1} for o in objects]
        self.net.train()
        parts: dict[str, Tensor] = self.net(list(pictures), targets)
        return parts

    @torch.inference_mode()
    def _answer(self, image: Image) -> dict[str, Tensor]:
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        answer: dict[str, Tensor] = self.net.eval()([picture])[0]
        return answer

    def _chosen(self, answer: dict[str, Tensor]) -> tuple[Detections, np.ndarray]:
        """The sure ones: torchvision has thinned them by its own overlap, best first."""
        rows = np.flatnonzero(answer["scores"].numpy() >= self.how.floor)[: self.how.most]
        boxes, scores, labels = (answer[name].numpy()[rows] for name in ("boxes", "scores", "labels"))
        return Detections.best_first(boxes, scores, labels - 1), rows


def torchvision_detector(
    name: str, classes: int = 90, weights: Path | None = None, how: Choice | None = None, **sizes: int
) -> TorchvisionDetector:
    """Build one of `MODELS`, with weights from a .safetensors or .npz file or fresh ones.

    `sizes` are torchvision's own arguments, such as min_size. Raises InvalidInput for an unknown name or weights that
    do not fit, MissingPart without a torchvision that works.
    """
    if name not in MODELS:
        raise InvalidInput(f"torchvision's detectors are {', '.join(MODELS)}; there is no {name!r}")
    build = getattr(detection_package(), MODELS[name])
    how = how or Choice()
    net: nn.Module = build(weights=None, weights_backbone=None, num_classes=classes + 1, **sizes)
    if weights is not None:
        try:
            missing = net.load_state_dict(read_state(weights, {})[0], strict=False)
        except RuntimeError as error:  # torch's word for names or shapes that differ
            raise InvalidInput(f"{weights} holds no weights of {name} for {classes} classes") from error
        lacking = [key for key in missing.missing_keys if not key.endswith("num_batches_tracked")]  # frozen norms do
        if odd := [*lacking, *missing.unexpected_keys]:
            raise InvalidInput(f"{weights} holds no weights of {name}: {', '.join(odd[:4])}")
    return TorchvisionDetector(net.eval(), how)
