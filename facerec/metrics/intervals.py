"""How far a measured rate can be trusted when the trials are independent.

Pairs that share a subject are not: `facerec.metrics.bootstrap` is for those, with this as its floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from facerec.errors import InvalidInput
from facerec.metrics.beta import beta_quantile, student_quantile
from facerec.metrics.scores import require_rate

LEVEL = 0.95
RULE_OF_THREE = 3.0  # -ln(0.05) = 2.996: none seen in n trials bounds the rate by 3 / n at 95 %
FEW_ERRORS = 30  # fewer leave a rate uncertain by more than 30 % (rule of 30: Doddington et al., 2000)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true rate lies, with probability `level`; low and high are shares, 0..1."""

    low: float
    high: float
    level: float = LEVEL

    def __contains__(self, rate: float) -> bool:
        return self.low <= rate <= self.high

    def covering(self, other: Interval) -> Interval:
        """The narrowest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high), min(self.level, other.level))

    def as_list(self) -> list[float]:
        return [self.low, self.high]


def clopper_pearson(events: int, trials: int, level: float = LEVEL) -> Interval:
    """Exact interval of a rate seen as `events` in `trials` independent trials (Clopper and Pearson, 1934).

    Raises InvalidInput unless 0 <= events <= trials and trials >= 1.

    >>> round(clopper_pearson(0, 3000).high, 5)
    0.00123
    """
    require_rate("the level of an interval", level)
    if not 0 <= events <= trials or trials < 1:
        raise InvalidInput(f"{events} events in {trials} trials is no rate")
    tail = (1 - level) / 2
    low = beta_quantile(tail, events, trials - events + 1) if events else 0.0
    high = beta_quantile(1 - tail, events + 1, trials - events) if events < trials else 1.0
    return Interval(low, high, level)


def expected_elsewhere(rate: float, errors: float, freedom: float = math.inf, level: float = LEVEL) -> Interval:
    """Where a rate that was seen as `errors` independent errors will lie among as many other subjects.

    Wider than the interval of the true rate, since the others are a sample as well. Both counts being Poisson, which
    of them an error falls into is a fair coin, and Clopper and Pearson's interval of that coin gives the ratio (Nelson,
    1982). `errors` need not be whole: errors of pairs that share subjects are worth fewer independent ones. How many is
    an estimate with `freedom` degrees of freedom: they count for as many fewer as Student's t is wider than the normal.
    Raises InvalidInput for no error, which says nothing about a ratio.

    >>> [round(side, 5) for side in expected_elsewhere(1e-3, 30).as_list()]
    [0.00058, 0.00172]
    >>> [round(side, 5) for side in expected_elsewhere(1e-3, 30, freedom=20).as_list()]
    [0.00056, 0.00178]
    """
    require_rate("the level of an interval", level)
    if not errors > 0:
        raise InvalidInput(f"an interval for other subjects needs errors, got {errors:g}")
    tail = (1 - level) / 2
    if math.isfinite(freedom):
        errors *= (NormalDist().inv_cdf(1 - tail) / student_quantile(1 - tail, freedom)) ** 2
    low, high = beta_quantile(tail, errors, errors + 1), beta_quantile(1 - tail, errors + 1, errors)
    return Interval(rate * low / (1 - low), min(1.0, rate * high / (1 - high)), level)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share that was counted: how often, out of how many, and where the true one lies."""

    events: int
    trials: int
    interval: Interval

    @property
    def share(self) -> float:
        return self.events / self.trials

    @property
    def has_few_errors(self) -> bool:
        """Fewer than 30 of the rarer outcome, which is the error wherever a rate is worth having."""
        return min(self.events, self.trials - self.events) < FEW_ERRORS

    @property
    def at_most(self) -> float | None:
        """Where no event was seen, what the rule of three leaves possible at 95 %; else None."""
        return None if self.events else min(1.0, rule_of_three(self.trials))

    def as_dict(self) -> dict[str, Any]:
        return {
            "share": self.share,
            "events": self.events,
            "trials": self.trials,
            "interval": self.interval.as_list(),
            "interval_level": self.interval.level,
            "few_errors": self.has_few_errors,
            "at_most": self.at_most,
        }


def rule_of_three(trials: int) -> float:
    """The rate that `trials` independent trials without one event do not exclude, at 95 %: 3 / n.

    So it is also the lowest rate that this many trials can show.

    >>> rule_of_three(3000)
    0.001
    """
    if trials < 1:
        raise InvalidInput("a rate needs at least one trial")
    return RULE_OF_THREE / trials


def subjects_needed(rate: float) -> int:
    """The fewest subjects, one picture each, whose impostor pairs can show `rate` by the rule of three.

    >>> [subjects_needed(rate) for rate in (1e-3, 1e-4, 1e-5, 1e-7)]
    [78, 246, 776, 7747]
    """
    require_rate("a rate", rate)
    pairs = RULE_OF_THREE / rate
    return math.ceil((1 + math.sqrt(1 + 8 * pairs)) / 2)
