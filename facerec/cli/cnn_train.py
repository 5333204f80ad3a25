"""`facerec cnn train`: a classifier of one's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.learning.class_loop import Epoch


@click.command()
@click.argument("config", type=options.pictures, metavar="CONFIG.toml")
@click.option("-o", "--out", type=options.pictures, required=True, help="Folder for weights, log.csv and report.json.")
@answering
def train(config: Path, out: Path, as_json: bool) -> int:
    """Train a network on a folder per class, or a list of `path label` lines, as CONFIG.toml says.

    `facerec cnn classify --net NET --weights OUT/weights.safetensors` then names pictures.
    """
    from facerec.classification import read_material, train_into

    with Counter("reading") as progress:
        material = read_material(config, out, progress)
    outcome = train_into(out, material, lambda epoch: note(in_words(epoch)))
    for source, reason in material.refused:
        note(f"left out {source}: {reason}")
    if outcome.loaded:
        note(str(outcome.loaded))
    facts = outcome.as_dict()
    say(
        as_json, f"{outcome.accuracy:.2%} of {facts['tested_on']} test pictures are named right; weights in {out}",
        {"out": str(out), "learned_from": len(material.train), "left_out": len(material.refused)} | facts,
    )  # fmt: skip
    return FOUND


def in_words(epoch: Epoch) -> str:
    """A line for each epoch."""
    return (f"epoch {epoch.epoch}: loss {epoch.loss:.4f}  test accuracy {epoch.accuracy:.2%}  "
            f"rate {epoch.rate:g}  {epoch.seconds:.1f} s")  # fmt: skip
