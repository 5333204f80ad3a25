"""Galleries of 1,000 to 1,000,000 templates: start, search, change, size on disk and in memory, and how each grows.

Embeddings are synthetic unit rows around real ones (`--around FILE.npy`, or random ones without it), ten to a subject.
Starts are whole processes on a warm file cache. A search is timed against `faiss.IndexFlatIP` on the same rows, turn by
turn, and the ratio is that of the medians; so is an approximate index against an exact one. Writes
docs/results/gallery.json, .md and .png, the JSON after every size: `--add` goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from bench_gallery_fill import ENCODER, PER_SUBJECT, embeddings, fill
from bench_gallery_page import page
from bench_gallery_processes import enrolling_at_once, until_unseen

from facerec.evaluation.result_file import write_result
from facerec.gallery import open_gallery
from facerec.gallery.fusion import fused
from facerec.gallery.kinds import EXACT
from facerec.gallery.measured import candidates, measure, trial
from facerec.gallery.searcher import Searcher
from facerec.gallery.snapshots import Snapshots
from facerec.plots.costs import costs_against_size
from facerec.plots.figure import save
from facerec.records import DIM, Float32, Template, unit

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
START = Path(__file__).with_name("bench_gallery_start.py")
TURNS = 15
APPROXIMATE_FROM = 100_000
ENOUGH = 0.999
"""Recall@1 at which no more lists are looked into. Graphs are left out: they take minutes to build."""

THRESHOLD = 0.3
"""Only for the FNIR of approximate search on synthetic embeddings; the recall does not depend on it."""

Figures = dict[str, Any]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def newcomer(number: int) -> Template:
    """Somebody who is not in the gallery yet."""
    row = unit(np.random.default_rng(10**9 + number).standard_normal((1, DIM)))[0]
    digest = f"{number:064x}"
    return Template(f"newcomer {number}", f"{number}.jpg", digest, (0.0, 0.0, 50.0, 50.0), {}, ENCODER, row)


def start(path: Path, may_keep: str, spec: str = EXACT) -> Figures:
    """A process that opens the gallery and answers once: what it says of itself, and what it took from outside."""
    words = [sys.executable, str(START), str(path), ENCODER, may_keep, spec]
    started = time.perf_counter()
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return {**json.loads(done.stdout), "process_s": time.perf_counter() - started}


def starts(path: Path) -> Figures:
    """From every row, writing a snapshot, and from the snapshot: the best of three, since others only add time."""
    kept = Snapshots(path).of(ENCODER)
    by_rows = least(path, 3, "nothing")
    first = start(path, "embeddings")
    by_snapshot = least(path, 3, "embeddings")
    assert kept.exists() and first["best"] == by_rows["best"] == by_snapshot["best"]
    return {"from_sql": by_rows, "from_sql_with_snapshot_written": first, "from_snapshot": by_snapshot,
            "snapshot_bytes": kept.stat().st_size}  # fmt: skip


def least(path: Path, count: int, may_keep: str, spec: str = EXACT) -> Figures:
    """The quickest of so many starts, since others only add time."""
    return min((start(path, may_keep, spec) for _ in range(count)), key=lambda one: one["process_s"])


def approximate_starts(path: Path) -> Figures:
    """With an inverted file that is built, one that is built and kept, and the kept one; the embeddings' snapshot is
    there each time. For comparison, exact search from that snapshot."""
    count = open_gallery(path).stats().subjects * PER_SUBJECT
    if count < APPROXIMATE_FROM:
        return {}
    spec = next(one for one in candidates(count) if one.endswith("nprobe=32"))
    kept = Snapshots(path).of_index(ENCODER)
    kept.unlink(missing_ok=True)
    start(path, "embeddings")
    built, first = least(path, 2, "embeddings", spec), start(path, "everything", spec)
    read, exact = least(path, 3, "everything", spec), least(path, 3, "embeddings")
    assert first["best"] == read["best"]
    return {"spec": spec, "exact_from_snapshot": exact, "built": built, "built_and_kept": first, "kept": read,
            "index_bytes": kept.stat().st_size, "times_as_fast": built["process_s"] / read["process_s"]}  # fmt: skip


def searches(path: Path) -> Figures:
    """Milliseconds of the five best for one probe and for a hundred, ours and raw faiss in turn, with the ratio."""
    import faiss

    searcher, rng = Searcher(open_gallery(path), ENCODER), np.random.default_rng(0)
    rows = open_gallery(path).embeddings(ENCODER).rows
    raw = faiss.IndexFlatIP(DIM)
    raw.add(rows)
    found: Figures = {}
    for count in (1, 100):
        probes = unit(
            rows[rng.integers(len(rows), size=count)] + 0.3 / np.sqrt(DIM) * rng.standard_normal((count, DIM))
        )
        index = searcher.current().index
        works = {
            "ours": lambda p=probes: searcher.search(p, 5), "index": lambda p=probes, index=index: index.search(p, 5),
            "faiss": lambda p=probes: raw.search(p, 5),
        }  # fmt: skip
        taken: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(TURNS + 1):
            for name, work in works.items():
                taken[name] += [1e3 * seconds(work)] if turn else []  # the first turn warms up
        ours, index_ms, theirs = (float(np.median(taken[name])) for name in works)
        found[f"{count}_probes"] = {"ours_ms": ours, "index_ms": index_ms, "faiss_ms": theirs,
                                    "ratio": index_ms / theirs, "ratio_of_subjects": ours / theirs}  # fmt: skip
        agree(searcher.search(probes, 5), raw.search(probes, 5)[0])
    return found


def agree(found: list[tuple[tuple[str, float], ...]], similarities: Float32) -> None:
    """Our best answer to each probe is as alike as that of raw faiss."""
    for row, best in zip(found, similarities[:, 0].tolist(), strict=True):
        assert abs(row[0][1] - min(1.0, best)) < 1e-5, (row[0], best)


def changes(path: Path) -> Figures:
    """Milliseconds: to remove one while there is a snapshot, which is overwritten; then, medians, to enroll one, to see
    it in a search elsewhere, to remove it, to see that."""
    gallery, probe = open_gallery(path), newcomer(0).embedding[None]
    gallery.enroll([newcomer(0)])
    gallery.load(ENCODER)
    searcher = Searcher(open_gallery(path), ENCODER, combine=fused)
    searcher.search(probe, 1)
    found = {"remove_with_snapshot_ms": 1e3 * seconds(lambda: gallery.remove("newcomer 0"))}
    works = {
        "enroll_ms": lambda: gallery.enroll([newcomer(0)]),
        "seen_ms": lambda: searcher.search(probe, 1),
        "remove_ms": lambda: gallery.remove("newcomer 0"),
        "unseen_ms": lambda: searcher.search(probe, 1),
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(7):
        for name, work in works.items():
            taken[name].append(1e3 * seconds(work))
    return found | {name: float(np.median(values)) for name, values in taken.items()}


def approximate(path: Path) -> list[Figures]:
    """Inverted files with more and more lists looked into, until one finds nearly all; then the flat 8 bits."""
    if len(open_gallery(path).embeddings(ENCODER)) < APPROXIMATE_FROM:
        return []
    on = trial(open_gallery(path).load(ENCODER), THRESHOLD)
    specs = candidates(len(on.searched))
    found = []
    for one in measure(on, [spec for spec in specs if spec.startswith("IVF")]):
        found.append(one)
        if one.recall >= ENOUGH:
            break
    found += measure(on, ["SQ8"])
    return [{**asdict(one), "times_as_fast": one.times_as_fast} for one in found]


def unseen(path: Path) -> Figures:
    """Seconds until another process, searching all the time, no longer finds somebody who was removed."""
    return until_unseen(path, newcomer, 5)


PARTS: dict[str, Callable[[Path], Any]] = {
    "start": starts, "search": searches, "change": changes, "seconds_until_another_process_sees_a_removal": unseen,
    "approximate": approximate, "start_approximate": approximate_starts,
}  # fmt: skip


def made(folder: Path, count: int, given: Float32) -> Path:
    """The gallery of so many templates: the one that is there, or a new one."""
    path = folder / f"{count}.db"
    if not path.exists():
        fresh = folder / f"{count}.fresh"
        fill(fresh, embeddings(count, given, np.random.default_rng(count)))
        fresh.rename(path)
    return path


def curves(sizes: list[Figures]) -> dict[str, list[tuple[float, float]]]:
    """Seconds by size, for the plot."""
    takes: dict[str, Callable[[Figures], float]] = {
        "start, reading every row": lambda one: one["start"]["from_sql"]["process_s"],
        "start, from a snapshot": lambda one: one["start"]["from_snapshot"]["process_s"],
        "search, one probe": lambda one: one["search"]["1_probes"]["ours_ms"] / 1e3,
        "raw faiss, one probe": lambda one: one["search"]["1_probes"]["faiss_ms"] / 1e3,
        "enroll one": lambda one: one["change"]["enroll_ms"] / 1e3,
        "search after a change": lambda one: one["change"]["seen_ms"] / 1e3,
    }
    return {name: [(one["templates"], take(one)) for one in sizes] for name, take in takes.items()}


def measured(kept: Figures, path: Path, count: int, parts: list[str]) -> None:
    """Measure what is not there yet of one size."""
    mine = next((one for one in kept["sizes"] if one["templates"] == count), None)
    if mine is None:
        mine = {"templates": count, "bytes_of_database": path.stat().st_size / count}
        kept["sizes"] = sorted([*kept["sizes"], mine], key=lambda one: one["templates"])
    for part in parts:
        if part in PARTS and part not in mine:
            mine.setdefault("load", {})[part] = round(os.getloadavg()[0], 1)
            mine[part] = PARTS[part](path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="no gallery larger than this")
    parser.add_argument("--around", type=Path, help="real embeddings (N, 128), as a .npy file")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--note", action="append", default=[], help="what the page must say of how it was made")
    parser.add_argument("--add", action="store_true", help="keep what --out has already")
    parser.add_argument("--folder", type=Path, help="keep the galleries here, for other parts; they need 2.5 GB")
    parser.add_argument("--parts", nargs="*", choices=[*PARTS, "enrolling"], default=[*PARTS, "enrolling"],
                        help="measure these only; none: make the galleries")  # fmt: skip
    options = parser.parse_args()
    random = np.random.default_rng(0).standard_normal((5000, DIM))
    given = np.load(options.around, allow_pickle=False) if options.around else random
    words = "scripts/bench_gallery" + (f" --around {options.around.name}" if options.around else "")
    out = options.out / "gallery.json"
    kept: Figures = json.loads(out.read_text(encoding="utf-8")) if options.add and out.exists() else {"sizes": []}
    kept |= {"command": words, "around": "real embeddings" if options.around else "random ones"}
    kept["notes"] = [*kept.get("notes", []), *options.note]
    with tempfile.TemporaryDirectory() as fleeting:
        folder = options.folder or Path(fleeting)
        for count in [size for size in SIZES if size <= options.largest]:
            measured(kept, made(folder, count, unit(given.astype(np.float32))), count, options.parts)
            write_result(out, kept)
            if not options.folder:
                for file in folder.glob(f"{count}.db*"):
                    file.unlink()
        if "enrolling" in options.parts and "enrolling" not in kept:
            kept["enrolling"] = enrolling_at_once(Path(fleeting) / "busy.db", newcomer)
            write_result(out, kept)
    write_result(out, kept)
    if "enrolling" not in kept or any(part not in one for one in kept["sizes"] for part in PARTS):
        print("the page is written once every part is measured")
        return
    found = kept["sizes"]
    save(costs_against_size(curves(found), "What a larger gallery costs", "templates", "seconds"),
         options.out / "gallery.png")  # fmt: skip
    (options.out / "gallery.md").write_text(page(kept, options.out), encoding="utf-8")
    print(page(kept, options.out))


if __name__ == "__main__":
    main()
