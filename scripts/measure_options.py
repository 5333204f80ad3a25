"""What the scripts that measure on pictures of people are told: where the data are, and what to keep where."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "docs" / "results"


def options(about: str | None, name: str, keeps: bool = True, again: str = "") -> argparse.Namespace:
    """Parse the command line of a script that writes docs/results/NAME.json and .md, and perhaps keeps faces or can
    measure a part alone (`again` says what that is)."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("FACEREC_DATA")
    parser.add_argument(
        "--data", type=Path, default=data and Path(data), required=not data, help="default: FACEREC_DATA"
    )
    if keeps:
        parser.add_argument(
            "--cache", type=Path, required=True, help="where faces and embeddings are kept, outside of the project"
        )
    if again:
        parser.add_argument("--again", action="append", default=[], metavar="PART", help=again)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / f"{name}.json")
    return parser.parse_args()


def first_paragraphs(about: str | None) -> str:
    """A script's docstring as the paragraphs of a page."""
    return "\n\n".join(" ".join(part.split()) for part in (about or "").strip().split("\n\n"))
