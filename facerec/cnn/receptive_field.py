"""Which pixels a cell of a feature map can see (Araujo, Norris and Sim, "Computing Receptive Fields", 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facerec.cnn.arithmetic import Window, padding_at, transposed_padding


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What the cells of one axis of a feature map see of the input, in pixels.

    size    pixels that a cell sees, those in the padding included
    jump    pixels from a cell's centre to the next one's; 0 where every cell sees the same
    centre  of the first cell; the first pixel reaches from 0 to 1, so its centre is 0.5

    Exact for convolution and pooling. Where a layer enlarges (transposed convolution, upsampling) cells differ
    from one another, and `size` is an upper bound.
    """

    size: float = 1
    jump: float = 1
    centre: float = 0.5

    def of(self, cell: int) -> tuple[float, float]:
        """Where the field of this cell begins, and where it ends (exclusive); parts may lie outside the picture.

        >>> ReceptiveField(size=3, jump=2, centre=0.5).of(1)
        (1.0, 4.0)
        """
        centre = self.centre + cell * self.jump
        return centre - self.size / 2, centre + self.size / 2

    def through(self, window: Window, cells: int) -> ReceptiveField:
        """After a window slides over an axis of so many cells."""
        before, _ = padding_at(window, cells)
        return ReceptiveField(
            self.size + (window.reach - 1) * self.jump,
            self.jump * window.stride,
            self.centre + ((window.reach - 1) / 2 - before) * self.jump,
        )

    def through_transposed(self, window: Window) -> ReceptiveField:
        """After a transposed convolution."""
        before, _ = transposed_padding(window)
        fine = self.jump / window.stride
        return ReceptiveField(
            self.size + (window.reach - 1) * fine,
            fine,
            self.centre + (before - (window.reach - 1) / 2) * fine,
        )

    def stretched(self, scale: float, neighbours: int) -> ReceptiveField:
        """After an enlargement to `scale` times the cells, each out of 1, 2 or 4 (nearest, linear, cubic)."""
        return ReceptiveField(
            self.size + (neighbours - 1 / scale) * self.jump,
            self.jump / scale,
            self.centre + (0.5 / scale - 0.5) * self.jump,
        )

    def whole(self, cells: int) -> ReceptiveField:
        """What a unit sees that reads an axis of so many cells all at once, as a dense layer does."""
        (begin, _), (_, end) = self.of(0), self.of(cells - 1)
        return ReceptiveField(end - begin, 0, (begin + end) / 2)


def union(fields: Iterable[tuple[ReceptiveField, int]]) -> ReceptiveField:
    """What a cell sees where branches meet; each with its number of cells, at least one branch.

    Branches of unlike jumps meet only where one is spread over the other, as a gate per map is: then every cell
    sees what any sees.
    """
    pairs = list(fields)
    if len({field.jump for field, _ in pairs}) > 1:
        pairs = [(field.whole(cells), cells) for field, cells in pairs]
    begin = min(field.of(0)[0] for field, _ in pairs)
    end = max(field.of(0)[1] for field, _ in pairs)
    return ReceptiveField(end - begin, pairs[0][0].jump, (begin + end) / 2)
