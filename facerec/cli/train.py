"""`facerec train` and `facerec export`: an encoder of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.learning.reports import Report

if TYPE_CHECKING:
    from facerec.learning.reports import Report

folder = click.Path(path_type=Path)


@click.command()
@click.argument("config", type=folder, metavar="CONFIG.toml")
@click.option("--data", type=folder, required=True, help="Folder with faces.csv, its tar shards and targets.npy.")
@click.option("-o", "--out", type=folder, required=True, help="Folder of the run: checkpoint, log.csv, weights.")
@answering
def train(config: Path, data: Path, out: Path, as_json: bool) -> int:
    """Train an encoder as CONFIG.toml says, or go on with the run in OUT.

    Stop it whenever you like: the same command goes on from the last checkpoint. A finished run is left as it is.
    """
    from facerec.training import train_from

    with Counter("reading shards") as progress:
        material = train_from(
            config, data, out, lambda now, steps: progress(now.step, steps, in_words(now)), reading=progress
        )
    for source, reason in material.refused:
        note(f"left out {source}: {reason}")
    say(
        as_json, f"trained on {material.crops} crops; weights in {out}",
        {"out": str(out), "crops": material.crops, "left_out": len(material.refused)},
    )  # fmt: skip
    return FOUND


def in_words(now: Report) -> str:
    """What the progress bar says of a step."""
    return f"loss {now.loss:.3f}  active {now.active:.0%}  {now.images_per_second:.0f} images/s"


@click.command()
@click.argument("run", type=folder, metavar="RUN|FILE.pt")
@click.option("-o", "--out", type=folder, required=True, help="Folder of the encoder, for --encoder.")
@click.option("--name", default="mine", show_default=True, help="What the card calls it.")
@click.option(
    "--mirror/--no-mirror",
    default=True,
    show_default=True,
    help="Look at each face and at its mirror image, at twice the cost, or at the face alone.",
)
@click.option("--fit", type=folder, help="For FILE.pt: keep what tells most about the split `train` of this folder.")
@click.option("--calibrate", type=folder, help="Folder with faces.csv: measure thresholds on its split `val`.")
@answering
def export(
    run: Path, out: Path, name: str, mirror: bool, fit: Path | None, calibrate: Path | None, as_json: bool
) -> int:
    """Turn a finished RUN, or facenet-pytorch's published FILE, into an encoder that every other command takes.

    Thresholds are measured on people outside the training; an encoder without them embeds, but does not decide.
    """
    from facerec.faces.facenet_export import export_facenet
    from facerec.thresholds import calibrate_on_split
    from facerec.training import export

    if run.is_file():
        with Counter("fitting") as progress:
            export_facenet(run, out, name, mirror, fit, progress)
    elif fit:
        raise click.UsageError("--fit goes with FILE.pt: the axes of a run are learned")
    else:
        export(run, out, name, mirror)
    points = calibrate_on_split(out, calibrate).rows if calibrate else ()
    words = "".join(
        f"\n    FMR {row.target:g}: threshold {row.point.threshold:.3f}, FNMR {row.fnmr:.2%}" for row in points
    )
    say(as_json, f"encoder in {out}{words}", {"out": str(out), "operating_points": [row.as_dict() for row in points]})
    return FOUND
