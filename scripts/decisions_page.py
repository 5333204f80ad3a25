"""docs/results/decisions.md: the figures of decisions.json as tables, each with the question that it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COMMAND = "scripts/measure_decisions --cache DIR"


def page(result: dict[str, Any], picture: str) -> str:
    """The whole page."""
    parts = [
        head(), fmr(result), fpir(result, picture), self_calibrated(result), pictures(result), gate(result),
        probability(result), admission(result),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def head() -> str:
    return f"""# Decisions with a stated error, in figures

`{COMMAND}` (with `FACEREC_DATA`) measures all of it anew, draws the plot and writes this page and
[decisions.json](decisions.json). What the words mean stands in [the guide](../decisions.md). "Calibration people" are
those of the split `val`, whom the encoder was not trained on; no threshold comes from LFW, and on it nothing was
chosen but the limits of the gate, which stand on its pictures made worse."""


def fmr(result: dict[str, Any]) -> str:
    halves = result["halves_fmr"]
    split = table(
        ["target FMR", "splits that support it", "inside the interval", "above", "below", "FMR there / FMR stated"],
        [[rate(row["target_fmr"]), f"{row['supported_splits']}", percent(row["inside"]), percent(row["above"]),
          percent(row["below"]), spread(row)] for row in falling(halves["measured"])],
    )  # fmt: skip
    beyond = table(
        ["extrapolated FMR", "splits", "inside the interval", "above", "below", "FMR there / FMR stated"],
        [[rate(row["target_fmr"]), f"{row['supported_splits']}", percent(row["inside"]), percent(row["above"]),
          percent(row["below"]), spread(row)] for row in falling(halves["extrapolated"])],
    )  # fmt: skip
    lfw = table(
        ["target FMR", "threshold", "interval stated", "on all of LFW",
         f"inside, of {halves['splits']} halves of LFW's people"],
        [[rate(row["target_fmr"]) + (" (extrapolated)" if row["extrapolated"] else ""), f"{row['threshold']:.3f}",
          f"{row['interval'][0]:.1e} to {row['interval'][1]:.1e}", f"{row['realised_fmr']:.1e}", percent(row["inside"])]
         for row in result["lfw_fmr"] if row["target_fmr"] in SHOWN],
    )  # fmt: skip
    return f"""## Does a stated false match rate hold among other people?

Calibrated on half of the calibration people ({halves["people"]} in all), tested on the other half,
{halves["splits"]} times. The interval is the one that every threshold carries: where its rate will lie among as many
other people.

{split}

Where a tail was fitted instead, below the lowest rate that the half supports; at the lowest, the other half has so few
such pairs that it often shows none, which counts as below:

{beyond}

Calibrated on all of them, tested on LFW: other people, other pictures.

{lfw}"""


SHOWN = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 2e-5, 1e-5, 5e-6, 3e-6, 2e-6, 1e-6)


def falling(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The highest rate first."""
    return sorted(rows, key=lambda row: -float(row["target_fmr"]))


def spread(row: dict[str, Any]) -> str:
    return f"{row['mean_ratio']:.2f} ({row['ratio_95'][0]:.2f} to {row['ratio_95'][1]:.2f})"


def fpir(result: dict[str, Any], picture: str) -> str:
    found, crowd = result["lfw_fpir"], result["crowd_fpir"]
    return f"""## Does a stated share of strangers hold, however many are enrolled?

LFW's {found["people"]:,} people, enrolled from one picture each; everybody else is a stranger with one picture.
Means of {found["draws"]} galleries of each size, with the range of all but the outermost two: by the threshold that
`identify` takes for that number, and beside it by one threshold for all sizes. Where no measured threshold keeps the
target, the answer says so (`fpir`, the rate stated, is above `target_fpir`); after `facerec calibrate --extrapolate`
the fitted tail goes on.

{sizes(found)}

Where the answer says that it keeps the target by a measured threshold, the share named is at most
{most_of_target(found):.2f} times the target.

![FPIR against the number of people enrolled]({picture})

### Larger galleries

{crowd["known"]} LFW people, enrolled from one picture each, among faces of the split `unlabelled` that make up the
number; all other LFW people are strangers with one picture. The encoder learned on those faces, without knowing whose
they are; many of them are of an age or origin that is rare in LFW, and a few of the same people.

{sizes(crowd)}"""


def most_of_target(found: dict[str, Any]) -> float:
    """The largest measured share, in targets, where a measured threshold is said to keep it."""
    return float(max(
        point["ratio_to_target"] for size in found["sizes"] for point in size["points"]
        if point["can_keep_target"] and "extrapolated" not in point["threshold_by"]
    ))  # fmt: skip


def sizes(found: dict[str, Any]) -> str:
    """A row for each size of gallery and kind of threshold."""
    rows = []
    for size in found["sizes"]:
        for point in size["points"]:
            ratio = "" if point["ratio_to_target"] is None else f"{point['ratio_to_target']:.2f}"
            kept = "" if point["can_keep_target"] in (None, True) else " (says that it cannot)"
            rows.append([
                f"{size['enrolled']:,}", point["threshold_by"] + kept, f"{point['threshold']:.3f}",
                percent(point["expected_fpir"]), percent(point["fpir"]),
                f"{percent(point['fpir_95_of_draws'][0])} to {percent(point['fpir_95_of_draws'][1])}",
                f"{point['ratio_to_expected']:.2f}", ratio, percent(point["fnir"]),
            ])  # fmt: skip
    heads = [
        "enrolled", "by", "threshold", "FPIR stated", "FPIR measured", "in galleries", "measured / stated",
        "measured / target", "FNIR",
    ]  # fmt: skip
    return table(heads, rows)


def self_calibrated(result: dict[str, Any]) -> str:
    found = result["self_calibrated"]
    rows = [
        [percent(row["target_fpir"]), f"{row['supported_splits']} of {found['splits']}",
         *([percent(row["fpir"]), f"{row['ratio_to_target']:.2f}"] if row["supported_splits"] else ["", ""])]
        for row in found["targets"]
    ]  # fmt: skip
    return f"""### A gallery that calibrates itself

`facerec calibrate --target-fpir` on a gallery of half of the calibration people ({found["enrolled"]}, several pictures
each), with no thresholds of the encoder to fall back on; the other half are the strangers.

{table(["target FPIR", "galleries that support it", "FPIR measured", "measured / target"], rows)}"""


def pictures(result: dict[str, Any]) -> str:
    tables = []
    for key, name in (("several_pictures", "Calibration people"), ("several_pictures_lfw", "LFW")):
        rows = [
            [f"{block['pictures']}", f"{block['enrolled']}", way["way"], *map(percent, (way["rank_1"], way["fnir"])),
             percent(way["fpir_there"]), percent(way["fnir_there"])]
            for block in result[key]
            for way in block["ways"]
        ]  # fmt: skip
        heads = ["pictures each", "enrolled", "templates", "rank-1", "FNIR at FPIR 1 %", "FPIR at the stated threshold",
                 "FNIR there"]  # fmt: skip
        tables.append(f"{name}:\n\n{table(heads, rows)}")
    rates = [
        [name, rate(row["fmr"]), f"{row['pictures']}", *(f"{row[way]:.2f}" for way in KINDS)]
        for key, name in (("rates_kept", "calibration people"), ("rates_kept_lfw", "LFW"))
        for row in result[key]
    ]
    return f"""## Several pictures of a person: one template or many?

"Fused" is the mean of the templates, as long as the cube root of its length; "of length 1" is the same mean without
that. "FNIR at FPIR 1 %" compares the ways at equal error; "at the stated threshold" shows what the threshold that is
stated for 1 % of strangers among so many does.

{(chr(10) * 2).join(tables)}

FMR of such templates, as a multiple of that of single pictures of the same people, at the same threshold: 1 keeps what
is stated.

{table(["people", "FMR of single pictures", "pictures each", *KINDS], rates)}"""


KINDS = ("fused", "fused, of length 1", "each")


def gate(result: dict[str, Any]) -> str:
    found = result["gate"]
    rows = [
        [row["state"], f"{row['not_found_by_detector']}", f"{row['eye_distance']:.1f} px", f"{row['sharpness']:.0f}",
         percent(row["rank_1"]), percent(row["fnir"])]
        for row in found["states"]
    ]  # fmt: skip
    discard = [
        [people, name, *map(percent, result[key][name])]
        for key, people in (("discard_lfw", "LFW"), ("discard", "calibration people"))
        for name in result[key]
        if name not in ("pairs", "discarded_percent")
    ]
    at = found["doubled_at"]
    shares = result["discard_lfw"]["discarded_percent"]
    return f"""## Which faces are too poor to enroll?

{found["enrolled"]} LFW people enrolled from one picture that was made worse, searched for with their others as they
are. The FNIR at FPIR 1 % is twice that of the pictures as they are at an eye distance of {number(at["eye_distance"])}
pixels, and at a sharpness of {number(at["sharpness"])}; the gate stands at {found["gate"]["eye_distance"]:g} and
{found["gate"]["sharpness"]:g}, and refuses {percent(found["gate_refuses_of_lfw"])} of LFW's pictures.

{table(["enrolled picture", "faces not found", "eye distance", "sharpness", "rank-1", "FNIR at FPIR 1 %"], rows)}

Error versus discard: FNMR at FMR 0.001 when the pictures of the least quality are left out. Little is gained by any
measure, so nothing else is in the gate.

{table(["people", "by", *(f"{share} % left out" for share in shares)], discard)}"""


def probability(result: dict[str, Any]) -> str:
    lfw, halves, said = result["probability_lfw"], result["probability_halves"], result["outcomes_lfw"]
    bins = zip(lfw["predicted"], lfw["observed"], lfw["counts"], strict=True)
    rows = [[percent(one), percent(other), f"{count:,}"] for one, other, count in bins]
    ends = [[kind, *(percent(said[kind][end]) for end in ("match", "undecided", "no_match"))] for kind in KIND_OF_PAIR]
    return f"""## Is the probability true, and who is undecided?

Expected calibration error at a prior of 50:50: {percent(halves["logistic_error"])} on the other half of the
calibration people (isotonic regression: {percent(halves["isotonic_error"])}), {percent(lfw["calibration_error"])} on
LFW, whose pictures are easier.

{table(["probability stated", "one person in fact", "pairs of LFW"], rows)}

With the default FMR of {said["fmr"]:g} (threshold {said["threshold"]:.3f}; undecided from
{said["undecided_from"]:.3f}, where both are equally probable), pairs of LFW end as:

{table(["pairs of", "match", "undecided", "no match"], ends)}"""


KIND_OF_PAIR = ("genuine", "impostor")


def admission(result: dict[str, Any]) -> str:
    found = result["admission_lfw"]
    conflicts = [
        [f"{row['enrolled']:,}", percent(row["new_people_refused"]), percent(row["second_names_found"])]
        for row in found["conflict"]
    ]
    unlike = [
        [f"{row['pictures']}", f"{row['threshold']:.3f}", percent(row["right_ones_refused"]),
         percent(row["wrong_ones_found"])]
        for row in found["unlike_others"]
    ]  # fmt: skip
    return f"""## What does enrolling refuse?

LFW, one picture each. A conflict is a picture that a search among those enrolled would name as somebody else:

{table(["enrolled", "new people refused", "second names of enrolled people found"], conflicts)}

A picture that is unlike the subject's others:

{table(["pictures of the subject", "least similarity", "right ones refused", "wrong ones found"], unlike)}"""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---:"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(share: float) -> str:
    """Two digits that count, and no fewer than a tenth above ten."""
    shown = 100 * share
    return f"{shown:.1f} %" if shown >= 9.95 or shown == 0 else f"{shown:.2g} %"


def rate(value: float) -> str:
    return f"{value:g}"


def number(value: float | None) -> str:
    return "none of these" if value is None else f"{value:.1f}"
