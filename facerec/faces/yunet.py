"""YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), from an ONNX file of its authors.

One pass over the whole picture; at strides 8, 16 and 32 every cell says how likely it holds a face and where the
box and the landmarks lie. The decoding is ours; it agrees with OpenCV's `FaceDetectorYN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.faces.reduced import detect_within
from facerec.geometry import nms
from facerec.records import Faces, Float32, Image
from facerec.runtime import Graph

STRIDES = (8, 16, 32)
OUTPUTS = ("cls", "obj", "bbox", "kps")  # each with _8, _16 and _32


@dataclass(frozen=True, slots=True)
class YuNetSettings:
    """What YuNet looks for.

    threshold  lowest score of a face, 0..1; OpenCV sets 0.9, which misses a third of the faces in a group
    overlap    of two boxes over their union, above which the worse is dropped; OpenCV's own
    long_side  a picture with a longer side is reduced to this before detection, pixels; a graph made for
               one size of picture reduces it to that size anyway
    """

    threshold: float = 0.8
    overlap: float = 0.3
    long_side: int = 1920


class YuNet:
    """The detector, ready: call it with a picture."""

    def __init__(self, graph: Graph, settings: YuNetSettings | None = None):
        """With the opened graph. Raises InvalidInput when it is not YuNet's."""
        wanted = {f"{name}_{stride}" for name in OUTPUTS for stride in STRIDES}
        missing = sorted(wanted - graph.outputs.keys())
        if missing or len(graph.inputs) != 1:
            raise InvalidInput(f"this graph is not YuNet's: it lacks {', '.join(missing) or 'a single input'}")
        self._graph = graph
        self._settings = settings or YuNetSettings()
        _, _, self._height, self._width = next(iter(graph.inputs.values()))  # None: any

    def __call__(self, image: Image) -> Faces:
        """All faces of a picture, best score first: (H, W, 3) uint8 RGB, any size -> Faces."""
        return self.detect_all([image])[0]

    def detect_all(self, images: Sequence[Image]) -> list[Faces]:
        """The same of each picture, one by one: the graphs of its authors take one at a time."""
        side = self._settings.long_side
        size = (self._height or side, self._width or side)
        return detect_within(size, lambda group: [self._detect(image) for image in group], images)

    def _detect(self, image: Image) -> Faces:
        framed = self._framed(image)
        outputs = dict(zip(self._graph.outputs, self._graph(framed), strict=True))
        levels = [self._decoded(outputs, stride, framed.shape[3] // stride) for stride in STRIDES]
        boxes, landmarks, scores = (np.concatenate(parts) for parts in zip(*levels, strict=True))
        return Faces(boxes, landmarks, scores)[nms(boxes, scores, self._settings.overlap)]

    def _framed(self, image: Image) -> Float32:
        """(H, W, 3) RGB -> (1, 3, H', W') BGR levels, black to the right and below up to what the graph takes."""
        height, width = (self._height or _up(image.shape[0])), (self._width or _up(image.shape[1]))
        framed = np.zeros((1, 3, height, width), np.float32)
        framed[0, :, : image.shape[0], : image.shape[1]] = image[..., ::-1].transpose(2, 0, 1)
        return framed

    def _decoded(self, outputs: dict[str, np.ndarray], stride: int, columns: int) -> tuple[Float32, Float32, Float32]:
        """What one stride's cells see, `columns` in a row: boxes (N, 4), landmarks (N, 5, 2), scores (N,)."""
        cls, obj, bbox, kps = (outputs[f"{name}_{stride}"][0] for name in OUTPUTS)
        scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        seen = np.flatnonzero(scores >= self._settings.threshold)
        cells = np.stack([seen % columns, seen // columns], axis=1)
        middles = cells + bbox[seen, :2]
        halves = np.exp(bbox[seen, 2:]) / 2
        boxes = np.concatenate([middles - halves, middles + halves], axis=1) * stride
        landmarks = (cells[:, None] + kps[seen].reshape(-1, 5, 2)) * stride
        return boxes.astype(np.float32), landmarks.astype(np.float32), scores[seen]


def _up(length: int) -> int:
    """To the next multiple of the largest stride."""
    return -(-length // STRIDES[-1]) * STRIDES[-1]
