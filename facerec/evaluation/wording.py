"""Rates in words, the same in a terminal and on a page: with counts and interval, and never a bare zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from facerec.metrics.intervals import FEW_ERRORS, rule_of_three


def percent(share: float) -> str:
    """A share as a percentage: three digits that matter, two below 1 %; near 100 % those of what lacks, at most three.

    >>> [percent(share) for share in (0.9783333, 0.36, 0.00666, 0.00003, 0.0, 1.0, 0.99999976)]
    ['97.83 %', '36.0 %', '0.67 %', '0.0030 %', '0 %', '100 %', '100.000 %']
    """
    rarer = 100 * min(share, 1 - share)
    if rarer < 1e-9:
        return f"{100 * share:.0f} %"
    place = math.floor(math.log10(rarer))
    digits = (2 if place >= 0 else 1) - place
    return f"{100 * share:.{min(digits, 3) if share > 0.5 else digits}f} %"


def span(interval: tuple[float, float] | list[float]) -> str:
    """The ends of an interval, `0.12 to 1.5 %`.

    >>> span((0.0, 0.015))
    '0 to 1.50 %'
    """
    return f"{percent(interval[0]).removesuffix(' %')} to {percent(interval[1])}"


def rate_words(rate: Mapping[str, Any] | None) -> str:
    """A rate of a result file. Where nothing was seen, the rule of three: `<= 0.20 % (none of 1,500)`.

    >>> rate_words({"share": 0.01, "events": 15, "trials": 1500, "interval": [0.005, 0.02]})
    '1.00 % (15 of 1,500; 0.50 to 2.00 %)'
    >>> rate_words({"share": 0.0, "events": 0, "trials": 1500, "interval": [0.0, 0.0024]})
    '<= 0.20 % (none of 1,500)'
    """
    if rate is None:
        return "not measured"
    events, trials = counted(rate)
    if not events:
        return f"<= {percent(min(1.0, rule_of_three(max(1, trials))))} (none of {trials:,})"
    of = f"{events:,} of {trials:,}" if "events" in rate else f"{trials:,} probes"
    return f"{percent(rate['share'])} ({of}; {span(rate['interval'])})"


def eer_words(result: Mapping[str, Any]) -> str:
    """The equal error rate of a list of pairs; where no threshold errs, the rule of three on the fewer kind.

    >>> eer_words({"eer": 0.0, "genuine": 40, "impostors": 400})
    '<= 7.50 % (no error among 40)'
    """
    if result["eer"] > 0:
        return percent(result["eer"])
    fewer = min(result["genuine"], result["impostors"])
    return f"<= {percent(min(1.0, rule_of_three(fewer)))} (no error among {fewer:,})"


def counted(rate: Mapping[str, Any]) -> tuple[int, int]:
    """Events and trials; of a rate over several galleries, the probes in error and all probes."""
    if "events" in rate:
        return rate["events"], rate["trials"]
    return rate["probes_in_error"], rate["probes"]


def is_uncertain(rate: Mapping[str, Any] | None) -> bool:
    """Fewer than 30 errors: the rate may be off by more than 30 %. Results from before this flag are counted."""
    if rate is None:
        return False
    events, trials = counted(rate)
    return bool(rate.get("few_errors", min(events, trials - events) < FEW_ERRORS))
