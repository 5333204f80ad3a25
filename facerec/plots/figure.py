"""A figure without a window: made here, drawn on by one function per kind of plot, given out as PNG."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from facerec.errors import InvalidInput
from facerec.replacing import replacing

DPI = 110


def new_figure(width: float = 6.4, height: float = 4.2) -> Figure:
    """An empty figure of a size in inches, laid out so that no label is cut off."""
    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file; without a date in it, so that equal figures are equal bytes."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=DPI, metadata={"Software": None})
    return written.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG file, replacing it whole. Raises InvalidInput where it cannot be written."""
    try:
        with replacing(path) as fresh:
            fresh.write_bytes(png(figure))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
