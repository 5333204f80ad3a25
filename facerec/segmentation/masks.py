"""What the numbers or colours of a mask mean: which class, or nothing that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput

IGNORE = 255
"""The label of pixels that count for nothing, neither in a loss nor in a measure."""
Colour = tuple[int, int, int]

COLOURS: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
    (120, 94, 240), (100, 143, 60), (170, 170, 170), (150, 75, 0), (0, 220, 220), (255, 120, 180), (60, 60, 160),
)  # fmt: skip
"""What classes are painted in where no palette is given; the first seven can be told apart by the colour-blind
(Okabe and Ito, 2008)."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes, and how masks say them.

    names    of the classes; their order is their label, from 0
    values   the grey level (or place in a palette) of each class in a mask; empty: the label itself
    palette  the colour of each class, in masks that hold colours and in what is drawn; empty: COLOURS
    ignore   further levels that count for nothing; 255 always does, unless it is a class's
    ignore_colours  the same for masks that hold colours
    """

    names: tuple[str, ...]
    values: tuple[int, ...] = ()
    palette: tuple[Colour, ...] = ()
    ignore: tuple[int, ...] = ()
    ignore_colours: tuple[Colour, ...] = ()

    def __post_init__(self) -> None:
        if not 1 < len(self.names) < IGNORE or len(set(self.names)) < len(self.names):
            raise InvalidInput(f"names must be 2 to {IGNORE - 1} different classes, got {len(self.names)}")
        for word, given in (("values", self.values), ("palette", self.palette)):
            if given and len(given) != len(self.names):
                raise InvalidInput(f"{word} has {len(given)} entries for {len(self.names)} names: give one for each")
            if len(set(given)) < len(given):
                raise InvalidInput(f"{word} says two classes by the same: make its entries different")

    @property
    def colours(self) -> tuple[Colour, ...]:
        """Of each class, for drawing."""
        return self.palette or tuple(COLOURS[label % len(COLOURS)] for label in range(len(self.names)))

    def read(self, mask: np.ndarray, source: str) -> np.ndarray:
        """A mask as it is in its file, (H, W) or (H, W, 3) uint8 -> labels (H, W) uint8, IGNORE where nothing counts.

        Raises InvalidInput for a level or a colour that is no class's.
        """
        return self.of_colours(mask, source) if mask.ndim == 3 else self.of_levels(mask, source)

    def of_levels(self, mask: np.ndarray, source: str) -> np.ndarray:
        """Grey levels -> labels."""
        table = np.full(256, -1, np.int16)
        table[[IGNORE, *self.ignore]] = IGNORE
        table[list(self.values or range(len(self.names)))] = range(len(self.names))
        labels = table[mask]
        if (labels < 0).any():
            unknown = shown(np.unique(mask[labels < 0]).tolist())
            raise InvalidInput(
                f"the mask {source} holds {unknown}, which is no class's: the {len(self.names)} classes are "
                f"{shown(self.values or range(len(self.names)))}; add it to ignore, or correct values"
            )
        return np.asarray(labels, np.uint8)

    def of_colours(self, mask: np.ndarray, source: str) -> np.ndarray:
        """Colours -> labels."""
        if not self.palette:
            raise InvalidInput(f"the mask {source} holds colours: give a palette, one colour for each class")
        labels = np.full(mask.shape[:2], -1, np.int16)
        for label, colour in [*enumerate(self.palette), *((IGNORE, colour) for colour in self.ignore_colours)]:
            labels[(mask == np.array(colour, np.uint8)).all(axis=2)] = label
        if (labels < 0).any():
            row, column = np.argwhere(labels < 0)[0]
            raise InvalidInput(
                f"the mask {source} holds the colour {tuple(mask[row, column].tolist())} at row {row}, column "
                f"{column}, which is not in the palette: add it there, or to ignore_colours"
            )
        return labels.astype(np.uint8)


def shown(values: Sequence[int]) -> str:
    """A few numbers in words.

    >>> shown([3]), shown(range(12))
    ('3', '0, 1, 2, 3, ... 11')
    """
    if len(values) <= 6:
        return ", ".join(map(str, values))
    return f"{', '.join(map(str, values[:4]))}, ... {values[-1]}"
