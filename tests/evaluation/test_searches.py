"""Searching a gallery in blocks, against loops over one probe and one template at a time."""

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.evaluation import searches
from facerec.evaluation.embedding import Embedded
from facerec.evaluation.searches import GalleryAndProbes, search
from facerec.metrics.identification import NEVER
from tests.evaluation.conftest import crowd


def best_by_loops(people: GalleryAndProbes, probe: np.ndarray) -> dict[str, float]:
    """Everybody enrolled, and the similarity of their best template to the probe."""
    best: dict[str, float] = {}
    rows = zip(people.gallery.rows, people.gallery_subjects, people.gallery.found, strict=True)
    for template, name, found in rows:
        if found:
            best[name] = max(best.get(name, -2), float(template @ probe))
    return best


@pytest.mark.parametrize("cells", [1, 500, 2**24])
def test_searches_agree_with_loops(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "CELLS", cells)
    people = crowd(0)
    answer = search(people)
    for row, name in enumerate(people.probe_subjects):
        best = best_by_loops(people, people.probes.rows[row])
        assert answer.gallery_size == len(best)
        assert answer.mated[row] == (name in people.gallery_subjects)
        assert answer.non_mated[row] == (not answer.mated[row] and people.probes.found[row])
        if not people.probes.found[row]:
            assert (answer.ranks[row], answer.own[row], answer.best[row]) == (NEVER, -np.inf, -np.inf)
            continue
        assert answer.best[row] == pytest.approx(max(best.values()), abs=1e-6)
        if name in best:
            assert answer.own[row] == pytest.approx(best[name], abs=1e-6)
            assert answer.ranks[row] == 1 + sum(score > best[name] for score in best.values())
        else:
            assert answer.ranks[row] == NEVER


def test_a_subject_whose_every_picture_failed_stays_in_the_count() -> None:
    people = crowd(1)
    lost = np.array([name == "subject-0003" for name in people.gallery_subjects])
    gallery = Embedded(people.gallery.rows, people.gallery.found & ~lost)
    answer = search(GalleryAndProbes(gallery, people.gallery_subjects, people.probes, people.probe_subjects))
    theirs = np.array([name == "subject-0003" for name in people.probe_subjects])
    assert theirs.any() and answer.mated[theirs].all()
    assert (answer.ranks[theirs] == NEVER).all()


def test_a_smaller_gallery_keeps_all_probes() -> None:
    people = crowd(2)
    part = people.enrolling(["subject-0001", "subject-0004"])
    assert set(part.gallery_subjects) == {"subject-0001", "subject-0004"}
    answer, whole = search(part), search(people)
    assert answer.gallery_size == 2
    assert len(answer.ranks) == len(whole.ranks)
    assert (answer.best <= whole.best + 1e-6).all()


def test_nobody_enrolled_is_refused() -> None:
    people = crowd(3)
    nobody = Embedded(people.gallery.rows, np.zeros_like(people.gallery.found))
    with pytest.raises(InvalidInput, match="picture to enroll"):
        search(GalleryAndProbes(nobody, people.gallery_subjects, people.probes, people.probe_subjects))
