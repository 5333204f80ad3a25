"""`facerec evaluate` as a shell runs it, over made-up people whose pictures hold their embedding; and once for real."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.digest import sha256
from facerec.evaluation.chain import CentreFace
from facerec.records import DIM, Float32
from tests.cli.conftest import Photos, Ran
from tests.people import clusters

Facerec = Callable[..., Ran]


class FakeChain:
    """A picture is one row of grey pixels that hold an embedding in 8 bits each; a narrow one shows no face."""

    encoder = "ab" * 32

    def __call__(self, pictures: Sequence[Path], /) -> tuple[Float32, np.ndarray]:
        pixels = [images.load(picture)[0, :, 0].astype(np.float32) / 127.5 - 1 for picture in pictures]
        found = np.array([len(row) == DIM for row in pixels])
        rows = np.stack([row / np.linalg.norm(row) if len(row) == DIM else np.zeros(DIM) for row in pixels])
        return rows.astype(np.float32), found


@pytest.fixture(autouse=True)
def chain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "photos" not in request.fixturenames:
        monkeypatch.setattr(CentreFace, "open", lambda *_: FakeChain())


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """40 people with three pictures each, in folders."""
    rows, names = clusters(np.random.default_rng(0), [3] * 40, 0.09)
    for at, (row, name) in enumerate(zip(rows, names, strict=True)):
        pixels = np.rint((row / np.abs(row).max() + 1) * 127.5).astype(np.uint8)
        (tmp_path / "people" / name).mkdir(parents=True, exist_ok=True)
        images.save(np.tile(pixels[None, :, None], (30, 1, 3)), tmp_path / "people" / name / f"{at % 3}.png")
    return tmp_path / "people"


def pairs_csv(people: Path, subjects: bool = True) -> Path:
    """One genuine pair each, and everybody with the next ten people."""
    names = sorted(folder.name for folder in people.iterdir())
    lines = ["a,b,same" + ",subject_a,subject_b" * subjects]
    for at, name in enumerate(names):
        others = [(name, 1)] + [(names[(at + step) % len(names)], 0) for step in range(1, 11)]
        for other, same in others:
            lines.append(f"{name}/0.png,{other}/1.png,{same}" + f",{name},{other}" * subjects)
    (people / "pairs.csv").write_text("\n".join(lines))
    return people / "pairs.csv"


def test_pairs_with_groups_a_result_and_a_page(facerec: Facerec, people: Path, tmp_path: Path) -> None:
    labels = ["subject,half"] + [f"subject-{at:04d},{'first' if at < 32 else 'rest'}" for at in range(40)]
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    ran = facerec("evaluate", "verification", pairs_csv(people), "--groups", tmp_path / "labels.csv", "-o",
                  tmp_path / "result.json", "--html", tmp_path / "page.html", "--worst", 3, "--json")  # fmt: skip
    [answer] = ran.answers
    assert ran.status == 0 and (answer["genuine"], answer["impostors"], answer["subjects"]) == (40, 400, 40)
    assert answer == json.loads((tmp_path / "result.json").read_text())
    assert answer["data"].keys() == {"list_sha256", "pictures_sha256"} and answer["encoder"] == "ab" * 32
    [table] = answer["groups"]
    assert [row["people"] for row in table["rows"]] == [32, 8] and table["rows"][1]["fnmr"] is None
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") == 12 and "not measurable: 8 people" in page and "few errors" in page
    again = facerec("evaluate", "report", tmp_path / "result.json", "--html", tmp_path / "again.html")
    assert again.status == 0 and "data:image/jpeg" not in (tmp_path / "again.html").read_text()


def test_the_same_in_words(facerec: Facerec, people: Path) -> None:
    (people.parent / "weights.onnx").write_bytes(b"weights")
    ran = facerec("evaluate", "verification", pairs_csv(people, subjects=False), "--detector",
                  f"yunet:{people.parent / 'weights.onnx'}", "-o", people / "result.json")  # fmt: skip
    named = f"yunet:weights.onnx#sha256={sha256(b'weights')}"  # and not where the file lies
    assert json.loads((people / "result.json").read_text())["detector"] == named
    assert ran.status == 0, ran.err
    assert "40 genuine and 400 impostor pairs of" in ran.out and "too few impostors to show this FMR" in ran.out
    assert "<= 0.75 % (none of 400), few errors" in ran.out  # the rule of three at the strictest threshold


def test_galleries_of_every_size_that_there_are_people_for(facerec: Facerec, people: Path, tmp_path: Path) -> None:
    for folder in people.iterdir():
        for place, name in (("gallery", "0.png"), ("probes", "1.png")):
            if place == "probes" or folder.name < "subject-0030":
                (tmp_path / place / folder.name).mkdir(parents=True)
                (folder / name).rename(tmp_path / place / folder.name / name)
    images.save(np.zeros((30, 40, 3), np.uint8), tmp_path / "gallery" / "subject-0007" / "no-face.png")
    ran = facerec("evaluate", "identification", tmp_path / "gallery", tmp_path / "probes", "--sizes", "10,100",
                  "--html", tmp_path / "page.html", "-o", tmp_path / "new" / "result.json", "--json")  # fmt: skip
    [answer] = ran.answers
    assert (answer["gallery_size"], answer["mated_searches"], answer["non_mated_searches"]) == (30, 30, 10)
    assert [size["gallery_size"] for size in answer["sizes"]] == [10, 30]
    assert (answer["failures_to_enroll"], answer["fte"]["trials"]) == (1, 31)
    assert (tmp_path / "new" / "result.json").is_file()
    assert "By number of people enrolled" in (tmp_path / "page.html").read_text()
    ran = facerec("evaluate", "identification", tmp_path / "gallery", tmp_path / "probes", "--sizes", "")
    assert ran.status == 0 and "rank-1" in ran.out and "among" not in ran.out


@pytest.mark.parametrize(
    "words, message",
    [
        (["verification", "{}/nowhere.csv"], "no pairs file"),
        (["verification", "{}"], "no pairs file"),
        (["verification", "{}/pairs.csv", "--pictures", "{}/nowhere"], "pictures are not there"),
        (["verification", "{}/pairs.csv", "--groups", "{}/pairs.csv"], "must have a column"),
        (["verification", "{}/pairs.csv", "--groups", "{}/labels.csv"], "called like 'subject-0000'"),
        (["verification", "{}/pairs.csv", "--groups", "{}/labels.csv", "--fmr", "0.2"], "no operating point"),
        (["verification", "{}/pairs.csv", "--encoder", "nowhere"], "no encoder"),
        (["verification", "{}/genuine.csv"], "of one kind"),
        (["verification", "{}/pairs.csv", "--html", "{}"], "is a folder"),
        (["identification", "{}", "{}/nowhere"], "no folder"),
        (["identification", "{}/subject-0000", "{}"], "one folder per person"),
        (["identification", "{}", "{}"], "both enrolled and searched for"),
        (["lfw", "{}"], "no pairs file"),
        (["report", "{}/nowhere.json", "--html", "{}/page.html"], "cannot be read"),
        (["report", "{}/other.json", "--html", "{}/page.html"], "no error rates in it"),
    ],
)
def test_mistakes_are_told_in_one_line(facerec: Facerec, people: Path, words: list[str], message: str) -> None:
    pairs_csv(people)
    (people / "labels.csv").write_text("subject,sex\nAnn,f\n")
    (people / "genuine.csv").write_text("a,b,same\nsubject-0000/0.png,subject-0000/1.png,1\n")
    (people / "other.json").write_text('{"schema": 1}')
    ran = facerec("evaluate", *(word.format(people) for word in words))
    assert ran.status == 2 and message in ran.err and ran.err.count("\n") == 1 and not ran.out


def test_sizes_are_whole_numbers(facerec: Facerec, people: Path) -> None:
    for wrong in ("ten", "10,-3", "0", "1.5"):
        ran = facerec("evaluate", "identification", people, people, "--sizes", wrong)
        assert ran.status == 2 and "whole numbers" in ran.err


def test_real_photographs_from_end_to_end(facerec: Facerec, photos: Photos, tmp_path: Path) -> None:
    cat = photos.portrait.parent / "cat.jpg"
    lines = [f"{photos.portrait.name},{photos.take.name},1", f"{photos.portrait.name},{photos.pair.name},0",
             f"{photos.take.name},{cat.name},0"]  # fmt: skip
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b,same\n" + "\n".join(lines))
    ran = facerec("evaluate", "verification", pairs, "--pictures", photos.portrait.parent, "--json")
    [answer] = ran.answers
    assert (answer["pictures"], answer["failures_to_detect"], answer["pairs_not_compared"]) == (4, 1, 1)
    assert answer["operating_points"][-1]["fnmr"]["events"] == 0  # one person, two takes
