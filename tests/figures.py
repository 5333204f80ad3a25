"""Accuracy figures in pages, and the committed JSON that each has to come from.

A block is what stands between two blank lines. Where it speaks of error rates, each percentage, each rate of two
digits or more (0.34, 1.2e-5) and each `12 of 500` in it is a figure, and must equal, at the precision shown, a value
that a comment in the block names:

    <!-- figures: lfw.json accuracy accuracy_interval; lfw-identification.json rank_1 operating_points[8].fpir -->

A file is looked for beside the page, in docs/results and from the root. A key goes through objects with `.` and
through lists with `[n]`; every number below it may be shown. In a comment above a table `[]` gives each row of the
body its own item, `[n:]` those from the n-th on, and there must be as many. A comment within a row holds for that row
only. On a page with a JSON of its own name beside it (docs/results/cnn-transfer.md), figures without a comment may be
any number of that.

Numbers that no JSON holds carry `<!-- figures: none, REASON -->`, REASON beginning with one of REASONS. Code, and
table columns of what was wanted, are not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
REASONS = ("settings", "arithmetic", "published", "by hand")
"""What somebody chooses; what follows from a formula beside it; what others measured; what no command repeats."""

SPEAKS_OF_ERRORS = re.compile(
    r"\b(LFW|rank-1|FMR|FNMR|TAR|FPIR|FNIR|FTE|FTA|EER|AUC|ROC|DET|CMC|ECE|mAP|IoU|BCubed|accura\w+|precision|recall|"
    r"calibration error|false match\w*|strangers?|named|misses|missed|top-1|error rates?)\b",
    re.IGNORECASE,
)
COMMENT = re.compile(r"<!--\s*figures:\s*(.*?)\s*-->", re.DOTALL)
NO_FIGURES = re.compile(r"<!--.*?-->|`[^`]*`|\]\([^)]*\)|\b9[05] %(?= (?:interval|confidence))", re.DOTALL)
NUMBER = r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
UNITS = r"(?! ?(?:s|ms|px|x|MB|GB|kB|MiB|GiB|million|billion|seconds|times)\b|[\w,.]*\w)"
COUNTED = re.compile(r"(?<![\w.,])(none|\d[\d,]*) of (\d[\d,]*\d)(?![\d.]* ?%)")
PERCENT = re.compile(rf"({NUMBER})(?: (?:to|and|or) ({NUMBER}))? ?%")
RATE = re.compile(rf"(?<![\w.,-])(0\.\d+|\d(?:\.\d+)?e-\d+){UNITS}(?! ?%| to [\d.,]+ ?%)")
WANTED = re.compile(r"wanted|asked for", re.IGNORECASE)
NOT_FIGURES = {"interval_level", "schema", "seed", "made_by"}


@dataclass(frozen=True)
class Figure:
    """A number as it stands in a page: its text, its value, and half of its last digit."""

    text: str
    value: float
    tolerance: float

    @classmethod
    def of(cls, text: str, unit: float = 1.0) -> Figure:
        """Of a number's text, counted in units of so much."""
        mantissa, _, power = text.replace(",", "").partition("e")
        scale = unit * 10 ** int(power or 0)
        decimals = len(mantissa.partition(".")[2])
        return cls(text, float(mantissa) * scale, 0.5001 * 10**-decimals * scale)

    def is_among(self, numbers: list[float]) -> bool:
        return any(abs(self.value - number) <= self.tolerance for number in numbers)


@dataclass(frozen=True)
class Passage:
    """Text whose figures share their sources; `row` is its number in a table's body, None outside of one."""

    text: str
    comments: list[str]
    row: int | None = None
    rows: int = 0


def figures(text: str) -> Iterator[Figure]:
    """Every figure of a text without code, comments and links."""
    for events, trials in COUNTED.findall(text):
        yield Figure.of("0" if events == "none" else events)
        yield Figure.of(trials)
    text = COUNTED.sub(" ", text)
    for numbers in PERCENT.findall(text):
        yield from (Figure.of(number, 0.01) for number in numbers if number)
    for number in RATE.findall(PERCENT.sub(" ", text)):
        if len(number.partition("e")[0].replace(".", "").lstrip("0")) > 1:
            yield Figure.of(number)


def passages(page: str) -> Iterator[Passage]:
    """The passages of a page that speak of error rates."""
    page = re.sub(r"^(```|~~~).*?^\1[^\n]*$", "", page, flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n", page):
        if SPEAKS_OF_ERRORS.search(COMMENT.sub("", block)):
            yield from _rows(block) if re.search(r"^\|[\s:|-]+\|$", block, re.MULTILINE) else [_prose(block)]


def _prose(block: str) -> Passage:
    return Passage(_plain(block), COMMENT.findall(block))


def _plain(text: str) -> str:
    return NO_FIGURES.sub(" ", " ".join(text.split()))


def _rows(block: str) -> Iterator[Passage]:
    """Around the table as prose, then row by row, without the columns of what was wanted."""
    lines = block.split("\n")
    table = [line for line in lines if line.startswith("|")]
    around = "\n".join(line for line in lines if not line.startswith("|"))
    yield _prose(around)
    above = COMMENT.findall(around)
    heads = _cells(table[0])
    for row, line in enumerate(table[2:]):
        own = COMMENT.findall(line)
        kept = [cell for head, cell in zip(heads, _cells(line), strict=False) if not WANTED.search(head)]
        yield Passage(_plain(" | ".join(kept)), own or above, row, len(table) - 2)


def _cells(line: str) -> list[str]:
    return COMMENT.sub("", line).strip().strip("|").split("|")


def faults(page: Path, root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the figures of a page, one sentence each."""
    for passage in passages(page.read_text(encoding="utf-8")):
        shown = list(figures(passage.text))
        if not shown:
            continue
        try:
            numbers = _sources(passage, page, root)
        except (KeyError, IndexError, ValueError, OSError) as error:
            yield f"{error!r} in the comment on {passage.text.strip()[:80]!r}"
            continue
        if numbers is None:
            continue
        for figure in shown:
            if not figure.is_among(numbers):
                yield f"{figure.text} has no source among {len(numbers)} numbers: {passage.text.strip()[:80]!r}"


def _sources(passage: Passage, page: Path, root: Path) -> list[float] | None:
    """Every number that the passage may show; None where it says that it has none to show.

    Raises what a wrong comment leads to.
    """
    numbers: list[float] = []
    for comment in passage.comments or _sibling(page):
        if comment.startswith("none"):
            _require_reason(comment)
            return None
        for source in comment.split(";"):
            name, *keys = source.split()
            content = json.loads(_find(name, page, root).read_text(encoding="utf-8"))
            for key in keys or [""]:
                numbers += _below(_at(content, key, passage))
    return numbers


def _sibling(page: Path) -> list[str]:
    return [f"{page.stem}.json"] if page.with_suffix(".json").exists() else []


def _require_reason(comment: str) -> None:
    reason = comment.removeprefix("none").lstrip(", ")
    if not reason.startswith(REASONS):
        raise ValueError(f"a reason must begin with one of {', '.join(REASONS)}, not {reason[:40]!r}")


def _find(name: str, page: Path, root: Path) -> Path:
    for folder in (page.parent, root / "docs" / "results", root):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"no {name} beside {page.name}, in docs/results or from the root")


def _at(content: Any, key: str, passage: Passage) -> Any:
    """What stands under a key; `[]` is the item of the passage's row."""
    for step in re.findall(r"[^.\[\]]+|\[[\d:-]*\]", key):
        if not step.startswith("["):
            content = content[step]
            continue
        items = list(content.values()) if isinstance(content, dict) else content
        inside = step[1:-1]
        content = items[int(inside)] if inside.lstrip("-").isdecimal() else _of_row(items, inside, passage)
    return content


def _of_row(items: list[Any], part: str, passage: Passage) -> Any:
    """The item of the passage's row, among all or those from `n:` on."""
    chosen = items[int(part.removesuffix(":") or 0) :]
    if passage.row is None or len(chosen) != passage.rows:
        raise ValueError(f"{len(chosen)} items for {passage.rows} rows")
    return chosen[passage.row]


def _below(node: Any) -> list[float]:
    """Every number in a part of a JSON."""
    if isinstance(node, bool) or node is None or isinstance(node, str):
        return []
    if isinstance(node, (int, float)):
        return [float(node)]
    inner = node if isinstance(node, list) else [part for key, part in node.items() if key not in NOT_FIGURES]
    return [number for part in inner for number in _below(part)]
