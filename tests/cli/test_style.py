"""`facerec style` as a shell runs it, and as a careless user does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from skimage import data

from facerec import images


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photo.png, style.png, and pictures of other modes."""
    place = tmp_path_factory.mktemp("style")
    images.save(images.resize(data.coffee(), (40, 60)), place / "photo.png")
    images.save(images.resize(data.chelsea(), (48, 48)), place / "style.png")
    PIL.Image.fromarray(data.brick()[:48, :48]).save(place / "grey.png")
    clear = np.full((48, 48, 4), 200, np.uint8)
    clear[:24, :, 3] = 0
    PIL.Image.fromarray(clear).save(place / "clear.png")
    PIL.Image.new("RGB", (1, 1), "red").save(place / "pixel.png")
    (place / "broken.png").write_bytes((place / "photo.png").read_bytes()[:200])
    (place / "empty.png").write_bytes(b"")
    return place


def test_a_photo_is_painted_with_all_that_can_be_kept(facerec, folder: Path, tmp_path: Path) -> None:
    ran = facerec(
        "style", folder / "photo.png", folder / "style.png", "-o", tmp_path / "out.png", "--steps", 6, "--every", 2,
        "--strip", tmp_path / "strip.png", "--gif", tmp_path / "way.gif", "--curve", tmp_path / "curve.png", "--json",
        "--scales", 2, "--size", 60,
    )  # fmt: skip
    assert ran.status == 0, ran.err
    (answer,) = ran.answers
    assert answer["steps"] == 12 and (answer["width"], answer["height"]) == (60, 40)
    assert answer["final"]["total"] < answer["start"]["total"] and answer["schema"] == 1
    assert images.load(tmp_path / "out.png").shape == (40, 60, 3)
    assert images.load(tmp_path / "strip.png").shape == (40, 60 * 7, 3)  # steps 1, 2, 4 ... 10, and the painting
    with PIL.Image.open(tmp_path / "way.gif") as gif:
        assert gif.n_frames == 7 and gif.size == (60, 40)
    assert images.load(tmp_path / "curve.png").shape[0] > 200


@pytest.mark.parametrize("name", ["grey.png", "clear.png"])
def test_pictures_of_other_modes_are_painted_with(name: str, facerec, folder: Path, tmp_path: Path) -> None:
    ran = facerec("style", folder / "photo.png", folder / name, "-o", tmp_path / "o.jpg", "--steps", 2)
    assert ran.status == 0 and "style cost" in ran.out, ran.err
    assert facerec("style", folder / name, folder / "photo.png", "-o", tmp_path / "p.jpg", "--steps", 2).status == 0


@pytest.mark.parametrize("name, words", [
    ("pixel.png", "1 x 1 pixels"), ("broken.png", "damaged"), ("empty.png", "is empty"), ("no.png", "No such file"),
])  # fmt: skip
def test_what_cannot_be_used_is_told_in_a_line(name: str, words: str, facerec, folder: Path, tmp_path: Path) -> None:
    for pair in ((folder / name, folder / "style.png"), (folder / "photo.png", folder / name)):
        ran = facerec("style", *pair, "-o", tmp_path / "o.png", "--steps", 2)
        assert ran.status == 2 and words in ran.err and len(ran.err.splitlines()) == 1
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize("options, words", [
    (("-o", "o.gif"), "must end in .png"),
    (("-o", "nowhere/o.png"), "there is no folder"),
    (("-o", "o.png", "--gif", "o.png"), "must end in .gif"),
    (("-o", "o.png", "--layers", "conv9"), "no layer conv9; the network has: input, relu1_1"),
    (("-o", "o.png", "--mix", 1, "--mix", 2), "1 styles need one weight"),
    (("-o", "o.png", "--net", "squeezenet"), "give a file with --weights"),
    (("-o", "o.png", "--size", 20, "--scales", 2), "begin with less than 16 pixels"),
    (("-o", "o.png", "--model", "."), "the model has its style inside"),
])  # fmt: skip
def test_options_that_do_not_fit(
    options: tuple[object, ...], words: str, facerec, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = facerec("style", folder / "photo.png", folder / "style.png", *options)
    assert ran.status == 2 and words in ran.err and len(ran.err.splitlines()) == 1, ran.err


def test_a_model_takes_no_options_of_painting(facerec, folder: Path, tmp_path: Path) -> None:
    ran = facerec("style", folder / "photo.png", "--model", tmp_path, "-o", tmp_path / "o.png", "--steps", 200)
    assert ran.status == 2 and "the model has its style inside" in ran.err


def test_without_a_style_it_says_what_is_missing(facerec, folder: Path, tmp_path: Path) -> None:
    ran = facerec("style", folder / "photo.png", "-o", tmp_path / "o.png")
    assert ran.status == 2 and "give a STYLE picture" in ran.err


def test_layers_that_are_no_layers_are_wrong_use(facerec, folder: Path, tmp_path: Path) -> None:
    ran = facerec("style", folder / "photo.png", folder / "style.png", "-o", tmp_path / "o.png", "--layers", "pool1:x")
    assert ran.status == 2 and "is not a layer, or a layer and its weight" in ran.err


def test_a_style_is_learned_once_and_paints_photos_and_clips(facerec, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    images.save(images.resize(data.astronaut(), (80, 80)), tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.png").write_bytes(b"no picture")
    learn = ("style", "train", folder / "style.png", tmp_path / "photos", "-o", tmp_path / "model",
             "--steps", 4, "--crop", 32, "--batch", 2, "--width", 4, "--size", 48)  # fmt: skip
    ran = facerec(*learn, "--json")
    assert ran.status == 0, ran.err
    assert ran.answers[0]["photos"] == 1 and ran.answers[0]["left_out"] == 1 and "left out" in ran.err
    assert ran.answers[0]["costs"]["step"] == 4
    ran = facerec("style", folder / "photo.png", "--model", tmp_path / "model", "-o", tmp_path / "o.png", "--json")
    assert ran.status == 0 and ran.answers[0]["width"] == 60 and ran.answers[0]["seconds"] > 0
    assert images.load(tmp_path / "o.png").shape == (40, 60, 3)
    clip(tmp_path / "clip.avi")
    ran = facerec("style", "video", tmp_path / "clip.avi", "--model", tmp_path / "model", "-o", tmp_path / "o.mp4",
                  "--size", 48, "--json")  # fmt: skip
    assert ran.status == 0, ran.err
    assert (ran.answers[0]["frames"], ran.answers[0]["width"], ran.answers[0]["height"]) == (5, 48, 36)
    from facerec.videos import frames

    assert len(list(frames(tmp_path / "o.mp4"))) == 5
    ran = facerec("style", "video", folder / "photo.png", "--model", tmp_path / "model", "-o", tmp_path / "p.mp4")
    assert ran.status == 2 or ran.out  # some builds of OpenCV read a picture as a clip of one frame


def clip(path: Path) -> None:
    """Five frames of 64x48."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(5):
        writer.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()


def test_a_model_paints_without_torch(facerec, folder: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom facerec.cli.main import commands\n"
        f"sys.argv = ['facerec', 'style', {str(folder / 'photo.png')!r}, '--model', {str(tmp_path)!r}, '-o', 'o.png']\n"
        "try:\n    commands()\nexcept SystemExit as end:\n    print(end.code, 'torch' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.split() == ["2", "False"] and "no model of a style" in ran.stderr
