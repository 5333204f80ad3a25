"""Time the gallery: what its libraries cost to import, a write, a read, and where faiss begins to pay.

Embeddings are random unit rows. Every figure is the least of several interleaved rounds (a busy machine only ever adds
time), but for latencies, which are percentiles of all. Writes docs/results/gallery-first.json and .md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facerec.gallery import open_gallery
from facerec.gallery.connect import connect_file
from facerec.gallery.index import EXACT_UP_TO, ExactIndex, FaissIndex
from facerec.gallery.searcher import Searcher
from facerec.gallery.store import Gallery
from facerec.records import DIM, Template, unit

ENCODER = hashlib.sha256(b"bench").hexdigest()
IMPORTS = {
    "numpy": "import numpy",
    "numpy and facerec.gallery": "import numpy, facerec.gallery, facerec.gallery.searcher",
    "numpy and faiss": "import numpy, faiss",
    "numpy and an opened gallery": "import numpy, facerec.gallery as g; g.open_gallery({path!r}).generation()",
    "numpy and alembic": "import numpy, alembic.command",
}
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
ROUNDS = 7
BOX = (0.0, 0.0, 50.0, 50.0)

Figures = dict[str, object]


def cpu_ms(work: Callable[[], object]) -> float:
    """Milliseconds of CPU time, of all threads."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def wall_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def templates(rng: np.random.Generator, count: int, subject: str) -> list[Template]:
    rows = unit(rng.standard_normal((count, DIM)))
    return [
        Template(
            subject, f"{subject}/{n}.jpg", rng.bytes(32).hex(), (0.0, 0.0, 50.0, 50.0), {"score": 1.0}, ENCODER, row
        )
        for n, row in enumerate(rows)
    ]


def time_imports(path: Path) -> Figures:
    """CPU milliseconds of a whole process that imports and does no more, less those of an empty one."""
    best = dict.fromkeys(["nothing", *IMPORTS], np.inf)
    for _ in range(ROUNDS):
        for name, statement in {"nothing": "pass", **IMPORTS}.items():
            code = f"{statement.format(path=str(path))}\nimport time; print(time.process_time() * 1e3)"
            done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            best[name] = min(best[name], float(done.stdout))
    empty = best.pop("nothing")
    return {name: round(value - empty, 1) for name, value in best.items()}


def time_transactions(gallery: Gallery, path: Path, rng: np.random.Generator) -> Figures:
    """Milliseconds: to open, to read the generation, to enroll one template, and each of 500 in one transaction."""
    searcher = Searcher(gallery, ENCODER)
    gallery.enroll(templates(rng, 1, "first"))
    probe = unit(rng.standard_normal((1, DIM)))
    searcher.search(probe, 5)
    singles, batches = templates(rng, 100, "single"), [templates(rng, 500, f"batch {n}") for n in range(3)]
    return {
        "open": round(min(wall_ms(lambda: open_gallery(path)) for _ in range(20)), 2),
        "generation": round(min(wall_ms(gallery.generation) for _ in range(50)), 2),
        "search, nothing changed": round(min(wall_ms(lambda: searcher.search(probe, 5)) for _ in range(50)), 2),
        "enroll one, CPU": round(min(cpu_ms(lambda one=one: gallery.enroll([one])) for one in singles), 2),
        "enroll each of 500, CPU": round(
            min(cpu_ms(lambda many=many: gallery.enroll(many)) for many in batches) / 500, 3
        ),
    }


def write(path: Path, share: list[Template], report: int) -> None:
    """Enroll template by template and report the milliseconds of each."""
    gallery = open_gallery(path)
    waited = [wall_ms(lambda one=one: gallery.enroll([one])) for one in share]
    os.write(report, f"{json.dumps(waited)}\n".encode())


def time_four_writers(path: Path, rng: np.random.Generator) -> Figures:
    """Milliseconds of each of 4 x 50 enrolments by processes that do nothing else."""
    open_gallery(path)
    work = [templates(rng, 50, f"writer {n}") for n in range(4)]
    receiver, sender = os.pipe()
    children = []
    for share in work:
        children.append(os.fork())
        if children[-1] == 0:
            write(path, share, sender)
            os._exit(0)
    os.close(sender)
    with open(receiver) as reports:
        waited = np.concatenate([json.loads(line) for line in reports])
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    p50, p99 = np.percentile(waited, [50, 99])
    return {"enrolments": len(waited), "failed": failed, "p50": round(p50, 1), "p99": round(p99, 1)}


def time_reading(path: Path, rng: np.random.Generator) -> Figures:
    """20,000 templates: milliseconds to read and check them all, bytes of file for each."""
    gallery = open_gallery(path)
    for n in range(20):
        gallery.enroll(templates(rng, 1000, f"subject {n}"))
    with connect_file(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    read = min(cpu_ms(lambda: gallery.embeddings(ENCODER)) for _ in range(3))
    return {"templates": 20_000, "read, CPU": round(read, 1), "bytes of file each": path.stat().st_size // 20_000}


def time_index(size: int, rng: np.random.Generator) -> Figures:
    """CPU milliseconds of one probe against N templates, and to build the index."""
    stored, probe = unit(rng.standard_normal((size, DIM), np.float32)), unit(rng.standard_normal((1, DIM)))
    ids, kinds = np.arange(size), (ExactIndex, FaissIndex)
    built = {kind: kind(ids, stored) for kind in kinds}
    best = {"templates": size}
    for _ in range(5 * ROUNDS):
        for kind in kinds:
            took = cpu_ms(lambda kind=kind: built[kind].search(probe, 5))
            best[f"{kind.__name__} search"] = min(best.get(f"{kind.__name__} search", np.inf), took)
    for kind in kinds:
        best[f"{kind.__name__} build"] = min(cpu_ms(lambda kind=kind: kind(ids, stored)) for _ in range(3))
    return {name: round(value, 2) for name, value in best.items()}


def table(rows: list[Figures]) -> str:
    lines = [list(rows[0]), ["---:"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def page(figures: dict[str, object]) -> str:
    """The figures as a page."""
    sections = [
        "# The first gallery, in figures",
        "Made by `scripts/bench_gallery first`; milliseconds unless named.",
        __doc__.split("\n\n")[1],
    ]
    for name, value in figures.items():
        rows = value if isinstance(value, list) else [{"what": key, "figure": number} for key, number in value.items()]
        sections += [f"## {name}", table(rows)]
    sections += [
        "## Which index",
        f"Up to {EXACT_UP_TO:,} templates are searched by numpy, more by faiss. A process that searches once pays more "
        "for importing and filling faiss than its search saves, at every size here. One that searches all day gains "
        "little where a search takes a few milliseconds anyway: from that number on it begins to matter.",
    ]
    return "\n\n".join(sections) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="folder for gallery-first.json and .md")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="no index larger than this")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gallery.db"
        gallery = open_gallery(path)
        figures = {
            "Imports, CPU, beyond an empty process": time_imports(path),
            "One transaction": time_transactions(gallery, path, rng),
            "Four writing processes": time_four_writers(Path(folder) / "writers.db", rng),
            "Reading": time_reading(Path(folder) / "many.db", rng),
            "One probe, CPU": [time_index(size, rng) for size in SIZES if size <= options.largest],
        }
    machine = {"cores": os.cpu_count(), "load at the end": round(os.getloadavg()[0], 1)}
    figures = {"Machine": machine, **figures}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gallery-first.json").write_text(json.dumps(figures, indent=1) + "\n")
    (options.out / "gallery-first.md").write_text(page(figures))
    print(page(figures))


if __name__ == "__main__":
    main()
