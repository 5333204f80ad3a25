"""Who is enrolled and who is searched for."""

from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.plans import IdentificationPlan, Shown, list_subjects, one_shot_plan
from tests.evaluation.conftest import MakePeople


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


def test_plans_that_cannot_be_carried_out_are_refused(tmp_path: Path) -> None:
    one = Shown("ann", tmp_path / "a.jpg")
    with pytest.raises(InvalidInput, match="both enrolled and searched"):
        IdentificationPlan((one,), (one,))
    with pytest.raises(InvalidInput):
        IdentificationPlan((one,), ())
    with pytest.raises(MissingPart):
        list_subjects(tmp_path / "nowhere")
