"""How fast a folder becomes a gallery by workers on Ray, beside workers in processes of their own.

Both are begun once and take turns, a few batches for each worker of the same pictures, each into a gallery of its own;
the galleries must come out equal. The ratio is that of the medians. Also how long each takes from nothing to the first
batch. Writes docs/results/ray.json and .md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
from bench_precompute import pictures_in

from facerec import runtime
from facerec.evaluation.result_file import write_result
from facerec.gallery import open_gallery
from facerec.recognition import Recognizer
from facerec.recognition.enrollment import Sample
from facerec.recognition.looking import BATCH, Looker, Recipe, looker_for
from facerec.recognition.manifest import compared, manifest

ENGINES = ("processes", "ray")
EACH = 5
"""Batches for each worker in one turn."""


class Side:
    """One engine with a gallery of its own, begun; `begin` is the seconds from nothing to the first batch."""

    def __init__(self, engine: str, folder: Path, workers: int, first: Sequence[Sample]):
        self.recognizer = Recognizer.open(open_gallery(folder / f"{engine}.db"), face="largest")
        started, recipe = time.perf_counter(), Recipe("mtcnn", "default", "largest")
        self.looker: Looker = looker_for(self.recognizer.pipeline, recipe, workers, "cpu", engine)
        self.enroll(first)
        self.begin = time.perf_counter() - started

    def enroll(self, samples: Sequence[Sample]) -> float:
        """Seconds a picture."""
        started = time.perf_counter()
        list(self.recognizer.enroll_all(samples, looker=self.looker))
        return (time.perf_counter() - started) / len(samples)

    def manifest(self) -> dict[Any, str]:
        return manifest(self.recognizer.gallery, self.recognizer.encoder)

    def close(self) -> None:
        self.looker.close()


def measured(samples: Sequence[Sample], folder: Path, workers: int) -> dict[str, Any]:
    """Pictures a second of each engine, over all turns but the first, in which every worker opens its networks."""
    size, rest, taken = EACH * BATCH * workers, samples[BATCH:], []
    with ExitStack() as to_close:
        sides = {one: to_close.enter_context(closing(Side(one, folder, workers, samples[:BATCH]))) for one in ENGINES}
        for number, start in enumerate(range(0, len(rest) - size + 1, size)):
            in_turn = sorted(ENGINES, reverse=bool(number % 2))
            taken.append({one: sides[one].enroll(rest[start : start + size]) for one in in_turn})
    medians = {one: float(np.median([turn[one] for turn in taken[1:]])) for one in ENGINES}
    galleries = compared(*(side.manifest() for side in sides.values()))
    return {
        "workers": workers, "pictures": size * (len(taken) - 1), "begin": {one: sides[one].begin for one in ENGINES},
        "per_second": {one: 1 / seconds for one, seconds in medians.items()},
        "ratio": medians["processes"] / medians["ray"], "equal": galleries.equal, "is_same": galleries.is_none,
        "turns": taken,
    }  # fmt: skip


def page(found: dict[str, Any]) -> str:
    """The result as a page."""
    same = f"Both made the same {found['equal']} templates, byte for byte."
    if not found["is_same"]:
        same = "Their galleries DIFFER, which they must not."
    lines = [
        f"| {one} | {found['per_second'][one]:.1f} | {found['begin'][one]:.1f} |" for one in ENGINES
    ]  # fmt: skip
    return f"""# Precompute on Ray

Made by `{found["command"]}`; the same in full: [ray.json](ray.json).

`facerec precompute --workers {found["workers"]}` beside the same with `--engine ray`, on one machine:
{found["pictures"]} pictures in turns of {EACH} batches of {BATCH} for each worker, from files to committed rows, after
a turn that does not count.

| `--engine` | pictures a second | seconds from nothing to the first {BATCH} pictures |
| --- | ---: | ---: |
{chr(10).join(lines)}

So on one machine Ray has {found["ratio"]:.3f} of the throughput of processes. {same}

The machine's load over the minute before was {found["load"]:.1f}, on {found["cores"]} cores. {found["note"]}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, help="a folder of people, or a tar of one, such as lfw-folds-1-5.tar")
    parser.add_argument("--pictures", type=int, default=1600)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--note", default="", help="what the page must say of how it was made")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    runtime.use(threads=1)
    found: dict[str, Any] = {
        "command": f"scripts/bench_ray {options.source.name} --pictures {options.pictures} --workers {options.workers}",
        "load": os.getloadavg()[0], "cores": os.cpu_count(), "note": options.note,
    }  # fmt: skip
    if options.pictures < 2 * EACH * BATCH * options.workers:
        parser.error(f"two turns need at least {2 * EACH * BATCH * options.workers} pictures")
    with tempfile.TemporaryDirectory() as name:
        samples = pictures_in(options.source, Path(name), options.pictures + BATCH)
        found |= measured(samples, Path(name), options.workers)
    write_result(options.out / "ray.json", found)
    (options.out / "ray.md").write_text(page(found).replace(" \n", "\n"), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    sys.exit(main())
