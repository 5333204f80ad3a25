"""Error rates over a list of pairs, with pictures in which no face is found."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from facerec.errors import InvalidInput
from facerec.evaluation.comparisons import Comparisons
from facerec.evaluation.pairs import read_csv
from facerec.evaluation.verification import det_targets, evaluate_verification, measure
from facerec.metrics.verification import tar_at_fmr
from facerec.records import OperatingPoint
from tests.evaluation.conftest import MakePeople, read_embeddings

POINT = OperatingPoint(0.25, 1e-2, 10_000, 300, "ab" * 32, "elsewhere")


def comparisons(same: list[bool], scores: list[float], made: list[bool]) -> Comparisons:
    """Each pair of two pictures of its own, of two subjects or of one; where it was not made the second has no face."""
    first = np.arange(len(same)) * 2
    found = np.stack([np.ones(len(made), bool), np.array(made)], axis=1).ravel()
    shows = np.stack([first, first + ~np.array(same)], axis=1).ravel()
    subject = np.unique(shows, return_inverse=True)[1]
    return Comparisons(np.array(scores, np.float32), np.array(same), first, first + 1, found, subject)


def test_a_lost_genuine_pair_is_a_miss_and_a_lost_impostor_pair_no_evidence() -> None:
    pairs = comparisons([True, True, True, False, False, False], [0.9, 0.2, 0, 0.3, 0.1, 0],
                        [True, True, False, True, True, False])  # fmt: skip
    result = measure(pairs, rng=np.random.default_rng(0), points=[POINT])
    [at] = result.points
    assert (at.fnmr.events, at.fnmr.trials) == (2, 3)
    assert (at.fmr.events, at.fmr.trials) == (1, 2)
    assert result.auc == pytest.approx((2 + 1 + 0) / 6)
    answer = result.as_dict()
    assert answer["pairs_not_compared"] == 2
    assert (answer["fta"]["events"], answer["fta"]["trials"]) == (2, 12)
    assert at.far == pytest.approx(1 / 3)  # of three impostor pairs one could not be compared
    assert sum(answer["histograms"]["genuine"]) == 2 == sum(answer["histograms"]["impostor"])


def test_a_list_of_pairs_is_measured_end_to_end(tmp_path: Path, make_people: MakePeople) -> None:
    people = make_people(tmp_path, [2] * 60)
    pictures = sorted(people.rglob("*.jpg"))
    pictures[0].write_bytes(b"")  # no face
    names = [str(picture.relative_to(tmp_path)) for picture in pictures]
    lines = [f"{names[row]},{names[row + 1]},1" for row in range(0, 120, 2)]
    lines += [f"{names[row]},{names[(row + step) % 120]},0" for row in range(0, 120, 2) for step in (2, 5, 9, 14, 20)]
    (tmp_path / "pairs.csv").write_text("a,b,same\n" + "\n".join(lines))
    pairs = read_csv(tmp_path / "pairs.csv")
    result = evaluate_verification(tmp_path, pairs, read_embeddings, rng=np.random.default_rng(1), points=[POINT])
    answer = json.loads(json.dumps(result.as_dict()))
    assert (answer["pairs"], answer["genuine"], answer["impostors"]) == (360, 60, 300)
    assert (answer["pictures"], answer["failures_to_detect"], answer["subjects"]) == (120, 1, 60)
    rows = {
        name: np.frombuffer(picture.read_bytes(), np.float32) for name, picture in zip(names, pictures, strict=True)
    }
    rows[names[0]] = np.zeros(128, np.float32)
    scores = np.array([rows[a] @ rows[b] for a, b in zip(pairs.first, pairs.second, strict=True)])
    lost = np.array([names[0] in pair for pair in zip(pairs.first, pairs.second, strict=True)])
    scores[lost] = -2
    keep = ~lost | pairs.same
    assert answer["auc"] == pytest.approx(roc_auc_score(pairs.same[keep], scores[keep]), abs=1e-6)
    assert answer["operating_points"][0]["fnmr"]["events"] == (scores[pairs.same] < POINT.threshold).sum()
    assert answer["operating_points"][0]["fmr"]["events"] == (scores[~pairs.same] >= POINT.threshold).sum()
    supported = {row["fmr"]: row["supported"] for row in answer["tar_at_fmr"]}
    assert supported == {1e-2: False, 1e-3: False}  # 294 or so impostor comparisons cannot show either


def test_tar_and_its_interval_and_the_roc_fit_together() -> None:
    rng = np.random.default_rng(2)
    same = np.repeat([True, False], [200, 400])
    pairs = comparisons(same.tolist(), rng.normal(same * 0.6, 0.2).tolist(), [True] * 600)
    result = measure(pairs, rng=rng)
    first, second = result.tars
    assert first.supported and not second.supported
    assert second.tar <= first.tar
    for tar in result.tars:
        assert tar.tar in tar.interval
    fmrs, tars = np.array(result.roc).T
    assert (np.diff(fmrs) >= 0).all() and (np.diff(tars) >= 0).all()
    assert (fmrs[-1], tars[-1]) == (1, 1)
    assert fmrs[0] <= 1 / 400
    assert [row.fmr for row in result.det] == [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    assert [row.supported for row in result.det] == [False] + [True] * 6  # 3 / 400 lies between the first two
    assert result.det[1].as_dict() == first.as_dict()
    for row in result.det:
        assert row.tar == tar_at_fmr(result.comparisons.genuine, result.comparisons.impostor, row.fmr,
                                     even_unsupported=True)  # fmt: skip


@pytest.mark.parametrize("impostors, lowest", [(10, 0.1), (99, 0.02), (100, 0.01), (4_000_000, 5e-7)])
def test_a_det_curve_begins_where_one_error_is_allowed(impostors: int, lowest: float) -> None:
    assert det_targets(impostors)[0] == lowest and det_targets(impostors)[-1] == 0.5


def test_the_same_seed_gives_the_same_answer() -> None:
    pairs = comparisons([True, True, False, False], [0.9, 0.2, 0.3, 0.1], [True] * 4)
    one, other = (measure(pairs, rng=np.random.default_rng(3)).as_dict() for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    "same, made",
    [
        ([True, True], [True, True]),  # nobody to take for somebody else
        ([False, False], [True, True]),
        ([True, False], [True, False]),  # no impostor comparison was made
    ],
)
def test_one_kind_of_pairs_alone_is_refused(same: list[bool], made: list[bool]) -> None:
    with pytest.raises(InvalidInput):
        comparisons(same, [0.5, 0.4], made)
