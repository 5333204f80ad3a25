"""Painting with a network that has learned a style: an ONNX graph, and no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from facerec.digest import read_verified
from facerec.errors import DamagedFile, ImageTooLarge, ImageTooSmall, MissingPart
from facerec.records import Image
from facerec.runtime import Graph, open_graph

GRAPH, CARD, SCHEMA = "model.onnx", "card.json", 1
MULTIPLE, LEAST = 4, 16
"""Sides are brought to multiples of the first by repeating the last row and column; less than LEAST is refused."""
MOST = 4_000_000
"""Pixels; a painting of so many takes about 2 GB."""


class Painter:
    """An opened style: paints one photo after the other."""

    def __init__(self, graph: Graph, card: dict[str, Any]):
        self._graph, self.card = graph, card

    def __call__(self, photo: Image) -> Image:
        """(H, W, 3) RGB uint8 -> its painting, of the same size. Raises ImageTooSmall and ImageTooLarge."""
        require_paintable(photo)
        height, width = photo.shape[:2]
        margin = [(0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)]
        painted: Image = self._graph(np.pad(photo, margin, "edge")[None])[0][0, :height, :width]
        return painted


def require_paintable(photo: Image) -> None:
    """Raise ImageTooSmall or ImageTooLarge, with the size that can be painted."""
    height, width = photo.shape[:2]
    if min(height, width) < LEAST:
        raise ImageTooSmall(f"the photo is {width} x {height} pixels; a side needs at least {LEAST}")
    if height * width > MOST:
        fits = int(max(height, width) * (MOST / (height * width)) ** 0.5)
        raise ImageTooLarge(
            f"the photo is {width} x {height} pixels, more than the {MOST:,} painted at once: --size {fits} fits"
        )


def open_painter(folder: Path, threads: int | None = None) -> Painter:
    """What `facerec style train` wrote into a folder.

    Raises MissingPart where there is no finished model, DamagedFile where its graph is not what the card says.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        digest = str(card["sha256"])
    except OSError as error:
        raise MissingPart(
            f"no model of a style in {str(folder)!r}: `facerec style train STYLE PHOTOS -o FOLDER` makes one"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{str(folder / CARD)!r} is no card of a style: train it again") from error
    return Painter(open_graph(read_verified(folder / GRAPH, digest), threads), card)
