"""From labelled people to thresholds with their evidence, and to the chance that goes with a similarity."""

from facerec.calibration.people import balanced
from facerec.calibration.points import TARGETS, measure_operating_points
from facerec.calibration.probability import measure_probability

__all__ = ["TARGETS", "balanced", "measure_operating_points", "measure_probability"]
