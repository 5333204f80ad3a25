"""Draw what each setting of [augment] does alone to a drawn face: writes docs/pictures/training-views.png."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from facerec import images
from facerec.faces.golden import draw_face
from facerec.learning.augment import AugmentSettings, augment
from facerec.records import Image

STILL = AugmentSettings(**{field.name: 0.0 for field in fields(AugmentSettings)})
STRONG = {
    "rotation": 15.0, "scale": 0.2, "shift": 12.0, "shear": 0.25, "crop": 0.3, "warp": 8.0, "mirror": 0.5,
    "brightness": 0.5, "contrast": 0.5, "colour": 0.3, "pca": 0.4, "grey": 0.5, "blur": 1.0, "soften": 1.0, "jpeg": 1.0,
    "occlude": 1.0, "mask": 1.0,
}  # fmt: skip
"""A value of each setting at which one sees what it does."""
VIEWS = 6
"""Of each setting."""


def crop() -> Image:
    """A drawn face with its margin: (128, 128, 3)."""
    return np.pad(draw_face(0), ((8, 8), (8, 8), (0, 0)), mode="reflect")


def row(name: str, settings: AugmentSettings) -> Image:
    """A label, and views of the drawn face: (112, W, 3)."""
    crops = torch.from_numpy(np.stack([crop()] * VIEWS))
    views = augment(crops, 112, settings, torch.Generator().manual_seed(3))
    pixels = ((views + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    label = images.annotate(
        np.full((112, 112, 3), 255, np.uint8), np.array([[0, 60, 1, 61]]), [name], [(255, 255, 255)]
    )
    return images.grid([label, *pixels], VIEWS + 1)


def main() -> None:
    known = {field.name for field in fields(AugmentSettings)}
    assert known == STRONG.keys(), known ^ STRONG.keys()
    rows = [row(f"{name} {value:g}", replace(STILL, **{name: value})) for name, value in STRONG.items()]
    sheet = images.grid([*rows, row("defaults", AugmentSettings())], 1)
    images.save(sheet, "docs/pictures/training-views.png")


if __name__ == "__main__":
    main()
