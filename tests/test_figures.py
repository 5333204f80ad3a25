"""No accuracy figure without the committed measurement it comes from; `tests/figures.py` says how a page names it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.figures import COMMENT, ROOT, faults, figures, passages

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "facerec").rglob("*.md"))]
BY_HAND = {"docs/results/main-job.md": 2}
"""Page -> passages of figures that no command repeats. None may be added."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_accuracy_figure_comes_from_a_committed_json(page: Path) -> None:
    assert list(faults(page)) == []


def test_figures_by_hand_do_not_become_more() -> None:
    comments = {str(page.relative_to(ROOT)): COMMENT.findall(page.read_text(encoding="utf-8")) for page in PAGES}
    by_hand = {page: sum("by hand" in comment for comment in found) for page, found in comments.items()}
    assert {page: count for page, count in by_hand.items() if count} == BY_HAND


def test_what_pages_name_is_in_the_repository() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "*.json"], capture_output=True, text=True, check=True)
    names = {Path(line).name for line in tracked.stdout.splitlines()}
    named = {source.split()[0] for page in PAGES for comment in COMMENT.findall(page.read_text(encoding="utf-8"))
             if not comment.startswith("none") for source in comment.split(";")}  # fmt: skip
    assert {Path(name).name for name in named} - names == set() and named


RESULT = {
    "accuracy": 0.97833,
    "eer": 0.022,
    "rank_1": {"share": 0.902, "events": 451, "trials": 500, "interval_level": 0.95},
    "points": [{"fmr": 0.0012, "fnmr": 0.281}, {"fmr": 0.00011, "fnmr": 0.479}],
}
TABLE = "| FMR | FNMR |\n| --- | --- |\n"


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("Nothing is claimed: 12 % of the pages are long.", 0),
        ("LFW 97.83 % <!-- figures: a.json accuracy -->", 0),
        ("LFW 97.8 % <!-- figures: a.json accuracy -->", 0),  # at the precision shown
        ("LFW 97.84 % <!-- figures: a.json accuracy -->", 1),
        ("LFW **97.83 %**, and nobody says whence.", 1),
        ("Over two lines, LFW is at 97.83\n% <!-- figures: a.json eer -->", 1),
        ("EER 2.2 %, accuracy 97.83 % <!-- figures: a.json accuracy; a.json eer -->", 0),
        ("Rank-1: 451 of 500, 90.2 % <!-- figures: a.json rank_1 -->", 0),
        ("Rank-1: 452 of 500 <!-- figures: a.json rank_1 -->", 1),
        ("Rank-1 87.3 to 92.7 % <!-- figures: a.json rank_1 -->", 2),
        ("Rank-1 with 95 % interval, 95 % <!-- figures: a.json rank_1 -->", 1),  # the level is no result
        ("EER 0.022 in 0.41 s on 6.32 MB <!-- figures: a.json eer -->", 0),
        ("EER 0.023 at FMR 1e-3 <!-- figures: a.json eer -->", 1),
        ("FMR 1.2e-3 <!-- figures: a.json points[0] -->", 0),
        ("FMR 1.3e-3 <!-- figures: a.json points[0] -->", 1),
        ("EER 2.2 % <!-- figures: a.json nothing -->", 1),
        ("EER 2.2 % <!-- figures: b.json eer -->", 1),
        ("EER `2.3 %` and [12 %](a.json) <!-- figures: a.json eer -->", 1),
        ("About 17 % are missed. <!-- figures: none, by hand: while looking -->", 0),
        ("About 17 % are missed. <!-- figures: none, because -->", 1),
        ("```\nLFW 50 %\n```", 0),
        (f"<!-- figures: a.json points[] -->\n{TABLE}| 0.0012 | 28.1 % |\n| 0.00011 | 47.9 % |", 0),
        (f"<!-- figures: a.json points[] -->\n{TABLE}| 0.00011 | 47.9 % |\n| 0.0012 | 28.1 % |", 4),  # rows swapped
        (f"<!-- figures: a.json points[] -->\n{TABLE}| 0.0012 | 28.1 % |", 1),  # a row is missing
        (f"{TABLE}| 0.0012 | 28.1 % <!-- figures: a.json points[0] --> |\n| 0.00011 | 47.9 % |", 2),
        ("| what | wanted | got |\n|---|---|---|\n| LFW | >= 99 % | 97.83 % <!-- figures: a.json accuracy --> |", 0),
    ],
)
def test_the_rule_sees_what_it_should(tmp_path: Path, text: str, wrong: int) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RESULT))
    (tmp_path / "page.md").write_text(f"# Page\n\n{text}\n")
    assert len(list(faults(tmp_path / "page.md", tmp_path))) == wrong


def test_a_page_beside_its_own_json_needs_no_comments(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RESULT))
    (tmp_path / "a.md").write_text("Accuracy 97.83 %, EER 2.3 %")
    assert len(list(faults(tmp_path / "a.md", tmp_path))) == 1


def test_the_pages_have_figures_to_look_at() -> None:
    counted = sum(len(list(figures(passage.text))) for page in PAGES for passage in passages(page.read_text()))
    assert counted > 80
