"""Picture in, what was found on it out: detect, align, judge, embed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from facerec.faces.detector import Detector
from facerec.records import DIM, Faces, Float32, Image, Quality


class Embedder(Protocol):
    """(N, 112, 112, 3) uint8 RGB aligned faces -> (N, 128) float32 unit rows; `digest` says which encoder it is."""

    @property
    def digest(self) -> str: ...

    def __call__(self, crops: np.ndarray) -> Float32: ...


Aligner = Callable[[Image, Faces], np.ndarray]
Judge = Callable[[Faces, np.ndarray], Quality]


@dataclass(frozen=True, slots=True, eq=False)
class Portraits:
    """The faces of one picture with all that is known of each, row for row. N may be 0."""

    faces: Faces
    quality: Quality
    embeddings: Float32

    def __len__(self) -> int:
        return len(self.faces)


@dataclass(frozen=True, slots=True, eq=False)
class FacePipeline:
    """How a picture becomes embeddings: four parts, each of which may be replaced."""

    detect: Detector
    align: Aligner
    judge: Judge
    embed: Embedder

    def describe(self, pictures: Sequence[tuple[Image, Faces]]) -> list[Portraits]:
        """Each picture's given faces, aligned and judged one by one, embedded together."""
        crops = [self.align(image, faces) for image, faces in pictures]
        rows = self.embed(np.concatenate(crops)) if crops else np.zeros((0, DIM), np.float32)
        ends = np.cumsum([len(own) for own in crops])
        return [
            Portraits(faces, self.judge(faces, own), rows[end - len(own) : end])
            for (_, faces), own, end in zip(pictures, crops, ends, strict=True)
        ]
