"""Results of `facerec evaluate` for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lfw_words(result: dict[str, Any]) -> str:
    """LFW's accuracy, and what follows for any list of pairs."""
    from facerec.evaluation.wording import percent, span

    spread = f"std {percent(result['std'])} over {result['folds']} folds"
    return (
        f"accuracy {percent(result['accuracy'])} ({span(result['accuracy_interval'])}; {spread})\n{pair_words(result)}"
    )


def pair_words(result: dict[str, Any]) -> str:
    """What was compared, the rates without a threshold of ours, and those of every measured threshold."""
    from facerec.evaluation.wording import eer_words, percent, span

    lines = [
        f"{result['genuine']:,} genuine and {result['impostors']:,} impostor pairs of {result['subjects']:,} people; "
        f"{result['failures_to_detect']:,} of {result['pictures']:,} pictures without a face found",
        f"equal error rate {eer_words(result)}, area under the ROC {result['auc']:.4f}",
    ]
    for tar in result["tar_at_fmr"]:
        proof = "" if tar["supported"] else ": too few impostors to show this FMR"
        lines.append(f"TAR {percent(tar['tar'])} ({span(tar['interval'])}) at FMR {tar['fmr']:g}{proof}")
    lines += [_point(point, "fmr", "fnmr") for point in result["operating_points"]]
    return "\n".join([*lines, *_groups(result)])


def search_words(result: dict[str, Any]) -> str:
    """Rank-1, every measured threshold, and FNIR at a stated FPIR for every size of gallery."""
    from facerec.evaluation.wording import rate_words

    lines = [
        f"{result['gallery_size']:,} people enrolled, {result['mated_searches']:,} searches for them, "
        f"{result['non_mated_searches']:,} for strangers; pictures without a face found: "
        f"{result['failures_to_enroll']:,} to enroll, {result['failures_to_acquire']:,} to search for",
        f"rank-1 {rate_words(result['rank_1'])}",
    ]
    lines += [_point(point, "fpir", "fnir") for point in result["operating_points"]]
    for size in result["sizes"]:
        lines += [_at_fpir(size["gallery_size"], row) for row in size["fnir_at_fpir"]]
    return "\n".join([*lines, *_groups(result)])


def _point(point: dict[str, Any], *rates: str) -> str:
    said = "; ".join(f"{name.upper()} {_flagged(point[name])}" for name in rates)
    return f"threshold {point['threshold']:.3f}, stated FMR {point['stated_fmr']:.1g}: {said}"


def _at_fpir(size: int, row: dict[str, Any]) -> str:
    proof = "" if row["supported"] else ": too few strangers to show this FPIR"
    return f"among {size:,}: FNIR {_flagged(row['fnir'])} at FPIR {100 * row['fpir']:g} %{proof}"


def _groups(result: dict[str, Any]) -> Iterator[str]:
    for table in result.get("groups", []):
        for row in table["rows"]:
            rates = "; ".join(f"{name.upper()} {_of_group(row, name)}" for name in table["inequity"])
            yield f"{table['column']} {row['label']}, {row['people']:,} people: {rates}"
        for name, value in table["inequity"].items():
            told = "not measurable" if value is None else f"{value:.2f}"
            yield f"{table['column']}: inequity of {name.upper()} {told}"


def _of_group(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return f"not measurable, {row['people_counted'][name]} people"
    return _flagged(row[name])


def _flagged(rate: dict[str, Any] | None) -> str:
    from facerec.evaluation.wording import is_uncertain, rate_words

    return rate_words(rate) + (", few errors" if is_uncertain(rate) else "")
