"""Which threshold decides a search: the gallery's own, or the encoder's, for the number of people enrolled now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from facerec.errors import InvalidInput
from facerec.gallery.results import Calibration
from facerec.metrics.identification import expected_fpir
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import OperatingPoint

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

FMR = 1e-3
"""Verification's default: one impostor comparison in a thousand is a match."""
FPIR = 0.01
"""Identification's default: one stranger in a hundred gets a name, whatever the number of enrolled subjects."""


def search_calibration(own: Calibration | None, packaged: OperatingPoints) -> Calibration:
    """The gallery's own calibration; where it has none, the encoder's thresholds for one stranger in a hundred."""
    return own or Calibration(FPIR, packaged)


def point_for(points: OperatingPoints, compared: int, fpir: float) -> OperatingPoint:
    """The measured point that keeps `fpir` among so many; the strictest one where none is strict enough."""
    if not 0 < fpir < 1:
        raise InvalidInput(f"fpir must lie between 0 and 1, got {fpir:g}")
    strictest = points.strictest
    if not compared or expected_fpir(strictest.fmr, compared) > fpir:
        return strictest
    return points.for_gallery(compared, fpir)


def search_threshold(gallery: Gallery, encoder: str, packaged: OperatingPoints) -> Callable[[int], float]:
    """The threshold of a search by an encoder (its digest), by the number of rows that are compared.

    Rows are subjects or templates, by how the gallery is searched: a stranger has as many chances as there are rows.
    """
    used = search_calibration(gallery.calibration(encoder), packaged)
    return lambda compared: point_for(used.points, compared, used.target_fpir).threshold
