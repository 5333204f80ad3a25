"""`facerec train` and `facerec export`: an encoder of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.learning.reports import Report
    from facerec.metrics.operating_points import OperatingPoints

folder = click.Path(path_type=Path)
PAUSE = 60.0
"""Seconds between two lines about a run that nobody watches."""


@click.command()
@click.argument("config", type=folder, metavar="CONFIG.toml")
@click.option("--data", type=folder, required=True, help="A folder per subject, a list file, or a folder of faces.")
@click.option("-o", "--out", type=folder, required=True, help="Folder of the run: checkpoint, log.csv, weights.")
@answering
def train(config: Path, data: Path, out: Path, as_json: bool) -> int:
    """Train an encoder as CONFIG.toml says, or go on with the run in OUT.

    DATA is a folder with a folder of pictures per subject, a list of `path subject` lines, or a folder with faces.csv.
    Stop it whenever you like: the same command goes on from the last checkpoint. A finished run is left as it is.
    """
    from facerec.learning.processes import is_first
    from facerec.training import train_from

    words = InWords()
    with Counter("reading", PAUSE) as progress:
        material = train_from(
            config, data, out,
            report=lambda now, steps: progress(now.step, steps, words(now)),
            reading=lambda done, shards: progress(done, shards, "reading shards"),
            packing=lambda done, pictures: progress(done, pictures, "looking for faces"),
        )  # fmt: skip
    if is_first():
        for remark in (*(f"left out {source}: {reason}" for source, reason in material.refused), material.start):
            if remark:
                note(remark)
        say(
            as_json, f"trained on {material.crops} crops; weights in {out}",
            {"out": str(out), "crops": material.crops, "left_out": len(material.refused), "start": material.start},
        )  # fmt: skip
    return FOUND


class InWords:
    """What is said of a step; of the true accept rate, what was last measured."""

    def __init__(self) -> None:
        self.tar: float | None = None

    def __call__(self, now: Report) -> str:
        self.tar = self.tar if now.tar is None else now.tar
        tar = "" if self.tar is None else f"  TAR {self.tar:.1%}"
        return f"loss {now.loss:.3f}  active {now.active:.0%}{tar}  {now.images_per_second:.0f} images/s"


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
@click.option(
    "--precision", type=click.Choice(["float32", "int8"]), default="float32", show_default=True,
    help="int8 embeds faster where the processor has VNNI or AMX, and takes half the space; it needs --fit.",
)  # fmt: skip
@click.option(
    "--fit", type=folder,
    help="Folder with faces.csv: faces of its split `train` for the ranges of int8, and the axes kept of FILE.pt.",
)  # fmt: skip
@click.option("--fit-head", type=folder, help="Folder with faces.csv: fit a binary head to its split `train`.")
@click.option(
    "--difference", type=click.Choice(["manhattan", "squared_euclidean", "chi_square"]), default="squared_euclidean",
    show_default=True, help="What the fitted head weighs.",
)  # fmt: skip
@click.option("--calibrate", type=folder, help="Folder with faces.csv: measure thresholds on its split `val`.")
@answering
def export(
    run: Path, out: Path, name: str, mirror: bool, precision: str, fit: Path | None, fit_head: Path | None,
    difference: str, calibrate: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Turn a finished RUN, or facenet-pytorch's published FILE, into an encoder that every other command takes.

    Thresholds are measured on people outside the training; an encoder without them embeds, but does not decide.
    """
    from facerec import thresholds
    from facerec.faces.facenet_export import export_facenet
    from facerec.training import export

    if precision == "int8" and fit is None:
        raise click.UsageError("--precision int8 takes its ranges from faces: add --fit FOLDER")
    if precision == "float32" and fit and not run.is_file():
        raise click.UsageError("--fit goes with FILE.pt or --precision int8: a run has learned its axes")
    ranges = fit if precision == "int8" else None
    if run.is_file():
        with Counter("fitting") as progress:
            export_facenet(run, out, name, mirror, fit, ranges, progress)
    else:
        export(run, out, name, mirror, ranges)
    if fit_head:
        with Counter("embedding") as progress:
            thresholds.fit_head(out, fit_head, difference, progress=progress)
    with Counter("measuring") as progress:
        measured = thresholds.calibrate_on_split(out, calibrate, progress=progress) if calibrate else {}
    words = "".join(f"\n  {head}{rows_in_words(points)}" for head, points in measured.items())
    rows = {head: [row.as_dict() for row in points.rows] for head, points in measured.items()}
    answer = {"operating_points": rows.get("cosine", []), "head_operating_points": rows.get("binary", [])}
    say(as_json, f"encoder in {out}{words}", {"out": str(out), **answer})
    return FOUND


def rows_in_words(points: OperatingPoints) -> str:
    """A line per measured threshold."""
    return "".join(
        f"\n    FMR {row.target:g}: threshold {row.point.threshold:.4g}, FNMR {row.fnmr_in_words}"
        for row in points.rows
    )
