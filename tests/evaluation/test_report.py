"""The page shows what a result holds, and leaves out what it does not; results from before still have one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facerec.cli.evaluate_words import search_words
from facerec.errors import InvalidInput
from facerec.evaluation.embedding import Embedded
from facerec.evaluation.gallery_sizes import measure_gallery_sizes
from facerec.evaluation.plotting import plots
from facerec.evaluation.report import report
from facerec.evaluation.search_errors import measure_identification
from facerec.evaluation.searches import GalleryAndProbes
from facerec.evaluation.worst import Thumbnail, WorstError
from facerec.records import OperatingPoint
from tests.evaluation.conftest import crowd

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


def test_strangers_alone_and_a_lenient_encoder_have_a_page_too() -> None:
    """Nobody enrolled is searched for, and no threshold is strict enough for anybody's gallery."""
    people, rng = crowd(8), np.random.default_rng(0)
    strange = ~np.isin(people.probe_subjects, people.gallery_subjects)
    probes = Embedded(people.probes.rows[strange], people.probes.found[strange])
    names = tuple(np.array(people.probe_subjects)[strange].tolist())
    shown = GalleryAndProbes(people.gallery, people.gallery_subjects, probes, names)
    lenient = OperatingPoint(0.2, 0.1, 100, 10, "ab" * 32, "elsewhere")
    sizes = measure_gallery_sizes(shown, (10,), rng=rng, points=[lenient], fpir_targets=(0.1,), galleries=3)
    result = replace(measure_identification(shown, rng=rng, points=[lenient]), sizes=sizes).as_dict()
    assert [name for name, _ in plots(result)] == ["histograms", "fpir"]
    page = report(result, {})
    assert "not measured" in page and "By number of people enrolled" not in page
    assert "rank-1 not measured" in search_words(result)
