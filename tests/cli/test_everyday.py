"""The everyday commands never load torch, and those without a gallery no database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Photos

SCRIPT = """
import sys
from facerec.cli.main import commands
try:
    commands(sys.argv[1:], prog_name="facerec")
except SystemExit as end:
    status = end.code
heavy = {name for name in sys.modules if name.startswith(("facerec.cli.cnn", "facerec.cli.train", "facerec.cnn"))}
heavy |= {"torch", "torchvision", "facenet_pytorch", "cv2", "scipy", "skimage", "onnx", "sqlalchemy", "alembic"}
heavy |= {"faiss", "matplotlib", "jinja2"}
print("loaded", *sorted(heavy & sys.modules.keys()))
sys.exit(status)
"""


def loaded(*words: object) -> list[str]:
    """What of the heavy packages a command line loads, in a process of its own."""
    words = [str(word) for word in words]
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stdout.splitlines()[-1].split()[1:]


def test_verify_loads_neither_torch_nor_a_database(photos: Photos) -> None:
    loaded("verify", photos.portrait, photos.take)  # the detector's graphs may have to be made first
    assert loaded("verify", photos.portrait, photos.take) == []


def test_finding_faces_loads_no_torch(photos: Photos) -> None:
    assert loaded("detect", photos.portrait) == []


def test_an_explanation_loads_what_draws_and_no_torch(photos: Photos, tmp_path: Path) -> None:
    assert loaded("verify", photos.portrait, photos.take, "--explain", tmp_path / "why.png") == ["matplotlib"]


@pytest.mark.parametrize(
    "words",
    [["enroll", "Somebody", "{take}"], ["identify", "{take}"], ["gallery", "list"], ["gallery", "health"]],
)
def test_the_gallery_commands_load_no_torch(words: list[str], photos: Photos, tmp_path: Path) -> None:
    gallery = ["--gallery", tmp_path / "g.db"]
    loaded("enroll", "Somebody", photos.portrait, *gallery)
    paths = {"portrait": photos.portrait, "take": photos.take}
    assert loaded(*(word.format(**paths) for word in words), *gallery) == ["sqlalchemy"]


@pytest.mark.parametrize("to, said", [("| true", "Broken pipe"), ("> /dev/full", "No space left")])
def test_an_answer_that_nobody_takes_is_not_no_match(to: str, said: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m facerec encoders --json {to}; echo ${{PIPESTATUS[0]}}"
    padded = f"for i in 1 2 3; do {command}; done"  # the reader may be gone before or after the write
    ran = subprocess.run(["bash", "-c", padded], capture_output=True, text=True, check=True)
    assert "Traceback" not in ran.stderr and set(ran.stdout.split()) <= {"0", "2"}
    assert said in ran.stderr or "2" not in ran.stdout
