"""`facerec verify`: is this the same person?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NOT_FOUND, UNDECIDED, answering, say

if TYPE_CHECKING:
    from facerec.recognition import Recognizer
    from facerec.records import Verification

STATUS = {"match": FOUND, "no_match": NOT_FOUND, "undecided": UNDECIDED}


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=options.pictures, metavar="A.jpg B.jpg")
@click.option("--subject", help="Compare one picture with this enrolled subject instead of with another picture.")
@click.option(
    "--head", type=click.Choice(["cosine", "binary"]), default="cosine", show_default=True,
    help="How to tell likeness: the embeddings' cosine, or the encoder's trained head, which is sure from 0 to 1.",
)  # fmt: skip
@click.option("--fmr", type=float, help="False match rate to decide at, one that was measured.  [default: 0.001]")
@click.option(
    "--explain", type=options.pictures, metavar="OUT.png",
    help="Save a picture of both faces that shows which parts raised the similarity, and which lowered it.",
)  # fmt: skip
@options.gallery
@options.detector
@options.encoder_of_gallery
@options.face
@options.templates
@answering
def verify(
    pictures: tuple[Path, ...], subject: str | None, head: str, fmr: float | None, explain: Path | None,
    gallery: str | None, detector: str, encoder: str | None, face: str, templates: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Say whether two pictures, or a picture and an enrolled subject, are of one person.

    \b
      facerec verify a.jpg b.jpg
      facerec verify --subject Ada photo.jpg

    Undecided is what is more likely one person than two, and yet not alike enough for the false match rate that was
    asked for: take another picture, or let somebody look.

    Exit status: 0 match, 1 no match, 2 could not answer, 3 undecided.
    """
    from facerec.recognition.deciding import FMR
    from facerec.recognition.recognizer import Recognizer

    if len(pictures) != (1 if subject else 2):
        raise click.UsageError("give two pictures, or one picture and --subject NAME")
    if explain:
        require_drawable(explain, pictures)
    parts: dict[str, Any] = {
        "detector": detector, "encoder": encoder, "face": face, "head": head, "templates": templates,
    }  # fmt: skip
    if subject:
        answer = options.recognizer(gallery, **parts).verify_subject(subject, pictures[0], fmr)
    else:
        recognizer = Recognizer.open(**parts)
        answer = recognizer.verify(pictures[0], pictures[1], FMR if fmr is None else fmr)
        if explain:
            draw_explanation(recognizer, pictures, answer, explain)
    say(as_json, in_words(answer), {**as_answer(answer), "head": head})
    return STATUS[answer.outcome]


def in_words(answer: Verification) -> str:
    """The answer in a line, and what it rests on in another."""
    point = answer.point
    chance = "" if answer.probability is None else f", probability {answer.probability:.1%} at even odds"
    beyond = ", which is extrapolated" if point.extrapolated else ""
    return (
        f"{answer.outcome.replace('_', ' ')}: similarity {answer.similarity:.3f}, threshold {point.threshold:.3f} "
        f"(at or above it are {point.fmr:.2g} of the pairs of different people{beyond}){chance}"
    )


def as_answer(answer: Verification) -> dict[str, Any]:
    """The answer as the JSON object that docs/json.md describes."""
    point = answer.point
    return {
        "outcome": answer.outcome,
        "similarity": answer.similarity,
        "threshold": point.threshold,
        "undecided_from": answer.undecided_from,
        "probability": answer.probability,
        "prior": None if answer.probability is None else 0.5,
        "fmr": point.fmr,
        "extrapolated": point.extrapolated,
        "impostors": point.impostors,
        "subjects": point.subjects,
        "encoder": point.encoder,
        "evidence": point.evidence,
    }


def require_drawable(out: Path, pictures: tuple[Path, ...]) -> None:
    """Raise UsageError unless there are two pictures to explain, and a PNG file that is neither of them to write to."""
    if len(pictures) != 2:
        raise click.UsageError("--explain takes two pictures: of an enrolled subject only embeddings are kept")
    if out.suffix.lower() != ".png":
        raise click.UsageError("--explain writes .png")
    if out.exists() and any(out.samefile(picture) for picture in pictures if picture.exists()):
        raise click.UsageError("--explain would overwrite a picture: name another file")


def draw_explanation(recognizer: Recognizer, pictures: tuple[Path, ...], answer: Verification, out: Path) -> None:
    """Save why the two faces are as alike as they are."""
    from facerec.plots.explanation import explanation_figure
    from facerec.plots.figure import save
    from facerec.recognition.explanation import explain

    found = explain(recognizer, *pictures)
    outcome, threshold = answer.outcome.replace("_", " "), answer.point.threshold
    title = f"{outcome}: similarity {answer.similarity:.3f}, threshold {threshold:.3f}"
    save(explanation_figure(found.faces, found.effects, (pictures[0].name, pictures[1].name), title), out)
