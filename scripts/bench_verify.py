"""How long `facerec verify a b` takes as a whole process, beside the least that could be done.

A: `facerec verify` on two pictures of 512x512 (start, files, detection, embedding, decision).
B: a bare process that imports numpy and onnxruntime and opens the same four graphs, with the engine's default options.
A and B take turns, so that a machine whose speed drifts slows both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from skimage import data

from facerec import images
from facerec.evaluation.result_file import write_result
from facerec.faces.encoder import PACKAGED
from facerec.faces.mtcnn_export import mtcnn_graphs

BARE = """
import sys
import numpy
import onnxruntime
for path in sys.argv[1:]:
    onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
"""


def seconds(command: list[str]) -> float:
    """Wall time of one run of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def commands(folder: Path) -> tuple[list[str], list[str]]:
    """The two command lines, over files written to `folder`."""
    photos = [folder / "a.jpg", folder / "b.jpg"]
    images.save(data.astronaut(), photos[0])
    images.save(np.ascontiguousarray(data.astronaut()[:, ::-1]), photos[1])
    graphs = [PACKAGED["default"] / "encoder.onnx"]
    for name, content in mtcnn_graphs().items():
        graphs.append(folder / f"{name}.onnx")
        graphs[-1].write_bytes(content)
    facerec = Path(sys.executable).with_name("facerec")
    return [str(facerec), "verify", *map(str, photos)], [sys.executable, "-c", BARE, *map(str, graphs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verify, bare = commands(Path(folder))
        seconds(verify), seconds(bare)
        pairs = [(seconds(verify), seconds(bare)) for _ in range(options.runs)]
    result = {
        "runs": options.runs,
        "verify_seconds": statistics.median(a for a, _ in pairs),
        "bare_seconds": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
        "ratios": sorted(a / b for a, b in pairs),
    }
    print(f"verify {result['verify_seconds']:.2f} s, bare {result['bare_seconds']:.2f} s, ratio {result['ratio']:.2f}")
    if options.output:
        write_result(options.output, result)


if __name__ == "__main__":
    main()
