"""How a command says what it found: lines for people, or with --json one object per line."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from facerec.errors import FacerecError

SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""
FOUND, NOT_FOUND, NO_ANSWER, INTERRUPTED = 0, 1, 2, 130


def say(as_json: bool, text: str, answer: dict[str, Any]) -> None:
    """Print one answer: `text`, or the object with its schema number in front."""
    click.echo(json.dumps({"schema": SCHEMA, **answer}) if as_json else text)


def note(text: str) -> None:
    """Say something beside the answer, on standard error."""
    click.echo(f"facerec: {text}", err=True)


def answering(command: Callable[..., int]) -> Callable[..., None]:
    """Give a command --json, turn its return value into the exit status, and an error into status 2 and one line."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line instead of text.")
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, **options: Any) -> None:
        try:
            status = command(*args, as_json=as_json, **options)
        except FacerecError as error:
            if as_json:
                say(True, "", {"outcome": error.code, "reason": str(error)})
            else:
                note(str(error))
            status = NO_ANSWER
        except KeyboardInterrupt:
            note("stopped; what was reported as stored is stored")
            status = INTERRUPTED
        sys.exit(status)

    return wrapped
