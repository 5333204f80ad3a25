"""The table of docs/scaling.md is what its script computes from the measured figures."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("scaling_page", ROOT / "scripts" / "scaling_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_the_script_s(page):
    assert page.table() in (ROOT / "docs" / "scaling.md").read_text("utf-8")


def test_the_arithmetic_by_hand(page):
    file = {
        "sizes": [
            {
                "templates": 1000, "search": {"1_probes": {"index_ms": 0.0512}}, "bytes_of_database": 900,
                "start": {"snapshot_bytes": 100_000},
            }
        ],
    }  # fmt: skip
    first, *_, last = page.rows(file, {"templates": 10, "server": {"table_bytes": 20_000}})
    assert first[:6] == ["1e5", "53 MB", "79 MB", "14 MB", "100 MB", "200 MB"]
    assert last[:6] == ["1e9", "528 GB", "793 GB", "144 GB", "1.0 TB", "2.0 TB"]
    assert last[6:9] == ["51 s", "2.6 s", "3"]  # at 10 and at 200 GB/s; 528 GB over 179 GB each
    assert last[9:] == ["1.0e-11", "774,597"]  # a third of the rule of three's pairs squared: n^2 / 2 = 3e11


def test_sizes_and_times_in_words(page):
    assert [page.size(one) for one in (512, 52.8e9, 1e12)] == ["512 B", "53 GB", "1.0 TB"]
    assert [page.span(one) for one in (0.0026, 90)] == ["2.6 ms", "90 s"]
