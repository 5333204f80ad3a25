"""F7, F22 to F26, F48: several processes and threads at once."""

import os
import random
import signal
import statistics
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from facerec import failpoint
from facerec.gallery import open_gallery, snapshots
from facerec.gallery.copies import backup, restore
from facerec.gallery.erasure import half_written, read_list
from facerec.gallery.index import ExactIndex, FaissIndex
from facerec.gallery.searcher import Searcher
from tests.gallery.rounds import Rounds, picture_of

ROUNDS = int(os.environ.get("FACEREC_KILL_ROUNDS", "5"))
"""`scripts/soak` runs a thousand and more."""


def test_f7_two_writers_and_two_readers_killed_at_random_lose_nothing(gallery, path, encoder, snapshots_always):
    rounds = Rounds(path, picture_of, encoder, random.Random(0))
    for _ in range(ROUNDS):
        rounds.run(longest=0.05)
    tally = rounds.tally
    assert tally.refusals == [] and tally.wrong_answers == 0
    assert tally.rounds == ROUNDS and tally.acknowledged + tally.in_doubt >= ROUNDS


def test_f48_a_list_of_erasures_left_half_written_is_removed_though_another_wrote_it_whole(gallery, path, make, holds):
    """Two forget at the same moment: one writes the list with both in it, the other is killed while it writes."""
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    gallery.forget("Anna")
    half_written(path).write_bytes(b"0123")
    holds(open_gallery(path), [make("Ben", 2)])
    assert not half_written(path).exists()


def test_f48_many_forget_at_once_and_nobody_is_left_out_of_the_list(gallery, path, make, holds):
    """Nor does anybody wait for a lock that is held by who waits for them."""
    gallery.enroll([make(f"subject {number}", number) for number in range(25)])

    def forget(worker: int) -> None:
        for number in range(worker, 24, 4):
            open_gallery(path).forget(f"subject {number}")

    children = [start(lambda worker=worker: forget(worker)) for worker in range(4)]
    assert ended(*children) == [0] * 4
    assert len(read_list(path)) == 24
    holds(gallery, [make("subject 24", 24)])


def start(work) -> int:
    """Do work in a child; its pid."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def ended(*children: int) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def test_f22_a_backup_taken_while_others_write_is_one_moment_of_the_gallery(gallery, path, tmp_path, make, holds):
    """The n-th enrolment is there only with all before it, and none by half."""

    def write() -> None:
        for number in range(10_000):
            gallery.enroll([make(f"subject {number}", 2 * number), make(f"subject {number}", 2 * number + 1)])

    gallery.enroll([make("first", 10**6)])
    writer = start(write)
    try:
        counts = []
        for number in range(5):
            target = tmp_path / f"backup {number}"
            backup(path, target)
            restored = tmp_path / f"restored {number}.db"
            restore(target, restored)
            again = open_gallery(restored)
            names = {summary.name for summary in again.subjects()} - {"first"}
            assert names == {f"subject {n}" for n in range(len(names))}
            counts.append(len(names))
            holds(again, [make(f"subject {n // 2}", n) for n in range(2 * len(names))])
    finally:
        os.kill(writer, signal.SIGKILL)
        ended(writer)
    assert counts == sorted(counts) and counts[-1] > counts[0]


def test_f22_a_copy_of_the_file_alone_may_lack_what_the_log_holds(gallery, path, tmp_path, make, holds):
    """Why there is a command for backups."""
    with open(path, "rb") as held, open_connection(path):
        gallery.enroll([make("Anna", 1)])
        (tmp_path / "copy.db").write_bytes(held.read())
    assert open_gallery(tmp_path / "copy.db").subjects() == []
    assert [summary.name for summary in gallery.subjects()] == ["Anna"]
    holds(gallery, [make("Anna", 1)])
    holds(open_gallery(tmp_path / "copy.db"), [])


def open_connection(path: Path):
    from contextlib import closing

    from facerec.gallery.connect import connect_file

    connection = connect_file(path)
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM meta").fetchall()
    return closing(connection)


def test_f23_four_processes_enroll_and_nobody_is_told_that_it_is_locked(gallery, path, make, holds):
    waited, sender = os.pipe()

    def enroll(worker: int) -> None:
        mine = open_gallery(path)
        for number in range(15):
            started = time.monotonic()
            mine.enroll([make(f"subject {worker}", 100 * worker + number)])
            os.write(sender, f"{time.monotonic() - started}\n".encode())

    children = [start(lambda worker=worker: enroll(worker)) for worker in range(4)]
    assert ended(*children) == [0] * 4
    os.close(sender)
    with open(waited) as reports:
        seconds = sorted(map(float, reports))
    assert len(seconds) == 60 and seconds[-1] < snapshots.WAIT and statistics.median(seconds) < 5
    holds(gallery, [make(f"subject {w}", 100 * w + n) for w in range(4) for n in range(15)])


def test_f24_whoever_is_removed_by_one_process_is_found_by_no_other(gallery, path, make, encoder, child, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    searcher = Searcher(gallery, encoder)
    probe = make("", 1).embedding[None]
    assert searcher.search(probe, 1)[0][0][0] == "Anna"
    assert child(lambda: open_gallery(path).remove("Anna").templates) == (0, "1")
    assert [name for name, _ in searcher.search(probe, 5)[0]] == ["Ben"]  # the very next search
    holds(gallery, [make("Ben", 2)])


def test_f26_a_fork_after_opening_has_its_own_connection_and_index(gallery, make, holds, child, encoder):
    gallery.enroll([make("Anna", 1)])
    searcher = Searcher(gallery, encoder)
    searcher.search(make("", 1).embedding[None], 1)

    def in_the_child() -> str:
        gallery.enroll([make("Ben", 2)])
        return searcher.search(make("", 2).embedding[None], 1)[0][0][0]

    assert child(in_the_child) == (0, "'Ben'")
    gallery.enroll([make("Carl", 3)])
    assert searcher.search(make("", 3).embedding[None], 1)[0][0][0] == "Carl"
    holds(gallery, [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


@pytest.mark.parametrize("build", [ExactIndex, FaissIndex])
def test_f26_an_index_that_was_searched_by_threads_can_be_searched_after_a_fork(
    gallery, make, encoder, child, build, holds
):
    """The threads of the parent's search are not in the child: whoever waits for them waits for ever."""
    templates = [make(f"subject {number}", number) for number in range(200)]
    gallery.enroll(templates)
    searcher, probes = Searcher(gallery, encoder, build), np.stack([template.embedding for template in templates])
    meant = [row[0][0] for row in searcher.search(probes, 1)]

    def search_again() -> bool:
        signal.alarm(60)
        return [row[0][0] for row in searcher.search(probes, 1)] == meant

    assert child(search_again) == (0, "True")
    holds(gallery, templates)


@pytest.mark.parametrize("leave", ["remove", "forget"])
def test_f48_somebody_erased_while_a_snapshot_is_written_is_not_in_it(
    gallery, path, make, holds, encoder, snapshots_always, leave
):
    """The writer sleeps in the middle of its file; the erasure waits for it and takes the file away again."""
    gallery.enroll([make("Anna", 1), make("Ben", 2)])

    def write_slowly() -> None:
        failpoint.set_order("snapshot.mid_write:sleep")
        open_gallery(path).load(encoder)

    writer = start(write_slowly)
    part = f".gallery.db.{encoder[:16]}.snapshot.part"
    deadline = time.monotonic() + 30
    while not (path.parent / part).exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    getattr(gallery, leave)("Anna")
    assert ended(writer) == [0]
    needle = make("", 1).embedding.tobytes()[:64]
    assert [file.name for file in path.parent.iterdir() if needle in file.read_bytes()] == []
    holds(gallery, [make("Ben", 2)])


def test_f48_somebody_forgotten_while_a_backup_is_taken_is_not_restored_from_it(gallery, path, tmp_path, make, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])

    def copy_slowly() -> None:
        failpoint.set_order("backup.copied:sleep")
        backup(path, tmp_path / "backup")

    writer = start(copy_slowly)
    deadline = time.monotonic() + 30
    part, size = tmp_path / ".backup.part", path.stat().st_size
    while not (part.exists() and part.stat().st_size >= size) and time.monotonic() < deadline:
        time.sleep(0.002)
    gallery.forget("Anna")
    assert ended(writer) == [0]
    assert restore(tmp_path / "backup", path).erased == 1
    holds(gallery, [make("Ben", 2)])


def test_f25_threads_share_one_searcher_while_a_writer_adds(gallery, make, encoder, holds):
    """Nothing is ever added to an index that somebody searches."""
    gallery.enroll([make("Anna", number) for number in range(20)])
    searcher, wrong, done = Searcher(gallery, encoder), [], threading.Event()

    def search() -> None:
        while not done.is_set():
            found = searcher.search(make("", 7).embedding[None], 1)[0]
            if found[0][0] != "Anna" or found[0][1] < 0.999:
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20, 45):
        gallery.enroll([make("Ben", number)])
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    holds(gallery, [make("Ben", number) for number in range(20, 45)])
