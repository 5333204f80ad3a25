"""The commands, all in one place."""

from __future__ import annotations

import importlib
import os
import sys
from types import TracebackType

import click

from facerec.cli.answers import NO_ANSWER
from facerec.version import VERSION

COMMANDS: dict[str, str] = {
    "enroll": "facerec.cli.enroll",
    "verify": "facerec.cli.verify",
    "identify": "facerec.cli.identify",
    "precompute": "facerec.cli.enroll",
    "calibrate": "facerec.cli.calibrate",
    "gallery": "facerec.cli.gallery",
    "encoders": "facerec.cli.doctor",
    "doctor": "facerec.cli.doctor",
    "evaluate": "facerec.cli.evaluate",
    "cluster": "facerec.cli.cluster",
    "duplicates": "facerec.cli.duplicates",
    "train": "facerec.cli.train",
    "export": "facerec.cli.train",
    "cnn": "facerec.cli.cnn",
    "segment": "facerec.cli.segment",
    "detect": "facerec.cli.detect",
    "style": "facerec.cli.style",
}
"""A command's name, and the module that holds it under that name."""


class Commands(click.Group):
    """Imports the command that is asked for, and the others only to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, package_name="facerec")
def commands() -> None:
    """Verify and recognise faces, with a stated error."""


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
