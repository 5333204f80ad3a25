"""How a command says what it found: lines for people, or with --json one object per line."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from facerec.errors import FacerecError, InvalidInput

SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""
FOUND, NOT_FOUND, NO_ANSWER, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 130


class Unheard(Exception):
    """Standard output does not take the answer: nobody reads it any more, or the disk is full."""


def say(as_json: bool, text: str, answer: dict[str, Any]) -> None:
    """Print one answer: `text`, or the object with its schema number. Raises Unheard."""
    try:
        click.echo(json.dumps({**answer, "schema": SCHEMA}) if as_json else text)
    except OSError as error:
        raise Unheard(error.strerror) from error


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "template"), counted(2, "template")
    ('1 template', '2 templates')
    """
    return f"{number} {what}{'s' * (number != 1)}"


def note(text: str) -> None:
    """Say something beside the answer, on standard error."""
    click.echo(f"facerec: {text}", err=True)


def confirm(question: str, yes: bool) -> None:
    """Ask before something is destroyed, unless `yes` was given. Raises InvalidInput where the answer is not yes.

    Where nobody sits at a terminal nobody can answer, so nothing is destroyed.
    """
    if yes:
        return
    if not can_answer():
        raise InvalidInput(f"{question} Say --yes")
    try:
        is_meant = click.confirm(question, err=True)
    except click.Abort:
        is_meant = False
    if not is_meant:
        raise InvalidInput("nothing was changed")


def can_answer() -> bool:
    """Does somebody sit at a terminal?"""
    return sys.stdin.isatty()


def be_silent() -> None:
    """Let nothing more be written to standard output, or Python complains again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        except Unheard as error:
            note(f"the answer could not be written: {error}")
            be_silent()
            status = NO_ANSWER
        except KeyboardInterrupt:
            note("stopped; what was reported as stored is stored")
            status = INTERRUPTED
        sys.exit(status)

    return wrapped
