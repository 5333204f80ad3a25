"""`facerec calibrate`: a gallery's thresholds measured, and stored in it."""

from __future__ import annotations

import numpy as np

from facerec.calibration.comparisons import Progress
from facerec.calibration.own import Decided, decide, measure_own
from facerec.calibration.points import require_targets
from facerec.errors import InvalidInput
from facerec.gallery.searcher import require_templates
from facerec.gallery.store import Gallery
from facerec.metrics.identification import fmr_needed
from facerec.metrics.operating_points import OperatingPoints
from facerec.metrics.scores import require_rate


def rates(target_fmr: float | None, target_fpir: float | None, enrolled: int) -> list[float]:
    """The false match rates that the targets take. Raises InvalidInput for none, or one that is no rate."""
    if target_fmr is None and target_fpir is None:
        raise InvalidInput("give a target FMR, a target FPIR, or both")
    wanted = [] if target_fmr is None else [target_fmr]
    if target_fpir is not None:
        require_rate("a target FPIR", target_fpir)
        wanted.append(fmr_needed(target_fpir, max(1, enrolled)))
    require_targets(wanted)
    return wanted


def calibrate_gallery(
    gallery: Gallery, encoder: str, packaged: OperatingPoints, rng: np.random.Generator, *,
    target_fmr: float | None = None, target_fpir: float | None = None, extrapolate: bool = False,
    progress: Progress | None = None,
) -> Decided:  # fmt: skip
    """Measure thresholds for an FMR, an FPIR or both, and let the gallery decide by them from now on.

    encoder   digest of the encoder whose templates count, and `packaged` its own thresholds
    Raises TooFewPeople, and stores nothing, where the data cannot support what is asked; with `extrapolate` a fitted
    tail counts as well, up to a hundred times lower than the lowest rate that was measured.
    """
    stored = gallery.embeddings(encoder)
    require_templates(stored, encoder)
    own = measure_own(stored, packaged, rates(target_fmr, target_fpir, len(stored.names)), rng, progress)
    decided = decide(
        own, packaged, len(stored.names), target_fmr=target_fmr, target_fpir=target_fpir, extrapolate=extrapolate
    )
    if decided.verification:
        gallery.save_operating_point(decided.verification.point)
    if decided.calibration:
        gallery.save_calibration(encoder, decided.calibration)
    return decided
