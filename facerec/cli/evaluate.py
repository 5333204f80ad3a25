"""`facerec evaluate`: error rates, measured end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.evaluation.chain import CentreFace
    from facerec.records import OperatingPoint

seed = click.option("--seed", default=0, show_default=True, help="Of the choice of people and of the resamples.")
output = click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write the result as a JSON file.")


@click.group()
def evaluate() -> None:
    """Measure error rates on pictures of known people, with intervals by bootstrap over people."""


def chain(detector: str, encoder: str) -> tuple[CentreFace, list[OperatingPoint]]:
    """The chain under test, and the operating points of its encoder."""
    from facerec.evaluation.chain import CentreFace
    from facerec.faces.encoder import Card, encoder_folder

    points = [row.point for row in Card.read(encoder_folder(encoder)).operating_points.rows]
    return CentreFace.open(detector, encoder), points


def finish(as_json: bool, text: str, result: dict[str, Any], output: Path | None) -> int:
    """Print the result and keep it where the user asked for that."""
    if output:
        from facerec.evaluation.result_file import write_result

        write_result(output, result)
    say(as_json, text, result)
    return FOUND


@evaluate.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--pairs", type=click.Path(path_type=Path), help="LFW's pairs.txt.  [default: DIR/pairs.txt]")
@seed
@output
@options.detector
@options.encoder
@answering
def lfw(
    folder: Path, pairs: Path | None, seed: int, output: Path | None, detector: str, encoder: str, as_json: bool
) -> int:
    """LFW's protocol on DIR, with the pictures or an archive of them: the threshold is chosen on the other folds.

    In each picture the face nearest the centre is meant; a picture without a face makes its pairs errors.
    """
    import numpy as np

    from facerec.evaluation.lfw import evaluate_lfw

    embed, points = chain(detector, encoder)
    with Counter("embedding") as progress:
        measured = evaluate_lfw(
            folder, embed, rng=np.random.default_rng(seed), pairs_file=pairs, points=points, progress=progress
        )
    result = {**measured.as_dict(), "encoder": embed.encoder, "detector": detector, "seed": seed}
    text = (
        f"accuracy {result['accuracy']:.4f} (std {result['std']:.4f} over {result['folds']} folds), "
        f"{result['pairs']} pairs, {result['failures_to_detect']} pictures without a face found"
    )
    return finish(as_json, text, result, output)


@evaluate.command("lfw-identification")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--pairs", type=click.Path(path_type=Path), help="LFW's pairs.txt.  [default: DIR/pairs.txt]")
@click.option("--enrolled", default=500, show_default=True, help="Subjects enrolled from one picture each.")
@click.option("--strangers", default=500, show_default=True, help="Subjects who are searched for and not enrolled.")
@seed
@output
@options.detector
@options.encoder
@answering
def lfw_identification(
    folder: Path, pairs: Path | None, enrolled: int, strangers: int, seed: int, output: Path | None, detector: str,
    encoder: str, as_json: bool,
) -> int:  # fmt: skip
    """One-shot identification on LFW's people: enrolled from one picture, searched for with another."""
    import numpy as np

    from facerec.evaluation.lfw import evaluate_lfw_identification

    embed, points = chain(detector, encoder)
    with Counter("embedding") as progress:
        measured = evaluate_lfw_identification(
            folder, embed, rng=np.random.default_rng(seed), enrolled=enrolled, strangers=strangers, pairs_file=pairs,
            points=points, progress=progress,
        )  # fmt: skip
    result = {**measured.as_dict(), "encoder": embed.encoder, "detector": detector, "seed": seed}
    return finish(as_json, identification_in_words(result), result, output)


def identification_in_words(result: dict[str, Any]) -> str:
    """Rank-1 and, for each measured threshold, who was missed and how many strangers were named."""
    lines = [f"rank-1 {result['rank_1']['share']:.4f} among {result['gallery_size']} enrolled"]
    for point in result["operating_points"]:
        fpir = f"{point['fpir']['share']:.4f} of strangers named" if point["fpir"] else "no strangers"
        lines.append(f"threshold {point['threshold']:.3f}: FNIR {point['fnir']['share']:.4f}, {fpir}")
    return "\n".join(lines)
