"""Error rates of whole attempts, failures to enroll and to acquire included (ISO/IEC 19795-1).

FMR and FNMR count comparisons that were made. A picture without a usable face makes none, and must not vanish: FTE
is the share of failed enrollments, FTA that of failed probes. All arguments and results are shares, 0..1.
"""

from __future__ import annotations


def far(fmr: float, fta: float) -> float:
    """False accept rate of one attempt: FMR (1 - FTA)."""
    return fmr * (1 - fta)


def frr(fnmr: float, fta: float) -> float:
    """False reject rate of one attempt: FTA + FNMR (1 - FTA)."""
    return fta + fnmr * (1 - fta)


def gfar(fmr: float, fta: float, fte: float) -> float:
    """Generalised false accept rate: FMR (1 - FTA) (1 - FTE)."""
    return far(fmr, fta) * (1 - fte)


def gfrr(fnmr: float, fta: float, fte: float) -> float:
    """Generalised false reject rate: FTE + (1 - FTE) (FTA + (1 - FTA) FNMR)."""
    return fte + (1 - fte) * frr(fnmr, fta)
