"""One process that opens a gallery and answers one probe: how long, and in how much memory. Prints JSON.

Its words: the gallery, the encoder, what it may keep beside the gallery (nothing, embeddings, everything), the index.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    path, encoder, may_keep, spec = sys.argv[1:]
    started = time.perf_counter()
    import numpy as np

    from facerec.gallery import keeping, open_gallery, snapshots
    from facerec.gallery.kinds import index_builder
    from facerec.gallery.searcher import Searcher
    from facerec.records import DIM, unit

    snapshots.WORTH_FROM = 10**12 if may_keep == "nothing" else 1
    keeping.WORTH_SECONDS = 0 if may_keep == "everything" else 10**12
    gallery = open_gallery(path, create=False)
    imported, before = time.perf_counter(), memory()
    searcher = Searcher(gallery, encoder, index_builder(spec))
    current = searcher.current()
    loaded = time.perf_counter()
    probe = unit(np.random.default_rng(0).standard_normal((1, DIM)))
    best = searcher.search(probe, 5)[0]
    answered = time.perf_counter()
    print(json.dumps({
        "import_and_open_s": imported - started, "load_s": loaded - imported, "first_answer_s": answered - loaded,
        "whole_s": answered - started, "cpu_s": time.process_time(), "templates": len(current),
        "memory_per_template": (memory() - before) / max(1, len(current)), "best": best,
    }))  # fmt: skip


def memory() -> int:
    """Bytes that this process has in memory now."""
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * 4096


if __name__ == "__main__":
    main()
