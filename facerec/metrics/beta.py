"""The regularised incomplete beta function and its inverse: what exact binomial intervals and Student's t are made of.

Continued fraction of DLMF 8.17.22, evaluated by the modified Lentz method (Thompson and Barnett, 1986).
"""

from __future__ import annotations

import math

from facerec.errors import InvalidInput

PRECISION = 1e-15  # where the continued fraction stops, relative
STEPS = 200_000  # it needs about sqrt(a + b) of them
TINY = 1e-300


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) for X ~ Beta(a, b), that is I_x(a, b); a, b > 0.

    >>> round(beta_cdf(0.5, 2, 2), 12)
    0.5
    """
    if a <= 0 or b <= 0:
        raise InvalidInput(f"a beta distribution needs positive parameters, got {a} and {b}")
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - beta_cdf(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(x, a, b))


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x at which `beta_cdf(x, a, b)` reaches `share`, to 13 digits, by bisection."""
    low, high = 0.0, 1.0
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def student_quantile(share: float, freedom: float) -> float:
    """The t below which Student's variable of `freedom` degrees of freedom stays with probability `share`, above 0.5.

    >>> round(student_quantile(0.975, 10), 3)
    2.228
    """
    if not (0.5 < share < 1 and freedom > 0):
        raise InvalidInput(f"a quantile of Student's t above the middle, not {share} of {freedom} degrees of freedom")
    apart = beta_quantile(2 * (1 - share), freedom / 2, 0.5)
    return math.sqrt(freedom * (1 / apart - 1))


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1 / (1 + d2 / (1 + ...)): value = c-products over d-products, as Lentz does it."""
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, STEPS):
        term = _term(step, x, a, b)
        d = 1 / _away_from_zero(1 + term * d)
        c = _away_from_zero(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < PRECISION:
            return value
    raise InvalidInput(f"the incomplete beta function does not converge for {a}, {b}")


def _term(step: int, x: float, a: float, b: float) -> float:
    m = step // 2
    if step % 2 == 0:
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))


def _away_from_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
