"""The commands, all in one place."""

from __future__ import annotations

import os
import sys
from types import TracebackType

import click

from facerec.cli.answers import NO_ANSWER
from facerec.cli.cnn import cnn
from facerec.cli.doctor import doctor, encoders
from facerec.cli.enroll import enroll, precompute
from facerec.cli.evaluate import evaluate
from facerec.cli.gallery import gallery
from facerec.cli.identify import identify
from facerec.cli.train import export, train
from facerec.cli.verify import verify
from facerec.version import VERSION

COMMANDS: tuple[click.Command, ...] = (
    enroll, verify, identify, precompute, gallery, encoders, doctor, evaluate, train, export, cnn,
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, package_name="facerec")
def commands() -> None:
    """Verify and recognise faces, with a stated error."""


for command in COMMANDS:
    commands.add_command(command)


def main() -> None:
    """Entry point. A bug ends with status 2 too: status 1 means "no match" and nothing else."""
    sys.excepthook = fail
    commands(prog_name="facerec")


def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback, then end with the status for "could not answer"."""
    sys.__excepthook__(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(NO_ANSWER)
