"""Lists of pairs of pictures: LFW's own format, and a plain CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.data_digest import digest_file
from facerec.metrics.scores import Bools
from facerec.records import Int64

SAME = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True, eq=False)
class PicturePairs:
    """Pairs to compare. P >= 1.

    first, second      P picture names each, relative to the folder of pictures
    same               (P,) bool   True for a genuine pair
    first_subject,
    second_subject     P names each: who is shown
    folds              (P,) int64  0 .. folds - 1
    sha256             of the list's file, hex
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    same: Bools
    first_subject: tuple[str, ...]
    second_subject: tuple[str, ...]
    folds: Int64
    sha256: str = ""

    def __post_init__(self) -> None:
        shows = self.shows
        for name, subject in zip(self.first + self.second, self.first_subject + self.second_subject, strict=True):
            if shows[name] != subject:
                raise InvalidInput(f"the list says that {name} shows {subject}, and that it shows {shows[name]}")

    def __len__(self) -> int:
        return len(self.first)

    @property
    def pictures(self) -> list[str]:
        """Every picture once, sorted."""
        return sorted({*self.first, *self.second})

    @property
    def shows(self) -> dict[str, str]:
        """Picture -> subject."""
        return dict(zip(self.first + self.second, self.first_subject + self.second_subject, strict=True))


def read_any_pairs(path: Path) -> PicturePairs:
    """Read a list in LFW's format, or a CSV where its first line has a comma. Raises what those raise."""
    first_line = _text(path).lstrip().partition("\n")[0]
    return read_csv(path) if "," in first_line else read_pairs(path)


def read_pairs(path: Path) -> PicturePairs:
    """Read a pairs file in LFW's format.

    The first line has the number of folds and, after a tab, the number n of pairs of each kind in a fold (n alone:
    one fold). Each fold is n lines `name, i, j` of genuine pairs, then n lines `name, i, name, j` of impostor
    pairs. The i-th picture of a name is `name/name_000i.jpg`. Raises MissingPart without the file, InvalidInput,
    with the line, for one that differs from this.
    """
    lines = [line.split() for line in _text(path).splitlines() if line.strip()]
    folds, each = _header(path, lines)
    if len(lines) - 1 != folds * each * 2:
        raise InvalidInput(f"{path} announces {folds} x {each} x 2 pairs and has {len(lines) - 1}")
    same = np.tile(np.repeat([True, False], each), folds)
    rows = [_lfw_pair(path, number, line) for number, line in enumerate(lines[1:], start=2)]
    first, second, first_subject, second_subject = zip(*rows, strict=True)
    _require_agreement(path, same, first_subject, second_subject)
    return PicturePairs(
        first, second, same, first_subject, second_subject, np.repeat(np.arange(folds), 2 * each), digest_file(path)
    )


def _text(path: Path) -> str:
    if not path.is_file():
        raise MissingPart(f"no pairs file {path}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as reason:
        raise InvalidInput(f"{path} is no UTF-8 text: {reason}") from reason


def _header(path: Path, lines: list[list[str]]) -> tuple[int, int]:
    numbers = lines[0] if lines else []
    if not 1 <= len(numbers) <= 2 or not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise InvalidInput(f"{path} line 1 must be `folds<TAB>pairs per fold`, got {' '.join(numbers)[:80]!r}")
    return (1, int(numbers[0])) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))


def _lfw_pair(path: Path, number: int, line: list[str]) -> tuple[str, str, str, str]:
    """Two pictures and whom they show."""
    if len(line) not in (3, 4) or not (line[1].isdecimal() and line[-1].isdecimal()):
        raise InvalidInput(f"{path} line {number} is no LFW pair: {' '.join(line)[:80]!r}")
    names, places = (line[0], line[-2] if len(line) == 4 else line[0]), (line[1], line[-1])
    first, second = (f"{name}/{name}_{int(place):04d}.jpg" for name, place in zip(names, places, strict=True))
    return first, second, *names


def read_csv(path: Path) -> PicturePairs:
    """Read a CSV with a header and the columns a, b (pictures) and same (1 or 0, true or false, yes or no).

    Columns subject_a and subject_b say who is shown. Without them, pictures joined by genuine pairs are taken as
    one subject and every other picture as a subject of its own, which makes intervals narrower than they should be
    where one person stands behind two of these. Raises MissingPart without the file, InvalidInput, with the line,
    for a value that cannot be used or for pairs that contradict each other.
    """
    rows = list(_csv_rows(path))
    if not rows:
        raise InvalidInput(f"{path} holds no pair")
    first, second = tuple(row["a"] for row in rows), tuple(row["b"] for row in rows)
    same = np.array([SAME[row["same"]] for row in rows])
    if "subject_a" in rows[0]:
        subjects = tuple(row["subject_a"] for row in rows), tuple(row["subject_b"] for row in rows)
    else:
        whose = joined(first, second, same)
        subjects = tuple(whose[name] for name in first), tuple(whose[name] for name in second)
    _require_agreement(path, same, *subjects)
    return PicturePairs(first, second, same, *subjects, np.zeros(len(rows), np.int64), digest_file(path))


def _csv_rows(path: Path) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    have = set(reader.fieldnames or ())
    if not {"a", "b", "same"} <= have or len(have & {"subject_a", "subject_b"}) == 1:
        got = ",".join(sorted(have))
        raise InvalidInput(f"{path} must have columns a,b,same and may have both subject_a,subject_b; got {got}")
    for row in reader:
        row["same"] = (row["same"] or "").strip().lower()
        if row["same"] not in SAME or not row["a"] or not row["b"]:
            raise InvalidInput(f"{path} line {reader.line_num}: two pictures and 1 or 0 are needed")
        if row["a"] == row["b"]:
            raise InvalidInput(f"{path} line {reader.line_num} compares {row['a']} with itself")
        yield row


def joined(first: Sequence[str], second: Sequence[str], same: Bools) -> dict[str, str]:
    """Whom each picture shows, named after one of their pictures: genuine pairs link pictures of one subject."""
    parent = {name: name for name in (*first, *second)}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for a, b, is_same in zip(first, second, same, strict=True):
        if is_same:
            parent[root(a)] = root(b)
    return {name: root(name) for name in parent}


def _require_agreement(path: Path, same: Bools, first: Sequence[str], second: Sequence[str]) -> None:
    for row, (is_same, a, b) in enumerate(zip(same, first, second, strict=True), start=1):
        if is_same != (a == b):
            kind = "genuine" if is_same else "impostor"
            raise InvalidInput(f"{path} pair {row} is {kind}, and yet it shows {a} and {b}")
