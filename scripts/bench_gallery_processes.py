"""Several processes at one gallery: enrolling at once, and how soon a removal is seen elsewhere."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bench_gallery_fill import ENCODER

from facerec.errors import GalleryUnusable
from facerec.gallery import open_gallery
from facerec.gallery.fusion import fused
from facerec.gallery.searcher import Searcher
from facerec.records import Template

PROCESSES, EACH = 4, 250

Newcomer = Callable[[int], Template]


def in_child(work: Callable[[], object]) -> tuple[int, int]:
    """Do work in a forked process: its pid, and a pipe that will hold its answer as JSON."""
    receiver, sender = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(sender, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(sender)
    return pid, receiver


def answer(child: tuple[int, int]) -> Any:
    """What a child said; fails where it failed."""
    pid, receiver = child
    with open(receiver) as said:
        words = said.read()
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(words)


def enrolling_at_once(path: Path, newcomer: Newcomer) -> dict[str, Any]:
    """Four processes enroll 250 each, one a transaction, into a gallery that is not there yet."""

    def enroll(worker: int) -> tuple[list[float], int]:
        gallery, taken, refused = open_gallery(path), [], 0
        for number in range(EACH):
            template, started = newcomer(worker * EACH + number + 1), time.perf_counter()
            try:
                gallery.enroll([template])
            except GalleryUnusable:
                refused += 1
            taken.append(1e3 * (time.perf_counter() - started))
        return taken, refused

    started = time.perf_counter()
    children = [in_child(lambda worker=worker: enroll(worker)) for worker in range(PROCESSES)]
    answers = [answer(child) for child in children]
    taken = np.concatenate([milliseconds for milliseconds, _ in answers])
    p50, p99 = np.percentile(taken, [50, 99])
    stored, refused = len(open_gallery(path).embeddings(ENCODER)), sum(number for _, number in answers)
    assert stored == PROCESSES * EACH - refused
    return {
        "processes": PROCESSES, "enrolments": len(taken), "stored": stored,
        "refused": refused, "p50_ms": float(p50), "p99_ms": float(p99),
        "max_ms": float(taken.max()), "seconds": time.perf_counter() - started,
    }  # fmt: skip


def until_unseen(path: Path, newcomer: Newcomer, times: int) -> dict[str, Any]:
    """Seconds until another process, searching all the time, has finished a search that does not find somebody who was
    removed: from the moment that the removal was called, and from the moment that it returned.

    The second is 0 where the search ended before that: the commit comes before snapshots are overwritten and the log
    is emptied. Both processes read one clock, that of the machine.
    """
    gallery, called, returned = open_gallery(path), [], []
    for number in range(times):
        template = newcomer(number + 1)
        gallery.enroll([template])
        go_receiver, go_sender = os.pipe()

        def watch(template: Template = template, ready: int = go_sender) -> float:
            searcher = Searcher(open_gallery(path), ENCODER, combine=fused)
            while searcher.search(template.embedding[None], 1)[0][0][0] == template.subject:
                os.write(ready, b".")
            return time.monotonic()

        child = in_child(watch)
        os.read(go_receiver, 1)
        begun = time.monotonic()
        gallery.remove(template.subject)
        removed = time.monotonic()
        unseen = answer(child)
        called.append(unseen - begun)
        returned.append(max(0.0, unseen - removed))
        os.close(go_receiver)
        os.close(go_sender)
    return {
        "times": times, "since_called": called, "since_returned": returned,
        "median": float(np.median(returned)), "max": max(returned),
    }  # fmt: skip
