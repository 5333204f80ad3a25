"""What each part of two faces does to their similarity, laid over the faces."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from facerec.plots.figure import new_figure
from facerec.records import Float32, Image

MAP = "RdBu_r"
"""Red raises the similarity, blue lowers it; also for eyes that do not tell red from green."""
OPAQUE = 0.75
"""Of the strongest effect; the weaker, the more of the face shows."""


def explanation_figure(
    faces: tuple[Image, Image], effects: tuple[Float32, Float32], names: tuple[str, str], title: str
) -> Figure:
    """Both faces (H, W, 3), in grey, under their effects (H, W); with the scale that both share."""
    figure = new_figure(7.2, 4.2)
    figure.suptitle(title, fontsize=11)
    strongest = max(float(np.abs(effect).max()) for effect in effects) or 1.0
    scale = ScalarMappable(Normalize(-strongest, strongest), MAP)
    sides = figure.subplots(1, 2)
    for axes, face, effect, name in zip(sides, faces, effects, names, strict=True):
        axes.imshow(face.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        axes.imshow(effect, cmap=scale.cmap, norm=scale.norm, alpha=OPAQUE * np.abs(effect) / strongest)
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    bar = figure.colorbar(scale, ax=sides, shrink=0.8)
    bar.set_label(
        "how much the similarity falls where this is covered\nred spoke for one person, blue against", fontsize=8
    )
    return figure
