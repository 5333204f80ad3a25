"""The everyday path never imports torch, which alone costs seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = ["align", "choice", "detector", "mtcnn", "mtcnn_export", "quality", "single_shot", "yunet"]
HEAVY = {"torch", "onnx", "scipy", "cv2", "facenet_pytorch"}
DETECT = """
import sys
import numpy as np
from facerec.faces.detector import create_detector
for name in ("mtcnn", "facerec"):
    create_detector(name)(np.full((60, 60, 3), 128, np.uint8))
assert "torch" not in sys.modules, "torch was imported"
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_faces_package_imports_nothing_heavy():
    imports = "".join(f"import facerec.faces.{name}\n" for name in MODULES)
    run(f"{imports}import sys\nheavy = {HEAVY} & set(sys.modules)\nassert not heavy, heavy")


@pytest.mark.usefixtures("mtcnn")  # has made the graphs
def test_detecting_imports_no_torch():
    run(DETECT)
