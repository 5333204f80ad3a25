"""`facerec identify`: who is on this picture?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NO_ANSWER, NOT_FOUND, answering, note, say
from facerec.errors import BadImage, NoFace

if TYPE_CHECKING:
    from facerec.recognition import Recognizer
    from facerec.records import Identification


SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=options.pictures, metavar="PHOTO...")
@click.option("--top", default=1, show_default=True, type=click.IntRange(1, 100), help="Candidates per face.")
@click.option(
    "--target-fpir", type=SHARE,
    help="Share of strangers who may get a name; the threshold comes from it and the number enrolled.  [default: what "
    "`facerec calibrate` set, else 0.01]",
)  # fmt: skip
@click.option("--draw", type=options.pictures, metavar="OUT.png", help="Save the picture with its faces named.")
@options.gallery
@options.detector
@options.encoder_of_gallery
@options.templates
@options.index
@options.device
@answering
def identify(
    pictures: tuple[Path, ...], top: int, target_fpir: float | None, draw: Path | None, gallery: str | None,
    detector: str, encoder: str | None, templates: str | None, index: str, device: str, as_json: bool,
) -> int:  # fmt: skip
    """Name every face on each PHOTO, or say that nobody enrolled is similar enough.

    Exit status: 0 somebody was found, 1 all unknown, 2 some picture could not be answered.
    """
    if draw and len(pictures) > 1:
        raise click.UsageError("--draw takes one PHOTO at a time")
    if draw and draw.exists() and draw.samefile(pictures[0]):
        raise click.UsageError("--draw would overwrite PHOTO: name another file")
    if draw and draw.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise click.UsageError("--draw writes .png or .jpg")
    recognizer = options.recognizer(
        gallery, detector=detector, encoder=encoder, templates=templates, index=index, device=device
    )
    outcomes = [answer(recognizer, picture, top, target_fpir, draw, as_json) for picture in pictures]
    found = [outcome for outcomes_of_one in outcomes for outcome in outcomes_of_one]
    if not all(outcome in ("match", "unknown") for outcome in found):
        return NO_ANSWER
    return FOUND if "match" in found else NOT_FOUND


def answer(
    recognizer: Recognizer, picture: Path, top: int, fpir: float | None, draw: Path | None, as_json: bool
) -> list[str]:
    """Print an answer per face of one picture; returns the outcomes."""
    try:
        identified = recognizer.identify(picture, top, fpir)
        if not identified:
            raise NoFace(str(picture))
    except (BadImage, NoFace) as error:
        say(
            as_json,
            f"{picture}: {error.code}: {error}",
            {"file": str(picture), "outcome": error.code, "reason": str(error)},
        )
        return [error.code]
    for one in identified:
        say(as_json, in_words(one), as_answer(one))
    if not as_json and not identified[0].enrolled:
        note("nobody is enrolled: facerec enroll NAME PHOTO")
    if not as_json and not identified[0].is_on_target:
        note(f"among {identified[0].enrolled} enrolled the strictest measured threshold is good for "
             f"{identified[0].fpir:.2g} strangers named, not {identified[0].target_fpir:.2g}: "
             "facerec calibrate says what can be done")  # fmt: skip
    if draw:
        save_drawing(picture, identified, draw)
    return [one.outcome for one in identified]


def in_words(one: Identification) -> str:
    """One face in a line."""
    x1, y1, x2, y2 = (round(side) for side in one.box)
    best = f", most like {one.candidates[0][0]} at {one.similarity:.3f}" if one.candidates else ""
    who = f"{one.subject}, similarity {one.similarity:.3f}" if one.subject else f"unknown{best}"
    others = "".join(f"\n    {name} {similarity:.3f}" for name, similarity in one.candidates[1:])
    return f"{one.source} [{x1},{y1} {x2},{y2}]: {who} ({threshold(one)}){others}"


def threshold(one: Identification) -> str:
    """The threshold in words, with what it is good for."""
    beyond = ", extrapolated" if one.point.extrapolated else ""
    good = f"; {one.fpir:.2g} of strangers get a name{beyond}" if one.enrolled else ""
    return f"threshold {one.point.threshold:.3f} for {one.enrolled} enrolled{good}"


def as_answer(one: Identification) -> dict[str, Any]:
    """One face as the JSON object that docs/json.md describes."""
    return {
        "file": one.source,
        "box": [round(side, 1) for side in one.box],
        "outcome": one.outcome,
        "subject": one.subject,
        "similarity": one.similarity,
        "threshold": one.point.threshold,
        "fmr": one.point.fmr,
        "impostors": one.point.impostors,
        "subjects": one.point.subjects,
        "enrolled": one.enrolled,
        "compared": one.compared,
        "fpir": one.fpir,
        "target_fpir": one.target_fpir,
        "extrapolated": one.point.extrapolated,
        "candidates": [{"subject": name, "similarity": similarity} for name, similarity in one.candidates],
        "encoder": one.point.encoder,
    }


def save_drawing(picture: Path, identified: tuple[Identification, ...], out: Path) -> None:
    """Save the picture with a box and a name on each face."""
    import numpy as np

    from facerec import images

    boxes = np.array([one.box for one in identified], np.float32)
    names = [one.subject or "unknown" for one in identified]
    colours = [(0, 150, 60) if one.subject else (200, 60, 0) for one in identified]
    images.save(images.annotate(images.load(picture), boxes, names, colours), out)
