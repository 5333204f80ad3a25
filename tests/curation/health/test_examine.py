"""What is found in galleries with planted faults, and that nothing is found in one without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facerec.curation.health.case import Enrolled
from facerec.curation.health.findings import Shell, SubjectFace
from facerec.curation.health.report import examine
from facerec.gallery.fusion import fuse
from tests.curation.health.galleries import THRESHOLDS, enrolled, face, found, point


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found(enrolled("AAABBBCCD")) == []


def test_an_empty_gallery_and_one_picture_are_healthy() -> None:
    assert found(enrolled("A")) == []
    nobody = Enrolled(np.zeros((0, 128), np.float32), np.zeros(0, np.int64), {}, ())
    assert found(nobody) == []


@pytest.mark.parametrize("said, small", [("AAAbBBB", "b"), ("aAAAABB", "a"), ("AAaaaBB", "A")])
def test_one_person_under_two_names(said: str, small: str) -> None:
    gallery = enrolled("AAAAABB" if small != "b" else "AAABBBB", said)
    (finding,) = examine(gallery, THRESHOLDS, Shell())
    assert finding.kind == "duplicate" and finding.subjects == (small, small.swapcase())
    assert finding.commands == (f"facerec gallery merge {small} {small.swapcase()}",)
    assert finding.similarity is not None and finding.similarity >= 0.6


def test_two_names_are_compared_as_a_search_compares_them() -> None:
    gallery = enrolled("AAAAA", "AAaaa")
    (finding,) = examine(gallery, THRESHOLDS, Shell())
    assert finding.similarity == pytest.approx(fuse(gallery.rows[:2]) @ fuse(gallery.rows[2:]), abs=1e-6)


def test_a_picture_under_the_wrong_name() -> None:
    assert found(enrolled("AAABBBC", "AAAABBC")) == [("mislabelled", ("A", "B"), [3])]


def test_two_pictures_of_one_other_person_are_one_finding() -> None:
    gallery = enrolled("AAAABBBBB", "AAAAAABBB")
    (finding,) = examine(gallery, THRESHOLDS, Shell())
    assert [one.face.id for one in finding.faces] == [4, 5]
    assert [one.face.id for one in finding.others] == [6, 7, 8]
    assert finding.commands == (
        "facerec gallery move-face 4 B", "facerec gallery move-face 5 B", "facerec gallery remove-face 4",
        "facerec gallery remove-face 5",
    )  # fmt: skip


def test_a_picture_that_is_like_nobody() -> None:
    assert found(enrolled("AAAXBB", "AAAABB")) == [("outlier", ("A",), [3])]


def test_of_two_that_differ_nobody_can_say_which_is_wrong() -> None:
    outliers = examine(enrolled("AXBB", "AABB"), THRESHOLDS, Shell())
    assert [one.kind for one in outliers] == ["outlier", "outlier"]
    assert "which of them are right cannot be told" in outliers[0].reason


def test_of_two_that_differ_the_one_that_another_subject_has_is_the_wrong_one() -> None:
    assert ("mislabelled", ("A", "B"), [1]) in found(enrolled("ABBB", "AABB"))


def test_a_picture_less_like_the_core_than_usual_is_no_outlier_above_the_lower_threshold() -> None:
    gallery = enrolled("AAAABB", spread=0.08)
    lenient = replace(THRESHOLDS, doubt=point(0.99), same=point(0.995))
    assert found(gallery, lenient) == []
    assert {kind for kind, _, _ in found(gallery, replace(lenient, apart=point(0.99)))} == {"outlier"}


def test_a_picture_of_low_quality_says_what_is_wrong() -> None:
    gallery = enrolled("AABB")
    faces = [*gallery.faces[:3], SubjectFace("B", face(3, sharpness=12, eye_distance=40))]
    (finding,) = examine(replace(gallery, faces=tuple(faces)), THRESHOLDS, Shell())
    assert (finding.kind, finding.reason) == ("low_quality", "face 3 of B: sharpness 12, below 50")
    assert finding.commands == ("facerec gallery remove-face 3",)


def test_one_picture_under_two_names_is_said_once() -> None:
    gallery = enrolled("AAABB", "AABBB")
    rows = gallery.rows.copy()
    rows[2] = rows[0]
    faces = list(gallery.faces)
    faces[2] = SubjectFace("B", face(2, picture=0))
    kinds = [one.kind for one in examine(replace(gallery, rows=rows, faces=tuple(faces)), THRESHOLDS, Shell())]
    assert kinds[0] == "same_picture" and kinds.count("same_picture") == 1 and "look_alike" not in kinds


def test_look_alikes_are_those_whom_a_search_confuses_and_who_are_not_one_person() -> None:
    gallery = enrolled("AAABBB")
    rows = gallery.rows.copy()
    rows[5] = rows[5] * 0.4 + rows[0] * 0.9  # Bert's third picture is like Anna's first
    rows[5] /= np.linalg.norm(rows[5])
    alike = float(rows[0] @ rows[5])
    looser = replace(THRESHOLDS, doubt=point(0.1), apart=point(0.0), same=point(alike - 1e-5))
    assert found(replace(gallery, rows=rows), looser) == [("look_alike", ("A", "B"), [0])]
    assert found(replace(gallery, rows=rows), replace(looser, same=point(alike + 1e-4))) == []


def test_findings_come_by_kind_and_the_most_alike_first() -> None:
    kinds = found(enrolled("AAAAABBBCCCDDDX", "AAaaaBBBCCCDDBD"))
    assert [kind for kind, _, _ in kinds] == ["duplicate", "mislabelled", "outlier"]


@pytest.mark.parametrize("name, quoted", [("Ann O'Neill", "'Ann O'\"'\"'Neill'"), ("$(rm x)", "'$(rm x)'")])
def test_a_name_is_only_a_name_to_the_shell(name: str, quoted: str) -> None:
    assert Shell().show(name) == f"facerec gallery show {quoted}"
    assert Shell(("--gallery", "a b.db")).show("-v") == "facerec gallery show --gallery 'a b.db' -- -v"
