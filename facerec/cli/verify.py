"""`facerec verify`: is this the same person?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NOT_FOUND, answering, say


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=options.pictures, metavar="A.jpg B.jpg")
@click.option("--subject", help="Compare one picture with this enrolled subject instead of with another picture.")
@click.option(
    "--head", type=click.Choice(["cosine", "binary"]), default="cosine", show_default=True,
    help="How to tell likeness: the embeddings' cosine, or the encoder's trained head, which is sure from 0 to 1.",
)  # fmt: skip
@click.option("--fmr", type=float, help="False match rate to decide at, one that was measured.  [default: 0.001]")
@options.gallery
@options.detector
@options.encoder
@options.face
@answering
def verify(
    pictures: tuple[Path, ...], subject: str | None, head: str, fmr: float | None, gallery: str | None, detector: str,
    encoder: str, face: str, as_json: bool,
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
    parts: dict[str, Any] = {"detector": detector, "encoder": encoder, "face": face, "head": head}
    if subject:
        answer = options.recognizer(gallery, **parts).verify_subject(subject, pictures[0], fmr)
    else:
        answer = Recognizer.open(**parts).verify(pictures[0], pictures[1], FMR if fmr is None else fmr)
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
