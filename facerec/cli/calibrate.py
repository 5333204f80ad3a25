"""`facerec calibrate`: the thresholds of a gallery, for the error rates that its users can live with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.calibration.own import Decided
    from facerec.metrics.operating_points import MeasuredPoint

RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.option("--target-fmr", type=RATE, help="For `verify --subject`: share of other people who may match.")
@click.option("--target-fpir", type=RATE, help="For `identify`: share of strangers who may get a name.")
@click.option(
    "--extrapolate", is_flag=True,
    help="Also go below the lowest rate that was measured, along a tail fitted to the highest similarities of "
    "different people. Answers by such a threshold say so.",
)  # fmt: skip
@options.gallery
@options.encoder_of_gallery
@answering
def calibrate(
    target_fmr: float | None, target_fpir: float | None, extrapolate: bool, gallery: str | None, encoder: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Set the thresholds of a gallery by the error rates that are asked for.

    \b
      facerec calibrate --target-fmr 0.0001
      facerec calibrate --target-fpir 0.003

    They are measured on pairs of the enrolled people; where those are too few, the encoder's own calibration is used,
    unless it does not hold among these people; and where that does not reach so far either, nothing is stored, and it
    is said how many people would do. The threshold of `identify` goes on following the number of people enrolled.

    Exit status: 0 stored, 2 the people are too few, or another error.
    """
    import numpy as np

    from facerec.calibration.gallery import calibrate_gallery
    from facerec.faces.encoder import Card, encoder_folder
    from facerec.gallery import open_gallery
    from facerec.settings import default_gallery

    if target_fmr is None and target_fpir is None:
        raise click.UsageError("give --target-fmr, --target-fpir, or both")
    if encoder is not None:
        encoder_folder(encoder)  # a name that is none is told before anything is opened
    opened = open_gallery(gallery or default_gallery(), create=False)
    card = Card.read(encoder_folder(options.encoder_for(opened, encoder)))
    with Counter("comparing") as progress:
        decided = calibrate_gallery(
            opened, card.digest, card.operating_points, np.random.default_rng(0), target_fmr=target_fmr,
            target_fpir=target_fpir, extrapolate=extrapolate, progress=progress,
        )  # fmt: skip
    say(as_json, in_words(decided), as_answer(decided))
    if not as_json:
        say_beside(decided)
    return FOUND


def in_words(decided: Decided) -> str:
    """A line for each threshold."""
    lines = []
    if decided.verification:
        lines.append(f"verify --subject: {row_in_words(decided.verification)}")
    if decided.search and decided.calibration:
        target = decided.calibration.target_fpir
        lines.append(
            f"identify, {target:g} of strangers named among {decided.enrolled}: {row_in_words(decided.search)}"
        )
    return "\n".join(lines)


def row_in_words(row: MeasuredPoint) -> str:
    """A threshold and what it rests on."""
    point, interval = row.point, row.fmr_interval
    how = "extrapolated" if point.extrapolated else "measured"
    return (
        f"threshold {point.threshold:.3f}, FMR {point.fmr:.2g} {how} ({interval.low:.2g} to {interval.high:.2g} among "
        f"as many other people) on {point.impostors:,} comparisons of {point.subjects} people: {point.evidence}"
    )


def say_beside(decided: Decided) -> None:
    """What a user should know beside the thresholds."""
    own = decided.own
    if own.contradicts:
        note(own.contradicts)
    for pair in own.look_alikes[:5]:
        note(f"{pair.first} and {pair.second} are very alike ({pair.similarity:.3f}): one person under two names?")
    if own.look_alikes:
        note("facerec gallery health looks into that")


def as_answer(decided: Decided) -> dict[str, Any]:
    """What docs/json.md describes."""
    own = decided.own
    return {
        "outcome": "calibrated",
        "enrolled": decided.enrolled,
        "compared": {"subjects": own.subjects, "templates": own.templates},
        "verification": decided.verification and decided.verification.as_dict(),
        "search": decided.search and decided.search.as_dict(),
        "target_fpir": decided.calibration and decided.calibration.target_fpir,
        "contradicts": own.contradicts or None,
        "look_alikes": [pair._asdict() for pair in own.look_alikes],
    }
