"""`facerec detect` as a shell runs it: faces, a detector of one's own, videos, and what a careless user gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.videos import Writer, facts_of
from tests.detection.boxes_drawn import draw_boxes


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with marked pictures and, in `run`, a detector that learned a little from them."""
    from click.testing import CliRunner

    from facerec.cli.main import commands

    folder = tmp_path_factory.mktemp("detect")
    draw_boxes(folder, 16)
    settings = 'train = "list.txt"\nval = "list.txt"\nsize = [64, 64]\nwidth = 0.5\nscales = [1.0]\nepochs = 40\n'
    (folder / "c.toml").write_text(settings + "batch = 8\nlearning_rate = 0.005\naverage = 0.8\n")
    ran = CliRunner().invoke(commands, ["detect", "train", str(folder / "c.toml"), "-o", str(folder / "run")])
    assert ran.exit_code == 0, ran.output
    return folder


def test_faces_are_found_without_a_model_of_ones_own(facerec, photos, tmp_path):
    ran = facerec("detect", photos.pair, photos.cat, "-o", tmp_path / "out", "--csv", tmp_path / "all.csv", "--json")
    assert ran.status == 0, ran.err
    pair, cat = ran.answers
    assert [each["name"] for each in pair["found"]] == ["face", "face"] and pair["outcome"] == "found"
    assert cat == {"file": str(photos.cat), "outcome": "nothing", "found": [], "schema": 1}
    with (tmp_path / "all.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["name"] for row in rows] == ["face", "face"] and rows[0]["frame"] == ""
    drawn, plain = images.load(tmp_path / "out" / "pair.png"), images.load(photos.pair)
    assert drawn.shape == plain.shape and (drawn != plain).any()


def test_a_detector_is_trained_asked_and_measured(facerec, trained, tmp_path):
    ran = facerec("detect", trained, "--model", trained / "run", "--min-score", 0.05, "--json")
    assert ran.status == 0 and len(ran.answers) == 16
    assert {each["name"] for answer in ran.answers for each in answer["found"]} <= {"blue", "red"}
    figures = tmp_path / "figures.json"
    ran = facerec("detect", "evaluate", trained / "list.txt", "--model", trained / "run", "--json", "-o", figures)
    assert ran.status == 0, ran.err
    assert 0 <= ran.answers[0]["mean_ap_50"] <= 1 and ran.answers[0]["pictures"] == 16
    assert set(ran.answers[0]["classes"]) == {"blue", "red"} and figures.exists()
    again = facerec("detect", "train", trained / "c.toml", "-o", trained / "run")
    assert again.status == 2 and "holds a trained detector already" in again.err


def test_a_video_frame_by_frame(facerec, trained, tmp_path):
    with Writer(tmp_path / "clip.mp4", 10, 64, 64) as writer:
        for level in (60, 90, 120, 150):
            writer(np.full((64, 64, 3), level, np.uint8))
    ran = facerec(
        "detect", tmp_path / "clip.mp4", "--model", trained / "run", "--every", 2, "-o", tmp_path / "out", "--json"
    )
    assert ran.status in (0, 1), ran.err
    assert [(answer["frame"], answer["second"]) for answer in ran.answers] == [(0, 0.0), (2, 0.2)]
    assert "frames per second" in ran.err
    facts = facts_of(tmp_path / "out" / "clip.mp4")
    assert (facts.frames, facts.width, facts.height) == (2, 64, 64)


def test_what_cannot_be_read_is_told_and_the_rest_is_answered(facerec, trained, tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "empty.mp4").touch()
    images.save(np.full((64, 64, 3), 128, np.uint8), tmp_path / "fine.png")
    ran = facerec("detect", tmp_path, "--model", trained / "run", "--json")
    assert ran.status == 2
    assert [answer["outcome"] for answer in ran.answers] == ["bad_image", "bad_image", "nothing"]


@pytest.mark.parametrize(
    "words, told",
    [
        (["missing.jpg"], "cannot be read"),
        (["{empty}"], "no photo and no video"),
        (["{photo}", "--model", "{empty}"], "no detector in"),
        (["{photo}", "--model", "faces:nothing"], "no detector 'nothing'"),
        (["evaluate", "{empty}"], "VOC folder"),
        (["evaluate", "{empty}/typo.txt"], "no list of pictures"),
        (["train", "{empty}/typo.toml", "-o", "{empty}/run"], "no training settings"),
    ],
)
def test_a_careless_user_gets_one_line(facerec, photos, tmp_path, words, told):
    ran = facerec("detect", *(word.format(empty=tmp_path, photo=photos.cat) for word in words))
    assert ran.status == 2 and told in ran.err + ran.out
    assert len((ran.err + ran.out).splitlines()) == 1


def test_an_evaluation_with_another_models_classes_is_refused(facerec, trained, tmp_path):
    draw_boxes(tmp_path, 3)
    text = (tmp_path / "list.txt").read_text().replace(",blue", ",green").replace(",red", ",green")
    (tmp_path / "list.txt").write_text(text)
    ran = facerec("detect", "evaluate", tmp_path / "list.txt", "--model", trained / "run")
    assert ran.status == 2 and "'green'" in ran.err


def test_nothing_is_written_over_what_was_given(facerec, trained, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        images.save(np.full((64, 64, 3), 90, np.uint8), tmp_path / folder / "x.png")
    ran = facerec("detect", tmp_path / "a", "--model", trained / "run", "-o", tmp_path / "a")
    assert ran.status == 2 and "written over" in ran.err
    both = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"]
    ran = facerec("detect", *both, "--model", trained / "run", "-o", tmp_path / "out")
    assert ran.status in (0, 1), ran.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["x-2.png", "x.png"]
    ran = facerec("detect", both[0], "--model", trained / "run", "-o", both[1])
    assert ran.status == 2 and "cannot be a folder" in ran.err


def test_a_file_of_weights_that_is_no_detector(facerec, trained, photos, tmp_path):
    (tmp_path / "short.safetensors").write_bytes(b"123")
    for file, told in (
        (tmp_path / "none.safetensors", "no detector"),
        (tmp_path / "short.safetensors", "no whole safetensors"),
        (trained / "run" / "weights.safetensors", "holds no detector"),
    ):
        ran = facerec("detect", photos.cat, "--model", file)
        assert ran.status == 2 and told in ran.err, ran.err


def test_one_of_the_r_cnn_family_is_trained_and_asked(facerec, trained, tmp_path):
    settings = 'method = "faster_rcnn"\ntrain = "list.txt"\nsize = [64, 64]\nepochs = 0.5\nbatch = 4\n'
    (trained / "regions.toml").write_text(settings)
    ran = facerec("detect", "train", trained / "regions.toml", "-o", tmp_path / "regions", "--json")
    assert ran.status == 0, ran.err
    assert ran.answers[0]["learned_from"] == 16 and ran.answers[0]["steps"] == 2
    ran = facerec("detect", next(trained.glob("*.png")), "--model", tmp_path / "regions", "--min-score", 0, "--json")
    assert ran.status == 0 and ran.answers[0]["found"], ran.err
    (trained / "regions.toml").write_text(settings.replace("faster_rcnn", "fastest_rcnn"))
    ran = facerec("detect", "train", trained / "regions.toml", "-o", tmp_path / "other")
    assert ran.status == 2 and "method must be one of rcnn" in ran.err
