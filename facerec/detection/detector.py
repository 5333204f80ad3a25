"""A trained detector from its folder, without torch: a picture in, detections out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facerec.detection.choosing import USUAL, Choice, choose
from facerec.detection.letterbox import Letterbox
from facerec.digest import read_verified
from facerec.errors import DamagedFile, MissingPart
from facerec.records import Detections, Image
from facerec.runtime import Graph, open_graph

GRAPH, WEIGHTS, CARD = "model.onnx", "weights.safetensors", "card.json"
REGIONS = "regions.safetensors"
"""In place of graph and weights where the detector is of the R-CNN family."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """An opened detector.

    names   of its classes
    size    (height, width) of its input, pixels
    card    all that its folder says of it
    choice  what becomes a detection
    """

    graph: Graph
    names: tuple[str, ...]
    size: tuple[int, int]
    card: dict[str, Any]
    choice: Choice = USUAL

    def __call__(self, image: Image) -> Detections:
        """What is on a picture, best first: (H, W, 3) uint8 RGB -> Detections in its pixels."""
        letter = Letterbox((image.shape[0], image.shape[1]), self.size)
        boxes, scores = self.graph(letter.image(image)[None])
        return choose(letter.back(boxes[0]), scores[0], self.choice)


def open_detector(folder: Path, choice: Choice = USUAL, threads: int | None = None) -> Detector:
    """The detector that `facerec detect train` wrote into a folder.

    Raises MissingPart where there is none, DamagedFile where its graph is not the one that its card names.
    """
    card = read_card(folder)
    try:
        names = tuple(str(name) for name in card["classes"])
        height, width = (int(side) for side in card["size"])
        digest = str(card["digest"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{folder / CARD} does not say what its detector finds ({error!r})") from error
    graph = open_graph(read_verified(folder / GRAPH, digest), threads)
    if list(graph.outputs) != ["boxes", "scores"] or graph.outputs["scores"][-1] not in (None, len(names)):
        raise DamagedFile(f"{folder / GRAPH} does not give boxes and scores of {len(names)} classes")
    return Detector(graph, names, (height, width), card, choice)


def read_card(folder: Path) -> dict[str, Any]:
    """What a folder's card says. Raises MissingPart where there is none, DamagedFile where it is no card."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingPart(
            f"no detector in {str(folder)!r}: give a folder that `facerec detect train` wrote, or faces"
        ) from error
    except ValueError as error:
        raise DamagedFile(f"{folder / CARD} is no whole card: train again, or fetch the folder again") from error
    if not isinstance(card, dict):
        raise DamagedFile(f"{folder / CARD} is no card of a detector")
    return card


def regions_of(folder: Path) -> Path:
    """The file of a folder's R-CNN. Raises MissingPart or DamagedFile where it is not the one that the card names."""
    read_verified(folder / REGIONS, str(read_card(folder).get("digest")))
    return folder / REGIONS
