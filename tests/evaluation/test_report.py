"""The page shows what a result holds, and leaves out what it does not; results from before still have one."""

import json
from pathlib import Path

import pytest

from facerec.errors import InvalidInput
from facerec.evaluation.plotting import plots
from facerec.evaluation.report import report
from facerec.evaluation.worst import Thumbnail, WorstError

RESULTS = Path(__file__).parents[2] / "docs" / "results"
JPEG = b"\xff\xd8 a picture"


def committed(name: str) -> dict[str, object]:
    result: dict[str, object] = json.loads((RESULTS / name).read_text())
    return result


def test_a_page_of_pairs_shows_the_worst_and_escapes_their_names() -> None:
    mean = WorstError((Thumbnail("<b>a.jpg", JPEG), Thumbnail("b.jpg", None)), (0.61,))
    page = report(committed("lfw.json"), {"impostor": [mean], "no_face": []})
    assert "&lt;b&gt;a.jpg" in page and "cannot be read" in page and "0.610" in page
    assert "No face found" not in page  # nothing of that kind
    assert "none of 1,500" in page and "data:image/png" in page


def test_a_page_of_searches() -> None:
    page = report(committed("lfw-identification.json"), {})
    assert "missed (FNIR) where 1 % of strangers are named" in page and "too few strangers" in page


def test_no_page_of_something_else() -> None:
    with pytest.raises(InvalidInput, match="no error rates"):
        report(committed("verify-process.json"), {})


def test_every_plot_draws_what_it_needs_and_nothing_without_it() -> None:
    rate = {"share": 0.0, "probes": 40, "probes_in_error": 0, "interval": [0.0, 0.09]}
    point = {"stated_fmr": 1e-3, "threshold": 0.5, "fpir": rate, "fnir": rate, "expected_fpir": 0.01}
    size = {"gallery_size": 10, "rank_1_missed": None, "operating_points": [point],
            "fnir_at_fpir": [{"fpir": 0.01, "fnir": rate}]}  # fmt: skip
    later = {**size, "gallery_size": 30, "fnir_at_fpir": []}  # no stranger was left
    bins = [{"predicted": 0.2, "observed": {"share": 0.3, "interval": [0.1, 0.6]}}]
    result = {
        "sizes": [size, later],
        "operating_points": [],
        "reliability": {"bins": bins, "expected_calibration_error": 0.1},
        "cmc": [0.8, 0.9],
        "gallery_size": 10,
        "histograms": {"from": -1, "to": 1, "bins": 4, "own": [0, 0, 3, 1], "stranger": [0, 2, 1, 0]},
    }
    assert [name for name, png in plots(result) if png[:4] == b"\x89PNG"] == [
        "histograms", "cmc", "fnir", "reliability",
    ]  # fmt: skip
    assert [name for name, _ in plots({**result, "operating_points": [point]})][:3] == ["histograms", "cmc", "fpir"]
    assert list(plots({})) == []
