"""A result as one HTML file: plots, tables, and where they were kept the worst errors as small pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facerec.errors import InvalidInput
from facerec.evaluation.plotting import group_plots, plots
from facerec.evaluation.result_file import write_text
from facerec.evaluation.wording import eer_words, is_uncertain, percent, rate_words, span
from facerec.evaluation.worst import WorstError, WorstErrors
from facerec.pages import picture, render

TITLES = {
    "lfw": "Labeled Faces in the Wild",
    "verification": "Are two faces the same person's?",
    "identification": "Whose face is this, if anyone's?",
}


def write_report(path: Path, result: Mapping[str, Any], worst: WorstErrors | None = None) -> None:
    """Write the report of a result, replacing the file whole. Raises InvalidInput where it cannot be written."""
    write_text(path, report(result, {} if worst is None else worst))


def report(result: Mapping[str, Any], worst: WorstErrors) -> str:
    """The page. Results from before a part of them was measured have no such part here either.

    Raises InvalidInput for a result of something else.
    """
    kind = kind_of(result)
    return render(
        f"evaluation_{'searches' if kind == 'identification' else 'pairs'}.html",
        title=TITLES[kind],
        result=result,
        plots={name: picture(content) for name, content in plots(result)},
        groups=[_group(table) for table in result.get("groups", [])],
        worst={name: [_shown(error) for error in errors] for name, errors in worst.items() if errors},
        percent=percent,
        span=span,
        rate=rate_words,
        is_uncertain=is_uncertain,
        eer=eer_words,
    )


def kind_of(result: Mapping[str, Any]) -> str:
    """Which test a result comes from, by what it holds. Raises InvalidInput where it comes from none."""
    if "gallery_size" in result and "rank_1" in result:
        return "identification"
    if "pairs" not in result or "tar_at_fmr" not in result:
        raise InvalidInput("this is no result of `facerec evaluate`: there are no error rates in it")
    return "lfw" if "accuracy" in result else "verification"


def _group(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"table": table, "plots": {name: picture(content) for name, content in group_plots(table).items()}}


def _shown(error: WorstError) -> dict[str, Any]:
    pictures = [{"name": one.name, "src": one.jpeg and picture(one.jpeg, "jpeg")} for one in error.pictures]
    return {"pictures": pictures, "similarities": error.similarities}
