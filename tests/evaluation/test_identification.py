"""1:N identification on made-up people: against a search written as loops, with every way to fail counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation import searches
from facerec.evaluation.embedding import Embedded
from facerec.evaluation.identification import evaluate_identification, measure_identification
from facerec.evaluation.plans import IdentificationPlan, Shown, folders_plan, list_subjects, one_shot_plan
from facerec.evaluation.searches import search
from facerec.metrics.identification import NEVER
from facerec.records import OperatingPoint
from tests.evaluation.conftest import MakePeople, read_embeddings
from tests.people import clusters

POINT = OperatingPoint(0.3, 1e-3, 10_000, 300, "ab" * 32, "elsewhere")


def crowd(seed: int, spread: float = 0.25) -> tuple[Embedded, list[str], Embedded, list[str]]:
    """30 people with 1 to 3 templates and 2 probes each, 20 strangers; some pictures without a face."""
    rng = np.random.default_rng(seed)
    rows, labels = clusters(rng, [*(rng.integers(3, 6, 30)), *([2] * 20)], spread)
    whose = np.array(labels)
    order = np.concatenate([np.flatnonzero(whose == name) for name in sorted(set(labels))])
    enrolled = sorted(set(labels))[:30]
    gallery = [row for row in order if whose[row] in enrolled and (whose[:row] == whose[row]).sum() >= 2]
    probes = [row for row in order if row not in set(gallery)]
    found = rng.random(len(rows)) > 0.1
    return (
        Embedded(rows[gallery], found[gallery]), [labels[row] for row in gallery],
        Embedded(rows[probes], found[probes]), [labels[row] for row in probes],
    )  # fmt: skip


@pytest.mark.parametrize("cells", [1, 500, 2**24])
def test_searches_agree_with_loops(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "CELLS", cells)
    gallery, owners, probes, shown = crowd(0)
    answer = search(gallery, owners, probes, shown)
    enrolled = {name for name, found in zip(owners, gallery.found, strict=True) if found}
    assert answer.gallery_size == len(enrolled)
    for row, name in enumerate(shown):
        best: dict[str, float] = {}
        for template, owner, found in zip(gallery.rows, owners, gallery.found, strict=True):
            if found:
                best[owner] = max(best.get(owner, -2), float(template @ probes.rows[row]))
        found = probes.found[row]
        assert answer.mated[row] == (name in owners)
        assert answer.non_mated[row] == (name not in owners and found)
        if not found:
            assert (answer.ranks[row], answer.own[row], answer.best[row]) == (NEVER, -np.inf, -np.inf)
            continue
        assert answer.best[row] == pytest.approx(max(best.values()), abs=1e-6)
        if name in enrolled:
            assert answer.own[row] == pytest.approx(best[name], abs=1e-6)
            assert answer.ranks[row] == 1 + sum(score > best[name] for score in best.values())
        else:
            assert answer.ranks[row] == NEVER


def test_rates_count_every_search_and_every_failure() -> None:
    gallery, owners, probes, shown = crowd(1)
    answer = search(gallery, owners, probes, shown)
    result = measure_identification(gallery, owners, probes, shown, rng=np.random.default_rng(0), points=[POINT])
    mated = np.array([name in owners for name in shown])
    assert result.templates + result.failures_to_enroll == len(owners)
    assert result.failures_to_acquire == (~probes.found).sum() > 0
    assert result.mated == mated.sum()  # failures stay in
    assert result.non_mated == (~mated & probes.found).sum()  # a search never made proves nothing
    [at] = result.points
    assert at.fnir is not None and at.fpir is not None and result.rank_1 is not None
    assert at.fpir.events == (answer.best[~mated] >= POINT.threshold).sum()
    assert at.fnir.events == ((answer.ranks[mated] > 1) | (answer.own[mated] < POINT.threshold)).sum()
    assert at.named_wrongly == ((answer.ranks[mated] > 1) & (answer.best[mated] >= POINT.threshold)).sum()
    assert at.expected_fpir == pytest.approx(1 - (1 - 1e-3) ** result.gallery_size)
    assert result.cmc[0] == result.rank_1.share
    assert result.rank_1.share in result.rank_1.interval


def test_fnir_at_fpir_lets_no_more_strangers_in_than_it_says() -> None:
    gallery, owners, probes, shown = crowd(2)
    answer = search(gallery, owners, probes, shown)
    result = measure_identification(
        gallery, owners, probes, shown, rng=np.random.default_rng(0), fpir_targets=(0.2, 0.01)
    )
    loose, strict = result.fnir_at_fpir
    for row in (loose, strict):
        assert (answer.best[answer.non_mated] >= row.threshold).mean() <= row.fpir
    assert loose.fnir.share <= strict.fnir.share
    assert loose.supported and not strict.supported  # some 36 searches show no 1 %


def test_a_closed_test_has_no_fpir_and_strangers_alone_have_no_rank() -> None:
    gallery, owners, probes, shown = crowd(3)
    mated = np.array([name in owners for name in shown])
    for keep, is_open in ((mated, False), (~mated, False)):
        part = Embedded(probes.rows[keep], probes.found[keep])
        names = [name for name, kept in zip(shown, keep, strict=True) if kept]
        result = measure_identification(gallery, owners, part, names, rng=np.random.default_rng(0), points=[POINT])
        answer = json.loads(json.dumps(result.as_dict()))
        assert (
            (answer["rank_1"] is None)
            == (answer["operating_points"][0]["fpir"] is not None)
            == (keep is not mated)
        )
        assert bool(answer["fnir_at_fpir"]) == is_open


def test_nobody_enrolled_is_refused() -> None:
    gallery, owners, probes, shown = crowd(4)
    with pytest.raises(InvalidInput, match="picture to enroll"):
        search(Embedded(gallery.rows, np.zeros(len(owners), bool)), owners, probes, shown)


def test_one_shot_plans_pick_everybody_once_and_never_the_same_picture_twice(
    tmp_path: Path, make_people: MakePeople
) -> None:
    people = list_subjects(make_people(tmp_path, [1] * 15 + [2] * 10 + [5] * 10))
    plan = one_shot_plan(people, 12, 18, np.random.default_rng(0))
    assert len(plan.gallery) == len(plan.subjects) == 12
    mated = [shown for shown in plan.probes if shown.subject in plan.subjects]
    strangers = [shown.subject for shown in plan.probes if shown.subject not in plan.subjects]
    assert len(mated) == 12 and len(set(strangers)) == len(strangers) == 18
    assert len({shown.picture for shown in plan.gallery + plan.probes}) == 42
    assert all(shown.picture.parent.name == shown.subject for shown in plan.gallery + plan.probes)
    assert one_shot_plan(people, 12, 18, np.random.default_rng(0)) == plan
    assert one_shot_plan(people, 12, 18, np.random.default_rng(1)) != plan


@pytest.mark.parametrize("enrolled, strangers", [(21, 1), (20, 16)])
def test_too_few_people_for_a_plan_are_refused(
    tmp_path: Path, make_people: MakePeople, enrolled: int, strangers: int
) -> None:
    people = list_subjects(make_people(tmp_path, [1] * 15 + [2] * 20))
    with pytest.raises(InvalidInput, match="20 with two pictures among 35"):
        one_shot_plan(people, enrolled, strangers, np.random.default_rng(0))


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


def test_plans_that_cannot_be_carried_out_are_refused(tmp_path: Path) -> None:
    one = Shown("ann", tmp_path / "a.jpg")
    with pytest.raises(InvalidInput, match="both enrolled and searched"):
        IdentificationPlan((one,), (one,))
    with pytest.raises(InvalidInput):
        IdentificationPlan((one,), ())
    with pytest.raises(MissingPart):
        list_subjects(tmp_path / "nowhere")
