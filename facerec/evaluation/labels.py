"""The user's own labels of pictures or of people, from a CSV: what error rates by group are grouped by."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.errors import InvalidInput, MissingPart

KEYS = ("picture", "subject")


@dataclass(frozen=True, slots=True)
class Labels:
    """Columns of labels.

    by       what a row is about: "picture" (its name in the list of pairs, or its path below the folder) or "subject"
    columns  column -> that name -> label; names without a label are left out
    """

    by: str
    columns: Mapping[str, Mapping[str, str]]

    def require_names(self, pictures: Sequence[str], subjects: Sequence[str]) -> None:
        """Raise InvalidInput where some column knows none of the pictures or of whom they show."""
        for column in self.columns:
            self.of(column, pictures, subjects)

    def of(self, column: str, pictures: Sequence[str], subjects: Sequence[str]) -> np.ndarray:
        """The label of each of N pictures, "" where it has none: (N,) str; `subjects` are whom they show.

        Raises InvalidInput where not a single one is labelled: then the names differ.
        """
        names = pictures if self.by == "picture" else subjects
        labels = np.array([self.columns[column].get(name, "") for name in names])
        if not any(labels != ""):
            theirs = next(iter(self.columns[column]), "nothing")
            raise InvalidInput(
                f"no {self.by} of the {len(set(names))} measured has a label in column {column!r}: "
                f"they are called like {names[0]!r}, the labels' like {theirs!r}"
            )
        return labels


def read_labels(path: Path) -> Labels:
    """Read a CSV with a header, one column `picture` or `subject`, and one or more columns of labels.

    Raises MissingPart without the file, InvalidInput, with the line, for a table that cannot be used.
    """
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    header = list(reader.fieldnames or ())
    keys = [key for key in KEYS if key in header]
    if len(keys) != 1 or len(header) < 2 or len(set(header)) < len(header):
        got = ",".join(header)
        raise InvalidInput(f"{path} must have a column `picture` or `subject` and columns of labels; got {got!r}")
    columns: dict[str, dict[str, str]] = {column: {} for column in header if column != keys[0]}
    for row in reader:
        name = row[keys[0]]
        for column, known in columns.items():
            label = (row[column] or "").strip()
            if label and known.setdefault(name, label) != label:
                raise InvalidInput(f"{path} line {reader.line_num}: {name} is {label} and {known[name]}")
    return Labels(keys[0], columns)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MissingPart(f"no table of labels in {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no UTF-8 text: {error}") from error
