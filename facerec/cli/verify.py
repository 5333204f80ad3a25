"""`facerec verify`: is this the same person?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NOT_FOUND, answering, say

if TYPE_CHECKING:
    from facerec.recognition import Recognizer
    from facerec.records import Verification


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
@options.encoder
@options.face
@answering
def verify(
    pictures: tuple[Path, ...], subject: str | None, head: str, fmr: float | None, explain: Path | None,
    gallery: str | None, detector: str, encoder: str, face: str, as_json: bool,
) -> int:  # fmt: skip
    """Say whether two pictures, or a picture and an enrolled subject, are of one person.

    \b
      facerec verify a.jpg b.jpg
      facerec verify --subject Ada photo.jpg

    Exit status: 0 match, 1 no match, 2 could not answer.
    """
    from facerec.recognition.recognizer import FMR, Recognizer

    if len(pictures) != (1 if subject else 2):
        raise click.UsageError("give two pictures, or one picture and --subject NAME")
    if explain:
        require_drawable(explain, pictures)
    parts: dict[str, Any] = {"detector": detector, "encoder": encoder, "face": face, "head": head}
    if subject:
        answer = options.recognizer(gallery, **parts).verify_subject(subject, pictures[0], fmr)
    else:
        recognizer = Recognizer.open(**parts)
        answer = recognizer.verify(pictures[0], pictures[1], FMR if fmr is None else fmr)
        if explain:
            draw_explanation(recognizer, pictures, answer, explain)
    point, matches = answer.point, answer.outcome == "match"
    say(
        as_json,
        f"{'match' if matches else 'no match'}: similarity {answer.similarity:.3f}, threshold {point.threshold:.3f} "
        f"(at or above it are {point.fmr:.2g} of the pairs of different people)",
        {
            "outcome": answer.outcome, "head": head, "similarity": answer.similarity, "threshold": point.threshold,
            "fmr": point.fmr, "impostors": point.impostors, "subjects": point.subjects, "encoder": point.encoder,
            "evidence": point.evidence,
        },
    )  # fmt: skip
    return FOUND if matches else NOT_FOUND


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
