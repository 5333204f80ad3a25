"""How fast a folder becomes a gallery, against the bare detector and encoder on the same pictures.

The bare side decodes nothing, stores nothing and judges nothing: pictures lie decoded in memory, the detector runs on
each, the encoder on the aligned faces in batches. The other side is `precompute` as a user runs it, from files to
committed rows. They take turns, a share of the pictures each, in one process with one thread; the ratio is that of the
medians. Writes docs/results/precompute.json and .md.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facerec import images, runtime
from facerec.errors import ManyFaces, NoFace
from facerec.evaluation.result_file import write_result
from facerec.gallery import open_gallery
from facerec.recognition import Recognizer
from facerec.recognition.choice import choice_named
from facerec.recognition.enrollment import Sample, folder_samples

BATCH = 32


def pictures_in(source: Path, folder: Path, count: int) -> list[Sample]:
    """The first pictures of a folder of people, or of a tar that holds one, by name."""
    if source.is_file():
        with tarfile.open(source) as archive:
            names = sorted(one.name for one in archive.getmembers() if images.is_picture_name(one.name))[:count]
            archive.extractall(folder, [archive.getmember(name) for name in names], filter="data")
        people = folder / Path(names[0]).parts[0]
        source = people if len(Path(names[0]).parts) == 3 else folder
    return folder_samples(source)[:count]


def bare(recognizer: Recognizer, pixels: Sequence[np.ndarray]) -> int:
    """Detector and encoder, and what stands between them; how many faces were embedded."""
    parts, choose, crops = recognizer.pipeline, choice_named("largest"), []
    for image in pixels:
        faces = parts.detect(image)
        try:
            crops.append(parts.align(image, choose(faces, image.shape, "")))
        except (NoFace, ManyFaces):
            continue
    return len(parts.embed(np.concatenate(crops))) if crops else 0


def turns(samples: list[Sample], folder: Path) -> list[dict[str, float]]:
    """Seconds a picture, and the processor's part of it, a batch a turn: bare, and precompute."""
    recognizer = Recognizer.open(open_gallery(folder / "gallery.db"), face="largest")
    taken = []
    for number, start in enumerate(range(0, len(samples), BATCH)):
        part = samples[start : start + BATCH]
        pixels = [images.load(path) for _, path in part]
        works = {
            "bare": lambda pixels=pixels: bare(recognizer, pixels),
            "precompute": lambda part=part: list(recognizer.enroll_all(part, batch=BATCH)),
        }
        one = {}
        for name in sorted(works, reverse=bool(number % 2)):
            started, busy = time.perf_counter(), time.process_time()
            works[name]()
            one[name] = (time.perf_counter() - started) / len(part)
            one[f"{name}, processor"] = (time.process_time() - busy) / len(part)
        taken.append(one)
    return taken


def page(found: dict[str, Any]) -> str:
    """The result as a page."""
    return f"""# Precompute against its parts

Made by `{found["command"]}`; the same in full: [precompute.json](precompute.json).

{found["pictures"]} pictures in batches of {BATCH}: each batch once by the bare detector and encoder, from pixels in
memory, and once by `precompute`, from files to committed rows, in turn, in one process with one thread.

| | pictures a second |
| --- | ---: |
| detector and encoder alone | {found["bare_per_second"]:.1f} |
| precompute | {found["precompute_per_second"]:.1f} |

So precompute has {found["ratio"]:.3f} of the throughput of its two networks, and {found["ratio_processor"]:.3f} by the
processor's time alone. Its part also reads, hashes and decodes the files, judges each face, compares it with everybody
enrolled so far, and stores it; each batch waits once for the disk, which a busy disk makes felt. With `--workers` the
workers go on while this process waits.

{found["note"]}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, help="a folder of people, or a tar of one, such as lfw-folds-1-5.tar")
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument("--note", default="", help="what the page must say of how it was made")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    runtime.use(threads=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = pictures_in(options.source, folder, options.pictures + BATCH)
        taken = turns(samples, folder)[1:]  # the first warms up
    medians = {side: float(np.median([one[side] for one in taken])) for side in taken[0]}
    found = {
        "command": f"scripts/bench_precompute {options.source.name} --pictures {options.pictures}",
        "pictures": len(samples) - BATCH, "threads": 1, "note": options.note,
        "bare_per_second": 1 / medians["bare"], "precompute_per_second": 1 / medians["precompute"],
        "ratio": medians["bare"] / medians["precompute"],
        "ratio_processor": medians["bare, processor"] / medians["precompute, processor"], "turns": taken,
    }  # fmt: skip
    write_result(options.out / "precompute.json", found)
    (options.out / "precompute.md").write_text(page(found), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    sys.exit(main())
