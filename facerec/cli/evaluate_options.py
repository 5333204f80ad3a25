"""What the commands below `facerec evaluate` share: options, the chain under test, and how a result leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, say

if TYPE_CHECKING:
    from facerec.evaluation.chain import CentreFace
    from facerec.evaluation.findings import Wanted
    from facerec.evaluation.worst import WorstErrors
    from facerec.faces.encoder import Card
    from facerec.records import OperatingPoint

file = click.Path(path_type=Path)
folder = click.Path(path_type=Path)
html = click.option("--html", type=file, metavar="FILE", help="Also write a report: plots, tables, the worst errors.")
pairs_file = click.option("--pairs", type=file, metavar="FILE", help="LFW's pairs.txt.  [default: DIR/pairs.txt]")
fmr = click.option(
    "--fmr", default=1e-3, show_default=True, metavar="RATE",
    help="Of the measured threshold at which --groups are compared.",
)  # fmt: skip


def whole_numbers(ctx: click.Context, param: click.Parameter, text: str) -> tuple[int, ...]:
    """`10,30` as numbers; nothing at all is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"whole numbers with commas between them are needed, got {text!r}")
    return tuple(int(part) for part in parts)


sizes = click.option(
    "--sizes", default="10,30,100,300,1000,3000,10000", show_default=True, metavar="N,N,...", callback=whole_numbers,
    help="Also measure galleries of so many people, drawn from those at hand; larger ones are left out.",
)  # fmt: skip
SHARED = [
    html,
    click.option("--worst", default=12, show_default=True, type=click.IntRange(0), metavar="K",
                 help="How many of the worst errors of each kind --html shows, as small pictures."),
    click.option("--groups", type=file, metavar="CSV",
                 help="Errors by your own labels: a column `picture` or `subject`, the others hold labels."),
    click.option("-o", "--output", type=file, metavar="FILE", help="Also write the result as JSON."),
    click.option("--seed", default=0, show_default=True, help="Of the choice of people and of the resamples."),
    options.detector,
    options.encoder,
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shared options say."""

    detector: str
    encoder: str
    seed: int
    output: Path | None
    html: Path | None
    worst: int
    groups: Path | None
    as_json: bool


def measuring(command: Callable[..., int]) -> Callable[..., None]:
    """Give a command the shared options, as one argument `asked`, and --json."""

    @functools.wraps(command)
    def gathered(**given: Any) -> int:
        shared = {name: given.pop(name) for name in Asked.__dataclass_fields__}
        asked = Asked(**shared)
        refuse_folders(asked.output, asked.html)
        return command(asked=asked, **given)

    answered = answering(gathered)
    for option in reversed(SHARED):
        answered = option(answered)
    return answered


def refuse_folders(*files: Path | None) -> None:
    """Raise InvalidInput for a file to be written that is a folder, before anything is measured."""
    from facerec.errors import InvalidInput

    for path in files:
        if path is not None and path.is_dir():
            raise InvalidInput(f"{str(path)!r} is a folder: name a file to write")


def chain(asked: Asked) -> tuple[CentreFace, Card]:
    """The chain under test, and the card of its encoder."""
    from facerec.evaluation.chain import CentreFace
    from facerec.faces.encoder import Card, encoder_folder

    card = Card.read(encoder_folder(asked.encoder))
    return CentreFace.open(asked.detector, asked.encoder), card


def points(card: Card) -> tuple[OperatingPoint, ...]:
    """The thresholds measured for an encoder, if any."""
    return card.operating_points.points if "operating_points" in card.facts else ()


def wanted(asked: Asked, card: Card, fmr: float | None = None) -> Wanted:
    """What to look for beside the error rates; groups at the threshold measured for `fmr`."""
    from facerec.evaluation.findings import Wanted
    from facerec.evaluation.labels import read_labels

    return Wanted(
        labels=None if asked.groups is None else read_labels(asked.groups),
        at=None if fmr is None or asked.groups is None else card.operating_points.at_fmr(fmr),
        pictures=asked.worst if asked.html else 0,
        probability=card.probability,
    )


def finish(asked: Asked, words: Callable[[dict[str, Any]], str], result: dict[str, Any], worst: WorstErrors) -> int:
    """Keep the result where the user asked for that, and print it."""
    from facerec.evaluation.chain import detector_name
    from facerec.evaluation.result_file import with_circumstances, write_complete

    complete = with_circumstances({**result, "detector": detector_name(asked.detector), "seed": asked.seed})
    if asked.output:
        write_complete(asked.output, complete)
    if asked.html:
        from facerec.evaluation.report import write_report

        write_report(asked.html, complete, worst)
    say(asked.as_json, words(complete), complete)
    return FOUND
