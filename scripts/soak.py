"""The long form of what the tests do in short: kill rounds, damaged snapshots, threads. Status 1: a finding.

Every round kills two writers and two readers at a random moment and then looks at everything, by the same function as
the tests (tests/gallery/invariants.py). Every damaged snapshot, of embeddings or of an approximate index, is put beside
a gallery, which is then searched, and the answers are compared with brute force over SQL. Writes
docs/results/gallery-soak.json; with `--add`, what this run came to is added to what is there, so that the long form can
be run in pieces (each with a seed of its own).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import random
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from facerec.cli.progress import bar
from facerec.evaluation.result_file import write_result
from facerec.gallery import keeping, open_gallery, snapshots
from facerec.gallery.factory_index import Factory
from facerec.gallery.index import FaissIndex, build_index
from facerec.gallery.layered import Build
from facerec.gallery.searcher import Searcher
from facerec.gallery.snapshot import LAYOUT, SIZE
from facerec.gallery.snapshots import Snapshots
from facerec.gallery.store import Gallery
from facerec.records import DIM, Template, unit
from tests.gallery.rounds import Rounds, Tally

ENCODER = hashlib.sha256(b"soak").hexdigest()
ROUNDS_PER_GALLERY = 50
"""What is looked at after a round grows with the rounds before it, so a new gallery is begun now and then."""

Figures = dict[str, Any]
Damage = Callable[[bytearray, random.Random], bytes]


def template(name: str, number: int) -> Template:
    """The template of one picture: the same number gives the same embedding."""
    embedding = unit(np.random.default_rng(number).standard_normal((1, DIM)))[0]
    image = hashlib.sha256(f"picture {number}".encode()).hexdigest()
    return Template(name, f"{number}.jpg", image, (0.0, 0.0, 50.0, 50.0), {}, ENCODER, embedding)


def kill_rounds(folder: Path, count: int, longest: float, seed: int) -> Figures:
    """So many rounds; raises AssertionError at the first that lost something."""
    started, tally, rounds = time.monotonic(), Tally(), None
    for number in bar(range(count), count, "kill rounds"):
        if number % ROUNDS_PER_GALLERY == 0:
            path = folder / f"{number}.db"
            open_gallery(path)
            rounds = Rounds(path, template, ENCODER, random.Random(seed + number), tally)
        assert rounds is not None
        rounds.run(longest)
    return {**asdict(tally), "lost_or_half": 0, "longest_round": longest, "seconds": round(time.monotonic() - started)}


def flip(content: bytearray, rng: random.Random) -> bytes:
    """One to eight bits turned, anywhere."""
    for _ in range(rng.randint(1, 8)):
        bit = rng.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def cut(content: bytearray, rng: random.Random) -> bytes:
    return bytes(content[: rng.randrange(len(content))])


def lengthen(content: bytearray, rng: random.Random) -> bytes:
    return bytes(content) + rng.randbytes(rng.randint(1, 5000))


def blank(content: bytearray, rng: random.Random) -> bytes:
    """A run of zeros, as a block that never reached the disk."""
    start = rng.randrange(len(content) - 1)
    length = rng.randint(1, len(content) - start)
    changed = bytes(content[:start]) + bytes(length) + bytes(content[start + length :])
    return changed if changed != bytes(content) else flip(content, rng)


def exchange_rows(content: bytearray, rng: random.Random) -> bytes:
    """Two ids change places: the embeddings are those of others, all of them sound."""
    count = (len(content) - SIZE) // (16 + 4 * DIM)
    first, second = (SIZE + 8 * place for place in rng.sample(range(count), 2))
    content[first : first + 8], content[second : second + 8] = (
        content[second : second + 8],
        content[first : first + 8],
    )
    return bytes(content)


def lie(content: bytearray, rng: random.Random) -> bytes:
    """A header that says something else about itself, under a digest that is right."""
    values = list(LAYOUT.unpack(content[: LAYOUT.size]))
    number = {1: 32, 2: 32, 7: 63, 8: 32, 9: 64, 10: 64}
    place = rng.choice([0, 3, 4, 5, 6, *number, 11, 12])
    before = values[place]
    while values[place] == before:
        values[place] = rng.getrandbits(number[place]) if place in number else rng.randbytes(len(before))
    packed = LAYOUT.pack(*values)
    return packed + hashlib.sha256(packed).digest() + bytes(content[SIZE:])


DAMAGES: dict[str, Damage] = {
    "bits turned": flip, "cut": cut, "longer": lengthen, "a run of zeros": blank, "ids exchanged": exchange_rows,
    "a header that lies": lie,
}  # fmt: skip


def brute_force(path: Path, probes: np.ndarray) -> list[str]:
    """Whose template is most like each probe, by SQL and numpy alone."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, embedding FROM template JOIN face ON face_id = face.id "
            "JOIN subject ON subject_id = subject.id"
        ).fetchall()
    stored = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(-1, DIM)
    return [rows[best][0] for best in (probes.astype(np.float64) @ stored.T.astype(np.float64)).argmax(axis=1)]


def damaged_files(folder: Path, count: int, seed: int, build: Build, what: str) -> Figures:
    """So many damaged snapshots, each beside a gallery that is searched: by `Factory`, those of its index."""
    logging.disable(logging.WARNING)  # each damaged file would be a line
    started, rng, path = time.monotonic(), random.Random(seed), folder / f"{what}.db"
    gallery = open_gallery(path)
    gallery.enroll([template(f"subject {number // 2}", number) for number in range(40)])
    probes = np.stack([template("", number).embedding for number in range(0, 40, 5)])
    meant = brute_force(path, probes)
    assert answers(gallery, probes, build) == meant
    kept = Snapshots(path).of_index(ENCODER) if isinstance(build, Factory) else Snapshots(path).of(ENCODER)
    whole, memory = kept.read_bytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen: Counter[str] = Counter()
    for number in bar(range(count), count, f"damaged {what}"):
        name = list(DAMAGES)[number % len(DAMAGES)]
        kept.write_bytes(DAMAGES[name](bytearray(whole), rng))
        seen[name] += 1
        seen["wrong answers"] += answers(gallery, probes, build) != meant
        seen["not replaced"] += kept.read_bytes() != whole
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / memory
    wrong, left = seen.pop("wrong answers", 0), seen.pop("not replaced", 0)
    return {
        "files": sum(seen.values()), "kinds": dict(seen), "wrong_answers": wrong, "accepted": left,
        "memory_at_most_times": round(grown, 2), "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def answers(gallery: Gallery, probes: np.ndarray, build: Build) -> list[str]:
    return [row[0][0] for row in Searcher(gallery, ENCODER, build).search(probes, 1)]


def threads(folder: Path, seconds: float) -> Figures:
    """Four threads search one index by faiss while a fifth enrolls and removes."""
    gallery = open_gallery(folder / "threads.db")
    gallery.enroll([template("always", number) for number in range(200)])
    searcher, done, seen = Searcher(gallery, ENCODER, FaissIndex), threading.Event(), Counter[str]()

    def search(number: int) -> None:
        while not done.is_set():
            name, alike = searcher.search(template("", number).embedding[None], 1)[0][0]
            seen["searches"] += 1
            seen["wrong_answers"] += name != "always" or alike < 0.999

    workers = [threading.Thread(target=search, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    deadline, number = time.monotonic() + seconds, 1000
    while time.monotonic() < deadline:
        gallery.enroll([template(f"passing {number}", number)])
        gallery.remove(f"passing {number}")
        number += 1
    done.set()
    for worker in workers:
        worker.join()
    return {"searches": seen["searches"], "wrong_answers": seen["wrong_answers"], "changes": 2 * (number - 1000),
            "seconds": seconds}  # fmt: skip


NOT_ADDED = {"longest_round", "memory_at_most_times"}
"""Of these the larger is kept."""


def sums(before: Figures, now: Figures) -> Figures:
    """Two runs as one."""
    return {key: total(key, before[key], now[key]) for key in now}


def total(key: str, before: Any, now: Any) -> Any:
    if isinstance(now, dict):
        return {name: total(name, before.get(name, 0), count) for name, count in now.items()} or before
    return max(before, now) if key in NOT_ADDED else before + now


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--longest", type=float, default=0.25, help="seconds that a round lives after its first write")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--indexes", type=int, default=2500, help="damaged files of an approximate index")
    parser.add_argument("--threads", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/gallery-soak.json"))
    parser.add_argument("--add", action="store_true", help="add up with what --out holds")
    return parser.parse_args()


def main() -> int:
    options = asked()
    snapshots.WORTH_FROM = 1  # even the smallest gallery has snapshots here
    keeping.WORTH_SECONDS = 0
    with tempfile.TemporaryDirectory(prefix="facerec-soak-") as name:
        folder = Path(name)
        figures = {
            "kill_rounds": kill_rounds(folder, options.rounds, options.longest, options.seed),
            "damaged_snapshots": damaged_files(folder, options.files, options.seed, build_index, "snapshots"),
            "damaged_indexes": damaged_files(folder, options.indexes, options.seed, Factory("SQ8"), "indexes"),
            "threads": threads(folder, options.threads),
        }
    words = f"scripts/soak {' '.join(sys.argv[1:])}".strip()
    if options.add and options.out.exists():
        before = json.loads(options.out.read_text(encoding="utf-8"))
        words = f"{before['command']}; {words}"
        figures = {part: sums(before[part], found) if part in before else found for part, found in figures.items()}
    write_result(options.out, {"command": words, **figures})
    for part, found in figures.items():
        print(part, found)
    return int(
        any(found.get(fault) for found in figures.values() for fault in ("wrong_answers", "accepted", "refusals"))
    )


if __name__ == "__main__":
    sys.exit(main())
