"""The CSV that a run leaves behind: a line per few steps, and never two for the same step."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facerec.replacing import replacing


def append(path: Path, row: Mapping[str, object]) -> None:
    """Add a line, with a header where the file is new."""
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def cut(path: Path, step: int, columns: Sequence[str] = ()) -> None:
    """Drop the lines after a step: the run goes on from there, and will write them again.

    A last line that a killed run left unfinished goes too. A log that was begun with fewer than the given columns gets
    the others, empty so far. Nothing happens where there is no file.
    """
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as handle:
        header, *lines = list(handle) or [""]
    kept = [line for line in lines if line.endswith("\n") and step_of(line) <= step]
    if not header.endswith("\n"):
        return path.unlink()
    lacking = "," * len([name for name in columns if name not in header.strip().split(",")])
    if lacking:
        header, kept = ",".join(columns) + "\r\n", [f"{line.rstrip()}{lacking}\r\n" for line in kept]
    with replacing(path) as fresh:
        fresh.write_text(header + "".join(kept), encoding="utf-8", newline="")


def step_of(line: str) -> float:
    """The number that a line begins with; infinity where it has none."""
    first = line.split(",")[0]
    return int(first) if first.isdecimal() else float("inf")


def read(path: Path) -> dict[str, NDArray[np.float64]]:
    """Column -> its numbers (N,), NaN where a line has none."""
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        names, rows = reader.fieldnames or (), list(reader)
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
