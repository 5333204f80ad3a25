"""The examples run, and answer what their readers expect."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from skimage import data

from facerec import images

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """people/Eileen.jpg, and an album with another take of her and a cat."""
    for name in ("people", "album"):
        (tmp_path / name).mkdir()
    images.save(data.astronaut(), tmp_path / "people" / "Eileen.jpg")
    images.save(data.astronaut()[:, ::-1].copy(), tmp_path / "album" / "mirrored.jpg")
    images.save(data.chelsea(), tmp_path / "album" / "cat.jpg")
    return tmp_path


def run(name: str, *words: object) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_verify(folders: Path) -> None:
    assert run("01_verify.py", folders / "people" / "Eileen.jpg", folders / "album" / "mirrored.jpg").startswith(
        "match 0."
    )


def test_identify_a_folder(folders: Path) -> None:
    out = run("02_identify_folder.py", folders / "people", folders / "album", folders / "gallery.db")
    assert out == "cat.jpg []\nmirrored.jpg ['Eileen']\n"


def test_max_pooling_forgives_a_shift(tmp_path: Path) -> None:
    images.save(data.chelsea(), tmp_path / "cat.png")
    rows = [line.split() for line in run("20_max_pooling.py", tmp_path / "cat.png").splitlines()[1:]]
    shares = {int(row[0]): [float(share) for share in row[1:]] for row in rows}
    assert shares[0] == [0, 0, 0, 0]
    assert all(row == sorted(row, reverse=True) and row[3] < row[0] / 2 for row in list(shares.values())[1:])


def test_look_inside_a_small_network(tmp_path: Path) -> None:
    share, _, rest = run("21_look_inside.py", tmp_path).partition("%")
    assert float(share) > 85 and rest == " of 397 digits that it never saw are right\n"
    assert len(list(tmp_path.glob("*.png"))) == 5


def test_segment_drawn_shapes(tmp_path: Path) -> None:
    *_, held_out, another = run("41_segment_shapes.py", tmp_path).splitlines()
    assert float(held_out.split()[2].rstrip("%")) > 70 and float(another.partition("%")[0]) > 90
    assert images.load(tmp_path / "found.png").shape == (48, 64, 3)


def test_count_discs_with_a_detector_of_ones_own(tmp_path: Path) -> None:
    lines = [line.replace(",", "").split() for line in run("31_count_discs.py", tmp_path).splitlines()]
    assert [line[0] for line in lines] == ["black:", "white:"]
    assert all(found == there for _, found, _, there, _ in lines) and (tmp_path / "found.png").exists()


def test_paint_a_cup(tmp_path: Path) -> None:
    images.save(images.resize(data.coffee(), (40, 60)), tmp_path / "cup.png")
    images.save(images.resize(data.chelsea(), (48, 48)), tmp_path / "cat.png")
    lines = run("51_paint.py", tmp_path / "cup.png", tmp_path / "cat.png", tmp_path / "out.png").splitlines()
    first, last = (float(line.split("style cost ")[1]) for line in (lines[0], lines[-1]))
    assert last < first / 5 and images.load(tmp_path / "out.png").shape == (40, 60, 3)


def test_every_example_is_run_here() -> None:
    own = Path(__file__).read_text()
    assert all(f'"{example.name}"' in own for example in EXAMPLES.glob("*.py"))


def demo(folder: Path, *words: str) -> str:
    """Run the demo as from another folder; it leaves its pictures and its gallery there."""
    command = [sys.executable, str(EXAMPLES.parent / "scripts" / "demo.py"), *words]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout
    assert (folder / "demo-out" / "annotated.png").exists() and (folder / "demo-out" / "gallery.db").exists()
    return out


def test_the_demo_knows_every_take_and_nobody_else(folders: Path) -> None:
    out = demo(folders)
    assert out.count("the same person") == 5 and "not the same person" not in out
    assert out.count(": Eileen Collins (") == 5
    assert "a drawn stranger.jpg: unknown" in out
    assert all(f"{thing}.jpg: no face" in out for thing in ("a cat", "a rocket", "a cup of coffee"))


def test_the_demo_takes_photos_of_ones_own(folders: Path) -> None:
    own = folders / "own" / "Eileen"
    shutil.copytree(folders / "people", own)
    shutil.copy(folders / "album" / "mirrored.jpg", own / "z.jpg")
    assert "identify  z.jpg: Eileen (" in demo(folders, str(folders / "own"))
