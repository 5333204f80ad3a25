"""The chain under test: the everyday pipeline, with the face nearest the picture's centre as the one that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facerec import images
from facerec.errors import BadImage
from facerec.evaluation.data_digest import digest_file
from facerec.faces.align import align
from facerec.faces.choice import nearest_centre
from facerec.faces.detector import create_detector
from facerec.faces.encoder import open_encoder
from facerec.faces.pipeline import FacePipeline
from facerec.faces.quality import quality
from facerec.metrics.scores import Bools
from facerec.records import DIM, Float32, Image


def detector_name(spec: str) -> str:
    """What a result calls a detector: as it was asked for, a file by its name and digest, wherever it lies.

    >>> detector_name("mtcnn")
    'mtcnn'
    """
    name, _, source = spec.partition(":")
    place = Path(source.partition("#")[0])
    return f"{name}:{place.name}#sha256={digest_file(place)}" if source and place.is_file() else spec


class CentreFace:
    """N pictures -> an embedding each (N, 128), and which of them hold a face (N,) bool."""

    def __init__(self, pipeline: FacePipeline):
        self._pipeline = pipeline

    @classmethod
    def open(cls, detector: str = "mtcnn", encoder: str | Path = "default") -> CentreFace:
        """Through the named detector and encoder."""
        return cls(FacePipeline(create_detector(detector), align, quality, open_encoder(encoder)))

    @property
    def encoder(self) -> str:
        """The digest of the encoder that is measured, sha256 in hex."""
        return self._pipeline.embed.digest

    def __call__(self, pictures: Sequence[Path], /) -> tuple[Float32, Bools]:
        pixels = [_pixels(picture) for picture in pictures]
        faces = self._pipeline.detect.detect_all(pixels)
        looked = [(one, nearest_centre(own, one.shape)) for one, own in zip(pixels, faces, strict=True)]
        found = np.array([len(faces) > 0 for _, faces in looked], np.bool_)
        portraits = self._pipeline.describe([one for one in looked if len(one[1])])
        rows = np.zeros((len(pictures), DIM), np.float32)
        if portraits:
            rows[found] = np.concatenate([portrait.embeddings for portrait in portraits])
        return rows, found


def _pixels(picture: Path) -> Image:
    """What is on a picture; a single black pixel, on which there is no face, where it cannot be read."""
    try:
        return images.load(picture)
    except BadImage:
        return np.zeros((1, 1, 3), np.uint8)
