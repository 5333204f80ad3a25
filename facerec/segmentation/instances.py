"""Masks of single things by Mask R-CNN (He et al., 2017), as torchvision keeps it, behind our types.

torchvision is imported when a network is made: its builds fit one torch each, and where it does not fit, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facerec.cnn.transfer import to_training
from facerec.cnn.weight_files import read_state
from facerec.errors import FacerecError, InvalidInput, MissingPart
from facerec.records import Float32, Image, Int64, require_float32

HEAD = "roi_heads.box_predictor.cls_score.weight"
COCO = 91
"""Outputs of the published network: COCO's numbers, 11 of which are no class, and the ground."""


class NoNumber(FacerecError):
    """The loss of Mask R-CNN is no longer a number."""

    code = "diverged"


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """The things on one picture, best score first. N may be 0.

    boxes   (N, 4)     float32  x1 y1 x2 y2, pixels
    labels  (N,)       int64    class, from 0
    scores  (N,)       float32  0..1
    masks   (N, H, W)  bool     the pixels of each
    """

    boxes: Float32
    labels: Int64
    scores: Float32
    masks: np.ndarray

    def __post_init__(self) -> None:
        require_float32("boxes", self.boxes, (len(self.labels), 4))
        require_float32("scores", self.scores, (len(self.labels),))
        if self.masks.ndim != 3 or len(self.masks) != len(self.labels) or self.masks.dtype != bool:
            raise InvalidInput(f"masks must be bool ({len(self.labels)}, H, W), got {self.masks.dtype}")

    def __len__(self) -> int:
        return len(self.labels)

    def numbered(self) -> np.ndarray:
        """Which thing each pixel is of: (H, W) uint8, 0 for none, 1 for the best; where two meet, the better one."""
        numbers = np.zeros(self.masks.shape[1:], np.uint8)
        for place in reversed(range(min(len(self), 254))):
            numbers[self.masks[place]] = place + 1
        return numbers


def detection_models() -> ModuleType:
    """torchvision's detectors. Raises MissingPart where it is not installed or was built for another torch."""
    try:
        from torchvision.models import detection
    except (ImportError, RuntimeError) as error:  # RuntimeError: operator torchvision::nms does not exist
        raise MissingPart(
            f"Mask R-CNN needs torchvision in the build that fits torch {torch.__version__} ({error}): install both "
            "from the same place, as pytorch.org says"
        ) from error
    found: ModuleType = detection
    return found


def mask_rcnn(classes: int, side: int = 800) -> nn.Module:
    """Mask R-CNN over a ResNet-50 with a feature pyramid, with fresh weights; `classes` without the ground.

    side  that the shorter side of a picture is brought to, pixels
    """
    if classes < 1:
        raise InvalidInput(f"a network needs at least one class, got {classes}")
    build = detection_models().maskrcnn_resnet50_fpn
    net: nn.Module = build(weights=None, weights_backbone=None, num_classes=classes + 1, min_size=side)
    return net


def small_mask_rcnn(classes: int, channels: int = 32) -> nn.Module:
    """The same two stages over four plain convolutions with a step of 8 pixels: for small pictures and a processor."""
    detection = detection_models()
    from torchvision.ops import MultiScaleRoIAlign

    widths = (3, channels // 2, channels, channels, channels)
    layers: list[nn.Module] = []
    for step, (c_in, c_out) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(c_in, c_out, 3, 2 if step else 1, 1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)]
    trunk = nn.Sequential(*layers)
    trunk.out_channels = channels  # type: ignore[assignment]
    pools = {
        "box_roi_pool": MultiScaleRoIAlign(["0"], 7, 2),
        "mask_roi_pool": MultiScaleRoIAlign(["0"], 14, 2),
    }
    anchors = detection.rpn.AnchorGenerator(((12, 20, 32),), ((0.7, 1.0, 1.4),))
    heads = {
        "box_head": detection.faster_rcnn.TwoMLPHead(channels * 49, 128),
        "mask_head": detection.mask_rcnn.MaskRCNNHeads(channels, (channels,) * 2, 1),
        "box_predictor": detection.faster_rcnn.FastRCNNPredictor(128, classes + 1),
        "mask_predictor": detection.mask_rcnn.MaskRCNNPredictor(channels, channels, classes + 1),
    }
    fewer = {
        "rpn_pre_nms_top_n_train": 200, "rpn_pre_nms_top_n_test": 200, "rpn_post_nms_top_n_train": 60,
        "rpn_post_nms_top_n_test": 60, "box_batch_size_per_image": 32, "box_detections_per_img": 20,
    }  # fmt: skip
    net: nn.Module = detection.MaskRCNN(
        trunk, rpn_anchor_generator=anchors, min_size=64, max_size=512, **pools, **heads, **fewer
    )
    return net


@dataclass(frozen=True, slots=True, eq=False)
class InstanceFinder:
    """A network in evaluation mode and what its classes are called."""

    net: nn.Module
    names: tuple[str, ...]

    @torch.inference_mode()
    def __call__(self, image: Image, floor: float = 0.5) -> Instances:
        """What has at least the score `floor` on a picture (H, W, 3)."""
        found = self.net([levels(image)])[0]
        kept = found["scores"] >= floor
        return Instances(
            found["boxes"][kept].numpy(),
            found["labels"][kept].numpy() - 1,
            found["scores"][kept].numpy(),
            found["masks"][kept, 0].numpy() >= 0.5,
        )


def levels(image: Image) -> Tensor:
    """What torchvision's detectors take: (H, W, 3) uint8 -> (3, H, W) float32 0..1."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255


def open_instances(path: Path, names: Sequence[str] = ()) -> InstanceFinder:
    """Mask R-CNN with weights of a safetensors file under torchvision's names, such as its own ones for COCO.

    Without `names`, COCO's where there are as many classes, else numbers. Raises InvalidInput for weights of something
    else or another number of names, and what `read_state` and `detection_models` raise.
    """
    state, _ = read_state(path, {})
    if HEAD not in state:
        raise InvalidInput(f"{path} holds no weights of Mask R-CNN: {HEAD} is not among them")
    classes = len(state[HEAD]) - 1
    called = tuple(names) or names_of(classes)
    if len(called) != classes:
        raise InvalidInput(f"{path} knows {classes} classes, and {len(called)} names were given")
    net = mask_rcnn(classes)
    fill(net, state, path)
    return InstanceFinder(net.eval(), called)


def fill(net: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Give a network a file's weights. Raises InvalidInput where they are another's.

    The published weights were made with norms that stay as they are and divide by the plain deviation.
    """
    counters = {name for name in net.state_dict() if name.endswith("num_batches_tracked")}
    if not counters & state.keys():
        state = state | {name: torch.tensor(0) for name in counters}
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
    try:
        net.load_state_dict(state)
    except RuntimeError as error:  # torch's word for names or shapes that differ
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{path} holds weights of another Mask R-CNN: {reason}") from error


def names_of(classes: int) -> tuple[str, ...]:
    """COCO's where there are as many, without the ground; numbers for any other."""
    if classes != COCO - 1:
        return tuple(map(str, range(classes)))
    known = detection_models().MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    return tuple(known[1:])


def marked(labels: np.ndarray, numbers: np.ndarray) -> dict[str, Tensor]:
    """What a network learns of a picture from two masks: each pixel's class, and the number of the thing it is of.

    labels   (H, W) uint8, classes from 0
    numbers  (H, W) uint8, from 1; 0 where there is no thing

    Raises InvalidInput where a thing has pixels of two classes.
    """
    masks = [numbers == number for number in np.unique(numbers) if number]
    kinds = [np.unique(labels[mask]) for mask in masks]
    if any(len(kind) > 1 for kind in kinds):
        raise InvalidInput("a thing has pixels of two classes: give each its own number")
    boxes = np.array([box_of(mask) for mask in masks], np.float32).reshape(-1, 4)
    return {
        "boxes": torch.from_numpy(boxes),
        "labels": torch.tensor([int(kind[0]) + 1 for kind in kinds], dtype=torch.int64),
        "masks": torch.from_numpy(np.array(masks, np.uint8).reshape(-1, *labels.shape)),
    }


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The smallest box around a mask (H, W) with at least one pixel: x1 y1 x2 y2, x2 and y2 exclusive.

    >>> box_of(np.array([[0, 0, 0], [0, 1, 1]]))
    (1, 1, 3, 2)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def learn(
    net: nn.Module, pictures: Sequence[Image], targets: Sequence[dict[str, Tensor]], steps: int,
    rate: float = 1e-3, batch: int = 2, seed: int = 0,
) -> Iterator[dict[str, float]]:  # fmt: skip
    """Train in place by AdamW; yields the parts of each step's loss, by torchvision's names.

    Raises NoNumber where the loss is none.
    """
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW([weights for weights in net.parameters() if weights.requires_grad], rate)
    to_training(net)
    torch.manual_seed(seed)  # of the regions that are drawn
    for step in range(steps):
        rows = rng.permutation(len(pictures))[:batch]
        losses: dict[str, Any] = net([levels(pictures[row]) for row in rows], [targets[row] for row in rows])
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise NoNumber(f"the loss is no number at step {step + 1}: set a lower rate")
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield {name: float(value.detach()) for name, value in losses.items()}
