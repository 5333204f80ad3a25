"""A trained network that says what each pixel shows, through its exported graph: no torch is needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.records import Float32, Image
from facerec.runtime import Graph, open_graph
from facerec.segmentation.masks import Labels

GRAPH = "model.onnx"
"""The graph's name in the folder that a training leaves."""
FACTS = "facerec.segmentation"
"""The key of an ONNX file's metadata under which it says what it is, as JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """A graph, what its classes are called, and what both sides of a picture are filled up to a multiple of."""

    graph: Graph
    labels: Labels
    multiple: int

    def __call__(self, image: Image) -> np.ndarray:
        """The class of each pixel: RGB uint8 (H, W, 3) of any size -> (H, W) uint8."""
        return np.asarray(self.scores(image).argmax(axis=0), np.uint8)

    def scores(self, image: Image) -> Float32:
        """Before the softmax: (H, W, 3) -> (C, H, W) float32."""
        height, width = image.shape[:2]
        below, beside = -height % self.multiple, -width % self.multiple
        pixels = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge")
        scores: Float32 = self.graph(np.ascontiguousarray(pixels[None]))[0][0, :, :height, :width]
        return scores

    def probabilities(self, image: Image) -> Float32:
        """Of each class at each pixel, summing to 1: (H, W, 3) -> (C, H, W) float32."""
        scores = self.scores(image)
        raised = np.exp(scores - scores.max(axis=0))
        shares: Float32 = raised / raised.sum(axis=0)
        return shares


def open_segmenter(place: Path, threads: int | None = None) -> Segmenter:
    """From the folder that a training left, or its ONNX file.

    Raises MissingPart where nothing is there, DamagedFile where it is no whole graph, and InvalidInput where it is a
    graph of something else.
    """
    path = place / GRAPH if place.is_dir() else place
    if not path.is_file():
        raise MissingPart(f"no trained network at {str(path)!r}: `facerec segment train` makes {GRAPH}")
    graph = open_graph(path, threads)
    if FACTS not in graph.metadata:
        raise InvalidInput(f"{str(path)!r} is a graph of something else: give one that `facerec segment train` made")
    try:
        facts = json.loads(graph.metadata[FACTS])
        labels = Labels(**{name: frozen(value) for name, value in facts["labels"].items()})
        return Segmenter(graph, labels, int(facts["multiple"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{str(path)!r} does not say what its classes are ({error})") from error


def frozen(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value
