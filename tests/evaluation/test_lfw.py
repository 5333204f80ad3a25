"""LFW's protocol on made-up people laid out as LFW is."""

import json
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.lfw import evaluate_lfw, evaluate_lfw_identification
from facerec.evaluation.pairs import read_pairs
from facerec.records import OperatingPoint
from tests.evaluation.conftest import MakePeople, read_embeddings

POINT = OperatingPoint(0.25, 1e-2, 10_000, 300, "ab" * 32, "elsewhere")
FOLDS, EACH, PEOPLE = 5, 20, 60


@pytest.fixture
def lfw(tmp_path: Path, make_people: MakePeople) -> Path:
    """60 people with 3 pictures each under `lfw/`, and 5 folds of 2 x 20 pairs."""
    make_people(tmp_path / "lfw", [3] * PEOPLE, spread=0.04)
    rng = np.random.default_rng(1)
    lines = [f"{FOLDS}\t{EACH}"]
    for _ in range(FOLDS):
        for who in rng.choice(PEOPLE, EACH, replace=False):
            lines.append(f"subject-{who:04d}\t" + "\t".join(map(str, rng.choice(3, 2, replace=False) + 1)))
        for _ in range(EACH):
            a, b = rng.choice(PEOPLE, 2, replace=False)
            lines.append(f"subject-{a:04d}\t{rng.integers(1, 4)}\tsubject-{b:04d}\t{rng.integers(1, 4)}")
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_people_one_can_tell_apart_score_full_marks(lfw: Path) -> None:
    told: list[tuple[int, int]] = []
    result = evaluate_lfw(
        lfw, read_embeddings, rng=np.random.default_rng(0), points=[POINT],
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    answer = json.loads(json.dumps(result.as_dict()))
    assert (answer["accuracy"], answer["std"], answer["pairs"], answer["failures_to_detect"]) == (1.0, 0.0, 200, 0)
    assert len(answer["fold_thresholds"]) == answer["folds"] == FOLDS
    assert answer["accuracy_interval"][0] == pytest.approx(0.98, abs=0.01) and answer["accuracy_interval"][1] == 1
    assert told[-1] == (answer["pictures"], answer["pictures"])


def test_every_pair_of_a_picture_without_a_face_is_an_error(lfw: Path) -> None:
    pairs = read_pairs(lfw / "pairs.txt")
    lost = pairs.second[0]
    (lfw / "lfw" / lost).write_bytes(b"")
    touched = sum(lost in pair for pair in zip(pairs.first, pairs.second, strict=True))
    answer = evaluate_lfw(lfw, read_embeddings, rng=np.random.default_rng(0)).as_dict()
    assert answer["failures_to_detect"] == 1
    assert answer["pairs_not_compared"] == touched >= 1
    assert answer["accuracy"] == pytest.approx(1 - touched / 200)


@pytest.mark.parametrize("layout", ["beside", "tar", "tgz"])
def test_pictures_may_lie_beside_the_pairs_or_in_an_archive(lfw: Path, layout: str) -> None:
    before = evaluate_lfw(lfw, read_embeddings, rng=np.random.default_rng(0)).as_dict()
    if layout == "beside":
        for person in list((lfw / "lfw").iterdir()):
            person.rename(lfw / person.name)
        (lfw / "lfw").rmdir()
    else:
        with tarfile.open(lfw / f"pictures.{layout}", "w:gz" if layout == "tgz" else "w") as tar:
            tar.add(lfw / "lfw", "anything/lfw")
        (lfw / "lfw").rename(lfw.parent / f"{lfw.name}-moved")
    assert evaluate_lfw(lfw, read_embeddings, rng=np.random.default_rng(0)).as_dict() == before


def test_an_archive_cannot_write_outside(lfw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wanted member reached by a path that climbs lands in the temporary folder, which is gone afterwards."""
    wanted = read_pairs(lfw / "pairs.txt").first[0]
    bait = lfw / "bait"
    bait.write_bytes(b"")
    with tarfile.open(lfw / "pictures.tar", "w") as tar:
        tar.add(bait, f"../../{wanted}")
    (lfw / "lfw").rename(lfw / "away")
    (lfw / "deep" / "er").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(lfw / "deep" / "er"))
    before = sorted(lfw.rglob("*"))
    with pytest.raises(MissingPart):  # all other pictures
        evaluate_lfw(lfw, read_embeddings, rng=np.random.default_rng(0))
    assert sorted(lfw.rglob("*")) == before


def test_what_is_missing_is_named(lfw: Path) -> None:
    pairs = read_pairs(lfw / "pairs.txt")
    (lfw / "lfw" / pairs.pictures[-1]).unlink()
    with pytest.raises(MissingPart, match="1 of "):
        evaluate_lfw(lfw, read_embeddings, rng=np.random.default_rng(0))
    with pytest.raises(MissingPart, match="pairs file"):
        evaluate_lfw(lfw / "lfw", read_embeddings, rng=np.random.default_rng(0))
    empty = lfw / "empty"
    empty.mkdir()
    with pytest.raises(MissingPart, match="an archive"):
        evaluate_lfw(empty, read_embeddings, rng=np.random.default_rng(0), pairs_file=lfw / "pairs.txt")
    (empty / "broken.tar").write_bytes(b"no archive")
    with pytest.raises(InvalidInput, match="unpacked"):
        evaluate_lfw(empty, read_embeddings, rng=np.random.default_rng(0), pairs_file=lfw / "pairs.txt")


def test_one_shot_identification_asks_only_for_pictures_of_the_pairs(lfw: Path) -> None:
    pairs = read_pairs(lfw / "pairs.txt")
    for picture in (lfw / "lfw").rglob("*.jpg"):
        if str(picture.relative_to(lfw / "lfw")) not in pairs.pictures:
            picture.unlink()
    one, other = (
        evaluate_lfw_identification(
            lfw, read_embeddings, rng=np.random.default_rng(5), enrolled=30, strangers=20, points=[POINT]
        )
        for _ in range(2)
    )
    assert one.as_dict() == other.as_dict()
    assert (one.gallery_size, one.mated, one.non_mated) == (30, 30, 20)
    assert one.rank_1 is not None and one.rank_1.share == 1.0
