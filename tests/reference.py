"""Independent implementations that ours must agree with, and how to import them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from facerec.records import Faces, Image


def facenet_pytorch() -> ModuleType:
    """The package facenet_pytorch, beside any build of torchvision."""
    torchvision()
    return importlib.import_module("facenet_pytorch")


def facenet_networks() -> ModuleType:
    """facenet_pytorch's file of recognition networks alone: the package itself imports torchvision."""
    found = importlib.util.find_spec("facenet_pytorch")
    assert found is not None and found.origin is not None
    folder = Path(found.origin).parent
    for name, path in (("bare_facenet", folder), ("bare_facenet.models", folder / "models")):
        sys.modules.setdefault(name, ModuleType(name)).__path__ = [str(path)]
    return importlib.import_module("bare_facenet.models.inception_resnet_v1")


def torchvision() -> ModuleType:
    """The package torchvision; where its compiled part does not fit this torch, with a plain `nms` instead."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        _define_operators()
        package = importlib.import_module("torchvision")
        package.extension._has_ops = lambda: True
        return package


def _define_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define(
        "qnms(Tensor dets, Tensor scores, Tensor det_scales, Tensor score_scales, float iou_threshold) -> Tensor"
    )
    library.impl("nms", plain_nms, "CPU")
    _libraries.append(library)  # its operators vanish with it


_libraries: list[Any] = []


def plain_nms(boxes: Any, scores: Any, threshold: float) -> Any:
    """Torch tensors (N, 4), (N,) -> kept rows, best first, as torchvision's operator is defined."""
    import torch

    x1, y1, x2, y2 = boxes.numpy().T
    areas = (x2 - x1) * (y2 - y1)
    waiting = np.argsort(-scores.numpy(), kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        wide = np.minimum(x2[best], x2[waiting]) - np.maximum(x1[best], x1[waiting])
        high = np.minimum(y2[best], y2[waiting]) - np.maximum(y1[best], y1[waiting])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        waiting = waiting[shared / (areas[best] + areas[waiting] - shared) <= threshold]
    return torch.tensor(kept, dtype=torch.int64)


def facenet_mtcnn(**settings: Any) -> Callable[[Image], Faces]:
    """facenet-pytorch's own MTCNN, all faces, best score first; `settings` are its constructor's."""
    detector = facenet_pytorch().MTCNN(keep_all=True, select_largest=False, **settings)

    def detect(image: Image) -> Faces:
        boxes, scores, landmarks = detector.detect(image, landmarks=True)
        if boxes is None:
            return Faces.none()
        return Faces(*(np.array(part.tolist(), np.float32) for part in (boxes, landmarks, scores)))

    return detect


class Difference(NamedTuple):
    """How far two detectors are apart on one picture."""

    faces: int
    box: float
    landmark: float
    score: float


def difference(ours: Faces, theirs: Faces) -> Difference | None:
    """Largest differences, in pixels and in score, over the faces of one picture; None unless they pair off."""
    if not len(ours) or len(ours) != len(theirs):
        return Difference(0, 0, 0, 0) if len(ours) == len(theirs) else None
    apart = np.abs(ours.boxes[:, None] - theirs.boxes).max(axis=2)
    partner = apart.argmin(axis=1)
    if len(set(partner)) < len(partner):
        return None
    same = theirs[partner]
    return Difference(
        len(ours),
        float(apart.min(axis=1).max()),
        float(np.abs(ours.landmarks - same.landmarks).max()),
        float(np.abs(ours.scores - same.scores).max()),
    )


def opencv_yunet(path: str, side: int, threshold: float, overlap: float) -> Callable[[Image], Faces]:
    """OpenCV's YuNet for pictures of `side` x `side` pixels, at its own thresholds of score and overlap."""
    import cv2

    detector = cv2.FaceDetectorYN.create(path, "", (side, side), threshold, overlap, 5000)

    def detect(image: Image) -> Faces:
        _, rows = detector.detect(np.ascontiguousarray(image[..., ::-1]))
        if rows is None:
            return Faces.none()
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return Faces(boxes, rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14])

    return detect
