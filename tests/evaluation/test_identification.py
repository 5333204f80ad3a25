"""1:N identification on made-up people: with every way to fail counted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.evaluation.embedding import Embedded
from facerec.evaluation.identification import evaluate_identification, point_for
from facerec.evaluation.plans import folders_plan
from facerec.evaluation.search_errors import measure_identification
from facerec.evaluation.searches import GalleryAndProbes, search
from facerec.records import OperatingPoint
from tests.evaluation.conftest import MakePeople, crowd, read_embeddings

POINT = OperatingPoint(0.3, 1e-3, 10_000, 300, "ab" * 32, "elsewhere")


def probes_of(people: GalleryAndProbes, keep: np.ndarray) -> GalleryAndProbes:
    names = tuple(name for name, kept in zip(people.probe_subjects, keep, strict=True) if kept)
    probes = Embedded(people.probes.rows[keep], people.probes.found[keep])
    return GalleryAndProbes(people.gallery, people.gallery_subjects, probes, names)


def test_rates_count_every_search_and_every_failure() -> None:
    people = crowd(1)
    answer = search(people)
    result = measure_identification(people, rng=np.random.default_rng(0), points=[POINT])
    mated = np.isin(people.probe_subjects, people.gallery_subjects)
    assert result.templates + result.failures_to_enroll == len(people.gallery_subjects)
    assert result.failures_to_acquire == (~people.probes.found).sum() > 0
    assert result.mated == mated.sum()  # failures stay in
    assert result.non_mated == (~mated & people.probes.found).sum()  # a search never made proves nothing
    [at] = result.points
    assert at.fnir is not None and at.fpir is not None and result.rank_1 is not None
    assert at.fpir.events == (answer.best[~mated] >= POINT.threshold).sum() > 0
    assert at.fnir.events == ((answer.ranks[mated] > 1) | (answer.own[mated] < POINT.threshold)).sum() > 0
    assert at.named_wrongly == ((answer.ranks[mated] > 1) & (answer.best[mated] >= POINT.threshold)).sum()
    assert at.expected_fpir == pytest.approx(1 - (1 - 1e-3) ** result.gallery_size)
    assert result.cmc[0] == result.rank_1.share
    assert result.rank_1.share in result.rank_1.interval


def test_fnir_at_fpir_lets_no_more_strangers_in_than_it_says() -> None:
    people = crowd(2)
    answer = search(people)
    result = measure_identification(people, rng=np.random.default_rng(0), fpir_targets=(0.2, 0.01))
    loose, strict = result.fnir_at_fpir
    for row in (loose, strict):
        assert (answer.best[answer.non_mated] >= row.threshold).mean() <= row.fpir
    assert loose.fnir.share <= strict.fnir.share
    assert loose.supported and not strict.supported  # some 36 searches show no 1 %


def test_a_closed_test_has_no_fpir() -> None:
    people = crowd(3)
    closed = probes_of(people, np.isin(people.probe_subjects, people.gallery_subjects))
    result = measure_identification(closed, rng=np.random.default_rng(0), points=[POINT])
    answer = json.loads(json.dumps(result.as_dict()))
    assert answer["operating_points"][0]["fpir"] is None and answer["fnir_at_fpir"] == []
    assert answer["rank_1"]["trials"] == answer["mated_searches"] > 0


def test_strangers_alone_have_no_rank() -> None:
    people = crowd(3)
    strangers = probes_of(people, ~np.isin(people.probe_subjects, people.gallery_subjects))
    result = measure_identification(strangers, rng=np.random.default_rng(0), points=[POINT])
    answer = json.loads(json.dumps(result.as_dict()))
    assert answer["rank_1"] is None and answer["cmc"] == []
    assert answer["operating_points"][0]["fpir"]["trials"] == answer["non_mated_searches"] > 0


def test_failures_are_shares_of_what_was_tried() -> None:
    people = crowd(4)
    answer = measure_identification(people, rng=np.random.default_rng(0)).as_dict()
    assert answer["fte"]["events"] == answer["failures_to_enroll"] == people.gallery.failures > 0
    assert answer["fta"]["trials"] == len(people.probe_subjects)
    able = {name for name, found in zip(people.gallery_subjects, people.gallery.found, strict=True) if found}
    assert answer["subjects_not_enrolled"] == len(set(people.gallery_subjects) - able)


def test_groups_are_judged_at_the_threshold_that_suits_the_gallery() -> None:
    loose, middle, strict = (replace(POINT, fmr=fmr) for fmr in (1e-2, 1e-4, 1e-6))
    assert point_for([loose, middle, strict], 50) == middle  # 1 - (1 - 1e-4)^50 = 0.5 %
    assert point_for([loose, middle, strict], 10**6) == strict  # not strict enough, and the strictest there is
    with pytest.raises(InvalidInput, match="this encoder has none"):
        point_for([], 50)


def test_two_folders_are_measured_end_to_end(tmp_path: Path, make_people: MakePeople) -> None:
    make_people(tmp_path / "gallery", [3] * 20)
    make_people(tmp_path / "probes", [3] * 30)
    for person in (tmp_path / "gallery").iterdir():
        sorted(person.iterdir())[0].unlink()
        (person / "notes.txt").write_text("no picture")
    for person in (tmp_path / "probes").iterdir():
        for picture in sorted(person.iterdir())[1:]:
            picture.unlink()
    plan = folders_plan(tmp_path / "gallery", tmp_path / "probes")
    result = evaluate_identification(plan, read_embeddings, rng=np.random.default_rng(0), points=[POINT])
    assert (result.gallery_size, result.templates, result.mated, result.non_mated) == (20, 40, 20, 10)
