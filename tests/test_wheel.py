"""A built wheel works outside the checkout: weights and migrations travel in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from skimage import data

from facerec import images

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package and nothing else, installed from a wheel built of a copy of the tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    source, wheels, target = folder / "source", folder / "wheels", folder / "installed"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, (path.decode() for path in tracked)):
        if (ROOT / name).is_file() and name.startswith(
            ("facerec/", "migrations/", "pyproject", "setup", "README", "LICENSE")
        ):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", wheels, source], check=True, cwd=folder)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", target, *wheels.glob("*.whl")], check=True)
    return target


def run(installed: Path, *words: object) -> list[dict[str, object]]:
    """`facerec` from the installed wheel alone, in a folder that holds no checkout; its JSON answers."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "FACEREC_GALLERY": str(installed.parent / "g.db")}
    command = [sys.executable, "-P", "-m", "facerec", *map(str, words), "--json"]
    ran = subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_the_wheel_enrolls_verifies_and_identifies(installed: Path) -> None:
    portrait, take = installed.parent / "portrait.jpg", installed.parent / "take.jpg"
    images.save(data.astronaut(), portrait)
    images.save(data.astronaut()[:, ::-1].copy(), take)
    assert run(installed, "verify", portrait, take)[0]["outcome"] == "match"
    assert run(installed, "enroll", "Eileen", portrait)[0]["outcome"] == "enrolled"
    assert run(installed, "identify", take)[0]["subject"] == "Eileen"


def test_it_is_the_wheel_that_answers(installed: Path) -> None:
    code = "import facerec; print(facerec.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()).is_relative_to(installed)


def test_the_wheel_carries_no_tests_and_no_scripts(installed: Path) -> None:
    assert {path.name for path in installed.iterdir()} <= {"facerec", "bin", "__pycache__"} | {
        path.name for path in installed.glob("facerec-*.dist-info")
    }
