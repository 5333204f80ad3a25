"""How fast a folder becomes a gallery, against the bare detector and encoder on the same pictures.

The bare side decodes nothing, stores nothing and judges nothing: pictures lie decoded in memory, the detector runs on
a batch, the encoder on the aligned faces of a batch. The other side is `precompute` as a user runs it, from files to
committed rows. They take turns, a share of the pictures each, in one process with one thread; the ratio is that of the
medians. Then where a batch's time goes, and what it brings to find faces on many pictures together. Writes
docs/results/precompute.json and .md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_precompute_parts import parts, together

from facerec import images, runtime
from facerec.errors import ManyFaces, NoFace
from facerec.evaluation.result_file import write_result
from facerec.faces.together import Portion, portion
from facerec.gallery import open_gallery
from facerec.recognition import Recognizer
from facerec.recognition.choice import choice_named
from facerec.recognition.enrollment import Sample, folder_samples

BATCH = 32
OTHERS = [Portion(call, 500_000) for call in (7_000, 110_000)] + [Portion(27_648, 130_000), Portion(27_648, 2_100_000)]
"""What could be looked at together, beside what is."""


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
    using, choose, crops = recognizer.pipeline, choice_named("largest"), []
    for image, faces in zip(pixels, using.detect.detect_all(pixels), strict=True):
        try:
            crops.append(using.align(image, choose(faces, image.shape, "")))
        except (NoFace, ManyFaces):
            continue
    return len(using.embed(np.concatenate(crops))) if crops else 0


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


def state(folder: Path) -> dict[str, Any]:
    """What else the machine is at: the load of the last minute, and how long a small file waits for the disk."""
    waited = []
    for _ in range(20):
        started = time.perf_counter()
        with (folder / "waits").open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        waited.append(time.perf_counter() - started)
    return {"load": round(os.getloadavg()[0], 2), "disk_ms": round(1000 * float(np.median(waited)), 2)}


def file_system(folder: Path) -> str:
    """The kind of file system that a folder lies on, where the system tells it."""
    table = Path("/proc/mounts")
    mounts = [line.split()[1:3] for line in table.read_text().splitlines()] if table.exists() else []
    around = [(len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(around)[1] if around else "unknown"


def summed(taken: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The medians over the turns as pictures a second, their ratio, and the quartiles of the ratio turn by turn."""
    medians = {side: float(np.median([one[side] for one in taken])) for side in taken[0]}
    by_turn = np.quantile([one["bare"] / one["precompute"] for one in taken], [0.25, 0.75])
    return {
        "bare_per_second": 1 / medians["bare"], "precompute_per_second": 1 / medians["precompute"],
        "ratio": medians["bare"] / medians["precompute"], "ratio_quartiles": by_turn.round(3).tolist(),
        "ratio_processor": medians["bare, processor"] / medians["precompute, processor"], "turns": list(taken),
    }  # fmt: skip


def page(found: dict[str, Any]) -> str:
    """The result as a page."""
    start, end, note = found["start"], found["end"], f"\n{found['note']}\n" if found["note"] else ""
    return f"""# Precompute against its parts

Made by `{found["command"]}`; the same in full: [precompute.json](precompute.json).

{found["pictures"]} pictures in batches of {BATCH}: each batch once by the bare detector and encoder, from pixels in
memory, and once by `precompute`, from files to committed rows, in turn, in one process with one thread.

| | pictures a second |
| --- | ---: |
| detector and encoder alone | {found["bare_per_second"]:.1f} |
| precompute | {found["precompute_per_second"]:.1f} |

So precompute has {found["ratio"]:.3f} of the throughput of its two networks, half of the turns between
{found["ratio_quartiles"][0]:.3f} and {found["ratio_quartiles"][1]:.3f}; {found["ratio_processor"]:.3f} by the
processor's time alone. Its part also reads, hashes and decodes the files, judges each face, compares it with everybody
enrolled so far, and stores it; each batch waits once for the disk, which a busy disk makes felt. With `--workers` the
workers go on while this process waits.

Pictures and gallery lay on {found["file_system"]}, where a file of 4 KB waited {start["disk_ms"]:.1f} ms for the disk
before and {end["disk_ms"]:.1f} ms after; the machine's load was {start["load"]} before and {end["load"]} after.
{note}
## Where the time goes

Medians over batches, one thread. Calls of a net are for all pictures of a batch.

| part | ms a picture | calls of the net a picture |
| --- | ---: | ---: |
{rows_of_parts(found["parts"])}

## Faces found together

The same pictures one by one and a batch together, in turn; the ratio is that of the medians, above 1 where together is
faster. The faces of both are {"the same to the last bit" if found["is_same"] else "NOT THE SAME"}.

| detector | threads | pixels a call | a group | one by one, ms | together, ms | ratio | by the processor's time |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{rows_of_together(found["together"])}

P-Net gets copies of one size, and R- and O-Net crops of any picture, so many pixels a call (our own detector eight
times as many), from pictures that have so many pixels together: what is in bold is in use
(`facerec/faces/together.py`). More in a call leaves the processor's cache. On a GPU all of a batch goes into one call;
no device was at hand, so no figure is given.
"""


def rows_of_parts(found: dict[str, dict[str, float]]) -> str:
    """A row for each part, and their sum."""
    calls = {part: f"{one['calls']:.2f}" if "Net" in part else "" for part, one in found.items()}
    rows = [f"| {part} | {one['ms']:.2f} | {calls[part]} |" for part, one in found.items()]
    return "\n".join([*rows, f"| all | {sum(one['ms'] for one in found.values()):.2f} | |"])


def rows_of_together(found: Sequence[dict[str, Any]]) -> str:
    """A row for each detector, number of threads and portion."""
    used = (portion().call, portion().group)
    marks = ["**" if (one["call"], one["group"]) == used else "" for one in found]
    return "\n".join(
        f"| {one['detector']} | {one['threads']} | {mark}{one['call']:,}{mark} | {mark}{one['group']:,}{mark} "
        f"| {one['one_by_one_ms']:.2f} "
        f"| {one['together_ms']:.2f} | {one['ratio']:.3f} | {one['ratio_processor']:.3f} |"
        for one, mark in zip(found, marks, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, help="a folder of people, or a tar of one, such as lfw-folds-1-5.tar")
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5, help="of finding faces together and one by one")
    parser.add_argument("--folder", type=Path, help="where pictures and gallery lie meanwhile; default: the system's")
    parser.add_argument("--note", default="", help="what the page must say of how it was made")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    runtime.use(threads=1)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        start = state(folder)
        samples = pictures_in(options.source, folder, options.pictures + BATCH)
        taken = turns(samples, folder)[1:]  # the first warms up
        blobs = [Path(str(path)).read_bytes() for _, path in samples[: 5 * BATCH]]
        where = parts(blobs, BATCH)
        pixels = [images.decode(one, name="a picture") for one in blobs[: 3 * BATCH]]
        found_together = [
            row
            for detector, others in (("mtcnn", OTHERS), ("facerec", ()))
            for threads in (1, 2)
            for row in together(pixels, detector, threads, BATCH, options.rounds, others)
        ]
        runtime.use(threads=1)
        found = {
            "command": " ".join(["scripts/bench_precompute", options.source.name, *arguments(options)]),
            "pictures": len(samples) - BATCH, "threads": 1, "note": options.note, "start": start, "end": state(folder),
            "file_system": file_system(folder), **summed(taken), "parts": where, "together": found_together,
            "is_same": all(one["is_same"] for one in found_together),
        }  # fmt: skip
    write_result(options.out / "precompute.json", found)
    (options.out / "precompute.md").write_text(page(found), encoding="utf-8")
    print(page(found))


def arguments(options: argparse.Namespace) -> list[str]:
    """What the command was given beside the pictures."""
    return [f"--pictures {options.pictures}", f"--rounds {options.rounds}"]


if __name__ == "__main__":
    sys.exit(main())
