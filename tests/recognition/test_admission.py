"""Faces that had better not be enrolled: too poor, somebody else's by their looks, or not the subject's."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facerec import Recognizer
from facerec.errors import LowQuality
from facerec.faces.gate import Gate
from facerec.faces.pipeline import FacePipeline
from facerec.gallery import open_gallery
from facerec.gallery.connect import connect_file
from facerec.gallery.results import Calibration
from facerec.recognition.admission import Admission
from facerec.recognition.enrollment import BY_OTHERS
from facerec.records import Faces, Quality, Template, unit
from tests import fakes
from tests.fakes import ANNA, BERT, CARL, picture

DORA, EMIL = (200, 200, 40), (40, 200, 200)
QUALITY = {"score": 1.0, "eye_distance": 40.0, "sharpness": 100.0, "yaw": 0.0, "pitch": 0.0, "roll": 0.0}


def recognizer(tmp_path: Path, alike: dict | None = None, pipeline: FacePipeline | None = None) -> Recognizer:
    parts = pipeline or fakes.pipeline(fakes.Embed(alike=alike))
    return Recognizer(parts, fakes.points(), open_gallery(tmp_path / "g.db"), "only", "fake")


def outcomes(enrollments: object) -> list[str]:
    return [one.outcome for one in enrollments]


def test_a_new_name_for_a_known_face_is_a_conflict_that_names_the_other(tmp_path: Path) -> None:
    known = recognizer(tmp_path, {DORA: (ANNA, 0.7)})
    assert outcomes(known.enroll("Anna", [picture(ANNA)])) == ["enrolled"]
    (one,) = known.enroll("Dora", [picture(DORA)])
    assert one.outcome == "conflict" and "looks like Anna" in one.reason and "--force" in one.reason
    assert [subject.name for subject in known.gallery.subjects()] == ["Anna"]
    assert outcomes(known.enroll("Dora", [picture(DORA)], force=True)) == ["enrolled"]


def test_a_conflict_is_found_within_one_batch_too(tmp_path: Path) -> None:
    known = recognizer(tmp_path, {DORA: (ANNA, 0.7)})
    samples = [("Anna", picture(ANNA)), ("Bert", picture(BERT)), ("Dora", picture(DORA))]
    assert outcomes(known.enroll_all(samples)) == ["enrolled", "enrolled", "conflict"]


def test_what_is_most_like_its_own_subject_is_no_conflict(tmp_path: Path) -> None:
    known = recognizer(tmp_path, {DORA: (ANNA, 0.7), EMIL: (DORA, 0.9)})
    list(known.enroll("Anna", [picture(ANNA)]))
    list(known.enroll("Dora", [picture(DORA)], force=True))
    assert outcomes(known.enroll("Dora", [picture(EMIL)])) == ["enrolled"]


def test_the_threshold_of_a_conflict_is_that_of_a_search_among_those_enrolled(tmp_path: Path) -> None:
    """FMR 0.01 is enough for one enrolled subject, 1e-3 for ten: thresholds 0.4 and 0.5."""
    known = recognizer(tmp_path, {DORA: (ANNA, 0.45)})
    list(known.enroll("Anna", [picture(ANNA)]))
    assert outcomes(known.enroll("Dora", [picture(DORA)])) == ["conflict"]
    list(known.enroll_all([(f"other {n}", picture((9 * n, 255 - 9 * n, 50))) for n in range(2, 12)]))
    assert outcomes(known.enroll("Dora", [picture(DORA)])) == ["enrolled"]


def test_a_conflict_follows_what_the_gallery_was_calibrated_for(tmp_path: Path) -> None:
    known = recognizer(tmp_path, {DORA: (ANNA, 0.45)})
    list(known.enroll("Anna", [picture(ANNA)]))
    known.gallery.save_calibration(fakes.ENCODER, Calibration(1e-4, fakes.points()))
    assert outcomes(known.enroll("Dora", [picture(DORA)])) == ["enrolled"]


def test_a_face_unlike_the_subjects_others_needs_force(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    list(known.enroll("Anna", [picture(ANNA)]))
    (one,) = known.enroll("Anna", [picture(CARL)])
    assert one.outcome == "unlike_others" and "not like the other pictures of Anna" in one.reason
    assert outcomes(known.enroll("Anna", [picture(CARL)], force=True)) == ["enrolled"]


def test_a_name_that_is_typed_in_another_way_is_the_same_subject(tmp_path: Path) -> None:
    """A folder's name as some systems keep it, the two dots apart from the letter, and as the gallery does."""
    known, apart, joined = recognizer(tmp_path, {DORA: (ANNA, 0.7)}), "Zoe\u0308", "Zo\u00eb"
    assert outcomes(known.enroll(apart, [picture(ANNA), picture(CARL), picture(DORA)])) == [
        "enrolled", "unlike_others", "enrolled",
    ]  # fmt: skip
    assert outcomes(known.enroll(joined, [picture(BERT)])) == ["unlike_others"]
    assert outcomes(known.enroll(apart, [picture(EMIL)])) == ["unlike_others"]
    assert [subject.name for subject in known.gallery.subjects()] == [joined]


def test_the_first_picture_of_a_subject_is_like_nothing_and_may_be(tmp_path: Path) -> None:
    assert outcomes(recognizer(tmp_path).enroll("Anna", [picture(ANNA), picture(CARL)])) == [
        "enrolled",
        "unlike_others",
    ]


def test_a_conflict_is_looked_at_again_once_the_other_is_gone(tmp_path: Path) -> None:
    known = recognizer(tmp_path, {DORA: (ANNA, 0.7)})
    list(known.enroll("Anna", [picture(ANNA)]))
    assert outcomes(known.enroll("Dora", [picture(DORA)])) == ["conflict"]
    known.gallery.remove("Anna")
    assert outcomes(known.enroll("Dora", [picture(DORA)])) == ["enrolled"]


def blurred(faces: Faces, crops: np.ndarray) -> Quality:
    return replace(fakes.judge(faces, crops), sharpness=np.full(len(faces), 2, np.float32))


def test_a_blurred_face_is_refused_remembered_and_forced(tmp_path: Path) -> None:
    embed = fakes.Embed()
    known = recognizer(tmp_path, pipeline=FacePipeline(fakes.look, fakes.cut, blurred, embed))
    (one,) = known.enroll("Anna", [picture(ANNA)])
    assert one.outcome == "low_quality" and "sharpness is 2.0, 5 is needed" in one.reason
    seen = embed.seen
    (again,) = known.enroll("Anna", [picture(ANNA)])
    assert again.outcome == "low_quality" and embed.seen == seen
    assert outcomes(known.enroll("Anna", [picture(ANNA)], force=True)) == ["enrolled"]


@pytest.mark.parametrize(
    "change, said", [({"eye_distance": 8.9}, "too small"), ({"sharpness": 4.9}, "too blurred")]
)  # fmt: skip
def test_the_gate_says_what_is_missing(change: dict[str, float], said: str) -> None:
    Gate().require("a.jpg", QUALITY | {"eye_distance": 9.0, "sharpness": 5.0})
    with pytest.raises(LowQuality, match=said):
        Gate().require("a.jpg", QUALITY | change)


def test_a_damaged_gallery_and_one_of_another_encoder_refuse_nobody(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    list(known.enroll("Anna", [picture(ANNA)]))
    with closing(connect_file(tmp_path / "g.db")) as connection:
        connection.execute("UPDATE template SET embedding = zeroblob(512)")
    assert outcomes(known.enroll("Anna", [picture(ANNA)])) == ["already_enrolled"]
    assert outcomes(known.enroll("Bert", [picture(BERT)])) == ["enrolled"]
    other = Recognizer(fakes.pipeline(), fakes.points(encoder="f" * 64), known.gallery, "only", "fake")
    assert outcomes(other.enroll("Carl", [picture(CARL)])) == ["enrolled"]


@pytest.mark.parametrize("seed", range(4))
def test_verdicts_do_not_depend_on_how_faces_are_divided_into_batches(tmp_path: Path, seed: int) -> None:
    """Twelve people, a sixth of the labels wrong: who joins in a batch counts as if enrolled before."""
    rng = np.random.default_rng(seed)
    people = unit(rng.standard_normal((12, 128)))
    who = rng.integers(0, 12, 80)
    said = np.where(rng.random(80) < 1 / 6, rng.integers(0, 12, 80), who)
    rows = unit(people[who] + 0.08 * rng.standard_normal((80, 128)))
    templates = [
        Template(f"person {name}", f"{n}.jpg", f"{n:064x}", (0.0, 0.0, 9.0, 9.0), {}, fakes.ENCODER, row)
        for n, (name, row) in enumerate(zip(said.tolist(), rows, strict=True))
    ]
    outcomes = []
    for size in (1, 7, 32, 80):
        gallery = open_gallery(tmp_path / f"{size}.db")
        admission, verdicts = Admission(gallery, fakes.ENCODER, fakes.points()), []
        for start in range(0, 80, size):
            part = templates[start : start + size]
            found = admission.judge(part)
            gallery.enroll([one for one, verdict in zip(part, found, strict=True) if verdict is None])
            verdicts += [verdict and verdict.code for verdict in found]
        outcomes.append(verdicts)
    assert outcomes[0] == outcomes[1] == outcomes[2] == outcomes[3]
    assert {"conflict", "unlike_others", None} <= set(outcomes[0])


def test_a_conflict_is_remembered_by_a_folder_s_runs_until_told_to_look_again(tmp_path: Path) -> None:
    known = recognizer(tmp_path, {DORA: (ANNA, 0.7)})
    assert outcomes(known.enroll_all([("Anna", picture(ANNA)), ("Dora", picture(DORA))])) == ["enrolled", "conflict"]
    known.gallery.remove("Anna")
    (again,) = known.enroll_all([("Dora", picture(DORA))])
    assert again.outcome == "conflict" and "--look-again" in again.reason
    assert outcomes(known.enroll_all([("Dora", picture(DORA))], look_again=BY_OTHERS)) == ["enrolled"]
    known.gallery.remove("Dora")  # and with her what was refused in her name
    assert outcomes(known.enroll_all([("Dora", picture(DORA))])) == ["enrolled"]
