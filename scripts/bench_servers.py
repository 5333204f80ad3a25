"""Search latency and recall of several places where an index may live, over the same templates: `docs/results/servers`.

    scripts/bench_servers [--templates 100000] [--out docs/results]

Random directions around random centres stand in for people: 5 templates each. Every engine answers the same probes, one
at a time, in turn (a round of each, several rounds); the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from facerec.gallery import open_gallery
from facerec.gallery.connect import reading
from facerec.gallery.elsewhere import Changes
from facerec.gallery.index import ExactIndex, FaissIndex
from facerec.gallery.kinds import index_builder
from facerec.gallery.milvus import Milvus, collection_of
from facerec.gallery.results import State
from facerec.gallery.server_search import search_templates
from facerec.records import DIM, Float32, Int64, unit
from tests.gallery.server import running

ENCODER = "e" * 64
SPREAD = 0.6
"""Length of the noise around a person's direction: similarities within a person of about 0.7."""
PROBES, ROUNDS = 40, 3

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
                           "SELECT 1 + (n - 1) / 5, 'x', repeat('0', 64), 0, 0, 1, 1, now() "
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


def on_server(engine, exact: bool) -> Search:
    def search(probe: Float32) -> Int64:
        with reading(engine) as connection:
            return search_templates(connection, ENCODER, probe, 10, exact).ids[0]

    return search


def compared(engines: dict[str, Search], probes: Float32) -> dict[str, dict[str, float]]:
    """Milliseconds a probe, and the share of the exact best one and best ten that each engine finds."""
    right = [engines["numpy, exact"](probe[None]) for probe in probes]
    found: dict[str, list[Int64]] = {}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, search in engines.items():
            began = time.perf_counter()
            found[name] = [search(probe[None]) for probe in probes]
            times[name].append((time.perf_counter() - began) / len(probes) * 1e3)
    base = statistics.median(times["faiss, exact"])
    return {
        name: {
            "ms": round(statistics.median(times[name]), 3),
            "beside_faiss": round(statistics.median(times[name]) / base, 2),
            "recall_1": float(np.mean([a[0] == b[0] for a, b in zip(found[name], right, strict=True)])),
            "recall_10": float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found[name], right, strict=True)])),
        }
        for name in engines
    }


def local(kind, ids: Int64, rows: Float32, built: dict[str, float], name: str) -> Search:
    began = time.perf_counter()
    index = kind(ids, rows)
    index.search(rows[:1], 1)
    built[name] = round(time.perf_counter() - began, 2)
    return lambda probe: index.search(probe, 10).ids[0]


class Named:
    """As much of a gallery as Milvus asks for."""

    def state(self) -> State:
        return State("bench", 1, None)


def in_milvus(folder: str, ids: Int64, rows: Float32, built: dict[str, float]) -> Search:
    """Everything in Milvus's own embedded form, without approximation."""
    milvus = Milvus(f"{folder}/milvus.db")
    began = time.perf_counter()
    whole = Changes(Named().state(), True, frozenset(), ids, (ids - 1) // 5, rows, len(rows))
    assert milvus._apply(collection_of("bench", ENCODER), whole)
    built["Milvus, embedded, FLAT"] = round(time.perf_counter() - began, 2)
    return lambda probe: milvus.search(Named(), ENCODER, probe, 10).ids[0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--templates", type=int, default=100_000)
    arguments.add_argument("--out", type=Path, default=Path("docs/results"))
    given = arguments.parse_args()
    rows, probes = people(given.templates, np.random.default_rng(7))
    ids, built = np.arange(1, len(rows) + 1), {}
    with tempfile.TemporaryDirectory() as folder, running() as server, server.fresh() as url:
        open_gallery(url).close()
        filled = fill(url, rows)
        gallery = open_gallery(url, create=False)
        engine = gallery._engine
        engines = {
            "numpy, exact": local(ExactIndex, ids, rows, built, "numpy, exact"),
            "faiss, exact": local(FaissIndex, ids, rows, built, "faiss, exact"),
            "faiss, HNSW32": local(index_builder("HNSW32"), ids, rows, built, "faiss, HNSW32"),
            "PostgreSQL, exact": on_server(engine, True),
            "PostgreSQL, HNSW": on_server(engine, False),
            "Milvus, embedded, FLAT": in_milvus(folder, ids, rows, built),
        }
        result = {
            **{"templates": len(rows), "probes": PROBES, "rounds": ROUNDS, "built_seconds": built, "server": filled},
            **{"engines": compared(engines, probes), "load at the end": round(os.getloadavg()[0], 1)},
        }
        gallery.close()
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "servers.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "servers.md").write_text(page(result))
    print(page(result))


def page(result: dict) -> str:
    """The figures as a page."""
    server, built, engines = result["server"], result["built_seconds"], result["engines"]
    built = {**built, "PostgreSQL, HNSW": server["hnsw_build"]}
    templates = result["templates"]
    lines = [
        "# Where an index may live",
        "",
        f"`scripts/bench_servers`: {templates:,} random templates, five a person; {result['probes']} probes one at a",
        f"time, ten candidates each, the engines in turn, the median of {result['rounds']} rounds. PostgreSQL 18 with",
        "pgvector 0.8 on the same machine, by way of a socket, nothing flushed to its disk; one thread everywhere.",
        "Recall is the share of the exact answer that was found.",
        "",
        f"Load at the end: {result.get('load at the end', 'not recorded; the machine was busy')}, on {os.cpu_count()}",
        "cores. Where it is far above them, an engine in a process of its own (PostgreSQL) waits for its turn at",
        "every question, and the times say more about that than about searching; recall and bytes do not depend on it.",
        "",
        "| engine | ms a search | beside exact faiss | recall@1 | recall@10 | seconds to build |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in engines.items():
        cells = [
            name,
            f"{one['ms']:.2f}",
            f"{one['beside_faiss']:.2f}",
            f"{one['recall_1']:.3f}",
            f"{one['recall_10']:.3f}",
        ]
        lines.append(f"| {' | '.join([*cells, f'{built[name]:.1f}' if name in built else '-'])} |")
    without = server["rows_without_hnsw"] / (templates - 1000) * 1e3
    lines += [
        "",
        f"A template takes {server['table_bytes'] / templates:.0f} bytes on the server, table and indexes together;",
        f"its HNSW index {server['hnsw_bytes'] / templates:.0f} of them. One copied in takes {without:.2f} ms without",
        f"that index, and {server['rows_with_hnsw']:.2f} ms among the first thousand with it.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
