"""Search latency and recall of several places where an index may live, over the same templates: `docs/results/servers`.

    scripts/bench_servers [--templates 100000] [--rounds 5] [--out docs/results]

Random directions around random centres stand in for people: 5 templates each. PostgreSQL is filled by COPY, then its
HNSW index is built; the others are filled from it. Every engine answers the same probes, one at a time, in turn (a
round of each, several rounds); the median of the rounds counts, and every round is in the JSON. What a change costs is
measured at the end: one more person is enrolled, and the next search has to find them. 100,000 templates take about
ten minutes on an idle machine of two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from facerec.gallery import open_gallery
from facerec.gallery.elsewhere import InTheServer
from facerec.gallery.index import ExactIndex, FaissIndex
from facerec.gallery.kinds import index_builder
from facerec.gallery.milvus import Milvus
from facerec.gallery.store import Gallery
from facerec.records import DIM, Float32, Int64, Template, unit
from tests.gallery.server import running

ENCODER = "e" * 64
SPREAD = 0.6
"""Length of the noise around a person's direction: similarities within a person of about 0.7."""
PROBES, CHANGES = 40, 5

Search = Callable[[Float32], Int64]


def people(templates: int, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Templates (N, 128), five a person, and probes of as many people (Q, 128)."""
    centres = unit(rng.standard_normal((templates // 5, DIM)).astype(np.float32))
    noisy = [centres + SPREAD * unit(rng.standard_normal(centres.shape).astype(np.float32)) for _ in range(6)]
    rows = np.stack([unit(one) for one in noisy[:5]], axis=1).reshape(-1, DIM)
    chosen = rng.choice(len(centres), PROBES, replace=False)
    return rows, unit(noisy[5][chosen])


def fill(url: str, rows: Float32) -> dict[str, float]:
    """Put the templates on the server: a thousand with its HNSW index in place, the rest before it is made again."""
    import psycopg

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("INSERT INTO subject (uid, name, created_at) SELECT md5(n::text), n::text, now() "
                           f"FROM generate_series(1, {len(rows) // 5}) n")  # fmt: skip
        connection.execute("INSERT INTO face (subject_id, source, image_sha256, x1, y1, x2, y2, created_at) "
                           "SELECT 1 + (n - 1) / 5, 'x', lpad(n::text, 64, '0'), 0, 0, 1, 1, now() "
                           f"FROM generate_series(1, {len(rows)}) n")  # fmt: skip
        seconds = {"rows_with_hnsw": copied(connection, rows[:1000], 1)}
        connection.execute("DROP INDEX ix_template_embedding")
        seconds["rows_without_hnsw"] = copied(connection, rows[1000:], 1001)
        began = time.perf_counter()
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SET max_parallel_maintenance_workers = 0")
        connection.execute("CREATE INDEX ix_template_embedding ON template USING hnsw (embedding vector_ip_ops)")
        seconds["hnsw_build"] = time.perf_counter() - began
        connection.execute("ANALYZE")
        size = connection.execute(
            "SELECT pg_relation_size('ix_template_embedding'), pg_total_relation_size('template')"
        )
        seconds["hnsw_bytes"], seconds["table_bytes"] = size.fetchone()
    return seconds


def copied(connection, rows: Float32, first: int) -> float:
    """Seconds to copy templates in."""
    began = time.perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY template (face_id, encoder, embedding, generation) FROM STDIN") as copy,
    ):
        for number, row in enumerate(rows, start=first):
            copy.write_row((number, ENCODER, f"[{','.join(map(str, row))}]", 1))
    return time.perf_counter() - began


class Engines:
    """What answers, by name, and what it took to get each ready."""

    def __init__(self, gallery: Gallery, folder: str):
        self.gallery, self.folder = gallery, Path(folder)
        self.search: dict[str, Search] = {}
        self.seconds: dict[str, float] = {}
        self.milvus: dict[str, Milvus] = {}

    def local(self, name: str, kind, ids: Int64, rows: Float32) -> None:
        began = time.perf_counter()
        index = kind(ids, rows)
        index.search(rows[:1], 1)
        self.seconds[name] = time.perf_counter() - began
        self.search[name] = lambda probe: index.search(probe, 10).ids[0]

    def on_server(self, name: str, exact: bool) -> None:
        where = InTheServer(exact)
        self.search[name] = lambda probe: where.search(self.gallery, ENCODER, probe, 10).ids[0]

    def in_milvus(self, name: str, kind: str) -> None:
        """Filled from SQL and indexed: what is not indexed yet is scanned, and would be measured as its index."""
        where = Milvus(str(self.folder / f"{kind}.db"), kind)
        began = time.perf_counter()
        where.follow(self.gallery, ENCODER)
        self.seconds[f"{name}, filled from SQL"] = time.perf_counter() - began
        where.settle(self.gallery, ENCODER)
        self.seconds[name] = time.perf_counter() - began
        self.milvus[name] = where
        self.search[name] = lambda probe: where.search(self.gallery, ENCODER, probe, 10).ids[0]


def compared(engines: dict[str, Search], probes: Float32, rounds: int) -> dict[str, dict[str, object]]:
    """Milliseconds a probe, and the share of the exact best one and best ten that each engine finds."""
    right = [engines["numpy, exact"](probe[None]) for probe in probes]
    found: dict[str, list[Int64]] = {}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds):
        for name, search in engines.items():
            began = time.perf_counter()
            found[name] = [search(probe[None]) for probe in probes]
            times[name].append((time.perf_counter() - began) / len(probes) * 1e3)
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    base = statistics.median(times["faiss, exact"])
    return {
        name: {
            "ms": round(statistics.median(times[name]), 3),
            "trials_ms": [round(one, 3) for one in times[name]],
            "beside_faiss": round(statistics.median(times[name]) / base, 2),
            "recall_1": float(np.mean([a[0] == b[0] for a, b in zip(found[name], right, strict=True)])),
            "recall_10": float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found[name], right, strict=True)])),
        }
        for name in engines
    }


def followed(engines: Engines, rng: np.random.Generator) -> dict[str, list[float]]:
    """Milliseconds of the first search after somebody was enrolled, who must be found by it."""
    names = [name for name in engines.search if "PostgreSQL" in name or "Milvus" in name]
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(CHANGES):
        row = unit(rng.standard_normal((1, DIM)))
        picture = f"{number:x}".rjust(64, "f")
        newcomer = Template(f"newcomer {number}", "x", picture, (0.0, 0.0, 9.0, 9.0), {}, ENCODER, row[0])
        (own,) = engines.gallery.enroll([newcomer]).template_ids
        for name in names:
            began = time.perf_counter()
            best = engines.search[name](row)[0]
            times[name].append(round((time.perf_counter() - began) * 1e3, 3))
            if best != own:
                raise SystemExit(f"{name} does not find who was just enrolled")
    return times


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--templates", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--out", type=Path, default=Path("docs/results"))
    given = arguments.parse_args()
    faiss.omp_set_num_threads(1)
    began, load, rng = time.monotonic(), os.getloadavg()[0], np.random.default_rng(7)
    rows, probes = people(given.templates, rng)
    ids = np.arange(1, len(rows) + 1)
    with tempfile.TemporaryDirectory() as folder, running() as server, server.fresh() as url:
        open_gallery(url).close()
        filled = fill(url, rows)
        say(began, "PostgreSQL is filled and indexed")
        gallery = open_gallery(url, create=False)
        gallery.save_setting("bench", "a first change")  # which gives the gallery a state that can be followed
        engines = Engines(gallery, folder)
        engines.local("numpy, exact", ExactIndex, ids, rows)
        engines.local("faiss, exact", FaissIndex, ids, rows)
        engines.local("faiss, HNSW32", index_builder("HNSW32"), ids, rows)
        engines.on_server("PostgreSQL, exact", True)
        engines.on_server("PostgreSQL, HNSW", False)
        for kind in ("FLAT", "HNSW"):
            engines.in_milvus(f"Milvus, embedded, {kind}", kind)
            say(began, f"Milvus has its {kind}")
        found = compared(engines.search, probes, given.rounds)
        result = {
            "made_by": f"scripts/bench_servers --templates {given.templates} --rounds {given.rounds}",
            "commit": commit(), "cores": os.cpu_count(),
            "load_start": round(load, 1), "load_end": round(os.getloadavg()[0], 1),
            "templates": len(rows), "probes": PROBES, "rounds": given.rounds,
            "built_seconds": {name: round(seconds, 2) for name, seconds in engines.seconds.items()},
            "server": {name: round(value, 3) for name, value in filled.items()},
            "engines": found, "first_search_after_a_change_ms": followed(engines, rng),
            "minutes": round((time.monotonic() - began) / 60, 1),
        }  # fmt: skip
        gallery.close()
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "servers.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "servers.md").write_text(page(result))
    print(page(result))


def say(began: float, words: str) -> None:
    print(f"{time.monotonic() - began:.0f} s: {words}", file=sys.stderr, flush=True)


def commit() -> str:
    """Of the code that is measured, with a plus where something is not committed."""
    git = ["git", "-C", str(Path(__file__).parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout.strip()
    return f"{head}+" if changed else head


HEAD = (
    *("engine", "ms a search", "beside exact faiss", "recall@1", "recall@10", "seconds to build"),
    "ms, first search after a change",
)


def page(result: dict) -> str:
    """The figures as a page."""
    server, built, engines = result["server"], result["built_seconds"], result["engines"]
    built = {**built, "PostgreSQL, HNSW": server["hnsw_build"]}
    changed, templates = result["first_search_after_a_change_ms"], result["templates"]
    lines = [
        "# Where an index may live",
        "",
        f"`{result['made_by']}`, commit {result['commit']}: {templates:,} random templates, five a person;",
        f"{result['probes']} probes one at a time, ten candidates each, the engines in turn, the median of",
        f"{result['rounds']} rounds (each of them is in the JSON). PostgreSQL 18 with pgvector 0.8 on the same",
        "machine, by way of a socket, nothing flushed to its disk; Milvus in its embedded form, following the gallery",
        "on that PostgreSQL and compared again with its embeddings, as `identify` does it; one thread everywhere.",
        "Recall is the share of the exact answer that was found.",
        "",
        f"Load {result['load_start']} at the start and {result['load_end']} at the end, on {result['cores']} cores;",
        f"{result['minutes']} minutes in all. Where it is far above the cores, an engine in a process of its own",
        "(PostgreSQL) waits for its turn at every question, and the times say more about that than about searching;",
        "recall and bytes do not depend on it.",
        "",
        f"| {' | '.join(HEAD)} |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in engines.items():
        cells = [
            name,
            f"{one['ms']:.2f}",
            f"{one['beside_faiss']:.2f}",
            f"{one['recall_1']:.3f}",
            f"{one['recall_10']:.3f}",
            f"{built[name]:.1f}" if name in built else "-",
            f"{statistics.median(changed[name]):.1f}" if name in changed else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    without = server["rows_without_hnsw"] / (templates - 1000) * 1e3
    lines += [
        "",
        f"A template takes {server['table_bytes'] / templates:.0f} bytes on the server, table and indexes together;",
        f"its HNSW index {server['hnsw_bytes'] / templates:.0f} of them. One copied in takes {without:.2f} ms without",
        f"that index, and {server['rows_with_hnsw']:.2f} ms among the first thousand with it.",
        "",
        "Of what Milvus takes to build, to read everything from SQL and to send it is",
        f"{built['Milvus, embedded, FLAT, filled from SQL']:.1f} s for FLAT and"
        f" {built['Milvus, embedded, HNSW, filled from SQL']:.1f} s for HNSW; the rest is its index.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
