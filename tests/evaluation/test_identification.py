"""1:N identification on made-up people: with every way to fail counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from facerec.evaluation.embedding import Embedded
from facerec.evaluation.identification import (
    evaluate_gallery_sizes,
    evaluate_identification,
    measure_identification,
)
from facerec.evaluation.plans import folders_plan, list_subjects, one_shot_plan
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


def test_a_larger_gallery_names_more_strangers(tmp_path: Path, make_people: MakePeople) -> None:
    people = list_subjects(make_people(tmp_path, [2] * 200, spread=0.08))
    plan = one_shot_plan(people, 150, 50, np.random.default_rng(0))
    low = OperatingPoint(0.2, 1e-2, 10_000, 300, "ab" * 32, "elsewhere")
    sizes = evaluate_gallery_sizes(
        plan, read_embeddings, (10, 50, 150, 1000), rng=np.random.default_rng(1), points=[low]
    )
    assert [result.gallery_size for result in sizes] == [10, 50, 150]
    assert [result.mated for result in sizes] == [10, 50, 150]
    assert [result.non_mated for result in sizes] == [190, 150, 50]
    shares = [result.points[0].fpir.share for result in sizes if result.points[0].fpir is not None]
    assert shares == sorted(shares) and shares[0] < shares[2]
    assert [result.points[0].expected_fpir for result in sizes] == pytest.approx(
        [1 - 0.99**size for size in (10, 50, 150)]
    )


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
