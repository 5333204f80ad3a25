"""The worst errors come first, beside what they were taken for."""

from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.evaluation.comparisons import Comparisons
from facerec.evaluation.pairs import PicturePairs
from facerec.evaluation.plans import IdentificationPlan, Shown
from facerec.evaluation.searches import search
from facerec.evaluation.worst import SIDE, thumbnail, worst_pairs, worst_searches
from tests.evaluation.conftest import crowd


def draw(folder: Path, name: str, height: int = 60, width: int = 40) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    images.save(np.full((height, width, 3), 128, np.uint8), folder / name)
    return folder / name


def test_a_thumbnail_keeps_its_shape_and_a_broken_picture_its_name(tmp_path: Path) -> None:
    small = thumbnail(draw(tmp_path, "wide.png", 300, 900), "wide")
    assert small.jpeg is not None and images.decode(small.jpeg, name="a").shape == (53, SIDE, 3)
    as_it_is = thumbnail(draw(tmp_path, "little.png"), "little")
    assert as_it_is.jpeg is not None and images.decode(as_it_is.jpeg, name="a").shape == (60, 40, 3)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    assert thumbnail(tmp_path / "broken.jpg", "broken").jpeg is None


def test_pairs_of_each_kind_worst_first(tmp_path: Path) -> None:
    names = [f"{at}.png" for at in range(8)]
    for name in names:
        draw(tmp_path, name)
    first, second = tuple(names[:7]), tuple(names[1:])
    same = np.array([True, False, True, False, True, False, False])
    found = np.array([True] * 7 + [False])
    at = np.arange(7)
    pairs = PicturePairs(first, second, same, tuple("aabbccd"), tuple("abbccde"), np.zeros(7, np.int64))
    scores = np.array([0.9, 0.3, 0.1, 0.8, 0.5, 0.2, 0.0], np.float32)
    compared = Comparisons(scores, same, at, at + 1, found, np.array([0, 0, 1, 1, 2, 2, 3, 4]))
    worst = worst_pairs(tmp_path, pairs, compared, 2)
    assert [error.similarities[0] for error in worst["impostor"]] == [np.float32(0.8), np.float32(0.3)]
    assert [error.similarities[0] for error in worst["genuine"]] == [np.float32(0.1), np.float32(0.5)]
    assert [picture.name for picture in worst["impostor"][0].pictures] == ["3.png", "4.png"]
    assert [error.pictures[0].name for error in worst["no_face"]] == ["7.png"]


def test_searches_stand_beside_who_was_named(tmp_path: Path) -> None:
    people = crowd(7, spread=0.35)
    found = search(people)

    def shown(kind: str, subjects: tuple[str, ...]) -> tuple[Shown, ...]:
        return tuple(Shown(who, draw(tmp_path / kind, f"{who}/{row}.png")) for row, who in enumerate(subjects))

    plan = IdentificationPlan(shown("gallery", people.gallery_subjects), shown("probes", people.probe_subjects))
    worst = worst_searches(plan, people, found, 3)
    strangers = np.flatnonzero(found.non_mated)
    top = strangers[np.argmax(found.best[strangers])]
    first = worst["stranger"][0]
    assert first.pictures[0].name == plan.probes[top].name and first.similarities[0] == pytest.approx(
        found.best[top], abs=1e-6
    )
    scores = np.where(people.gallery.found, people.gallery.rows @ people.probes.rows[top], -1)
    assert first.pictures[1].name == plan.gallery[int(np.argmax(scores))].name
    for error in worst["missed"]:
        probe, own, named = (picture.name.split("/")[0] for picture in error.pictures)
        assert probe == own != named and error.similarities[0] <= error.similarities[1]
    assert len(worst["stranger"]) == len(worst["missed"]) == len(worst["no_face"]) == 3
