"""What is on a picture, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_the_cat_is_a_cat(facerec, photos, data: Path) -> None:
    weights = data / "weights" / "squeezenet1_0-imagenet.npz"
    ran = facerec("cnn", "classify", photos.cat, "--net", "squeezenet", "--top", 2, "--weights", weights, "--json")
    assert ran.status == 0 and len(ran.answers) == 2
    assert ran.answers[0]["name"] == "Egyptian cat" and ran.answers[0]["class"] == 285
    ran = facerec("cnn", "classify", photos.cat, "--net", "squeezenet", "--weights", weights, "--ten-crops")
    assert len(ran.out.splitlines()) == 3 and "Egyptian cat" in ran.out and "%" in ran.out


def test_without_a_file_it_says_what_to_give(facerec, photos, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = facerec("cnn", "classify", photos.cat, "--net", "squeezenet")
    assert ran.status == 2 and "--weights" in ran.err and len(ran.err.splitlines()) == 1
