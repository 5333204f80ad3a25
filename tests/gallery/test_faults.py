"""Processes killed at the worst moment, many writers at once, and bytes that must be gone."""

import os
import random
import signal
import time
from contextlib import closing

import pytest
from sqlalchemy import Engine, event

from facerec.errors import GalleryUnusable
from facerec.gallery import open_gallery
from facerec.gallery.codec import to_bytes
from facerec.gallery.connect import connect_file, engine_at, reading
from facerec.gallery.searcher import Searcher


def kill_myself(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_before_the_commit_nothing_is_stored(gallery, path, make, holds, child):
    gallery.enroll([make("Anna", 1)])

    def enroll() -> None:
        event.listen(Engine, "commit", kill_myself)  # sqlalchemy says so just before it commits
        open_gallery(path).enroll([make("Ben", 2), make("Ben", 3)])

    assert child(enroll) == (-signal.SIGKILL, "")
    assert (path.parent / "gallery.db-wal").exists()  # what it had begun to write
    again = open_gallery(path)
    holds(again, [make("Anna", 1)])
    assert [summary.name for summary in again.subjects()] == ["Anna"]
    assert again.enroll([make("Ben", 2), make("Ben", 3)]).stored == 2


def test_killed_after_the_commit_everything_is_there_and_found(gallery, path, make, holds, child, encoder):
    def enroll() -> None:
        open_gallery(path).enroll([make("Ben", 2), make("Ben", 3)])
        kill_myself()

    assert child(enroll) == (-signal.SIGKILL, "")
    again = open_gallery(path)
    holds(again, [make("Ben", 2), make("Ben", 3)])
    assert Searcher(again, encoder).search(make("", 3).embedding[None], 1)[0][0][0] == "Ben"


@pytest.mark.parametrize("round", range(6))
def test_killed_at_any_moment_what_was_acknowledged_is_there_once(path, make, holds, round):
    """The child reports each enrolment once it has returned; the parent kills it in the middle of a later one."""
    receiver, sender = os.pipe()
    writer = os.fork()
    if writer == 0:
        gallery = open_gallery(path)
        for number in range(10_000):
            gallery.enroll([make(f"subject {number}", 2 * number), make(f"subject {number}", 2 * number + 1)])
            os.write(sender, b".")
        os._exit(1)
    os.close(sender)
    os.read(receiver, 1)
    time.sleep(random.Random(round).uniform(0, 0.15))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    with open(receiver) as reports:
        acknowledged = 1 + len(reports.read())
    gallery = open_gallery(path)
    holds(gallery, [make(f"subject {n // 2}", n) for n in range(2 * acknowledged)])
    assert len(gallery.subjects()) in (acknowledged, acknowledged + 1)
    assert {summary.templates for summary in gallery.subjects()} == {2}


def test_four_processes_enroll_into_a_gallery_that_is_not_there_yet(path, make, holds):
    def enroll(worker: int) -> None:
        gallery = open_gallery(path)
        for number in range(10):
            gallery.enroll([make(f"subject {worker}", 100 * worker + number)])

    children = []
    for worker in range(4):
        children.append(os.fork())
        if children[-1] == 0:
            try:
                enroll(worker)
                os._exit(0)
            finally:
                os._exit(1)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    gallery = open_gallery(path)
    holds(gallery, [make(f"subject {w}", 100 * w + n) for w in range(4) for n in range(10)])
    assert gallery.generation() == 40


def test_an_open_gallery_survives_a_fork(gallery, path, make, holds, child, encoder):
    gallery.enroll([make("Anna", 1)])
    searcher = Searcher(gallery, encoder)
    searcher.search(make("", 1).embedding[None], 1)

    def in_the_child() -> str:
        gallery.enroll([make("Ben", 2)])
        return searcher.search(make("", 2).embedding[None], 1)[0][0][0]

    assert child(in_the_child) == (0, "'Ben'")
    gallery.enroll([make("Carl", 3)])
    holds(gallery, [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


def traces(folder, *needles: bytes) -> list[str]:
    """Files that hold any 26 bytes of a needle, wherever it was cut."""
    parts = {needle[start : start + 26] for needle in needles for start in range(0, max(1, len(needle) - 25), 13)}
    return [file.name for file in folder.iterdir() if any(part in file.read_bytes() for part in parts)]


@pytest.mark.parametrize("others_are_reading", [False, True])
def test_what_was_removed_is_in_no_file(gallery, path, make, encoder, others_are_reading):
    name = "Marker Name That Is Twenty-Six Long"
    template = make(name, 77)
    needles = to_bytes(template.embedding), name.encode(), template.image_sha256.encode(), b"album/77.jpg"
    with closing(connect_file(path)) as other:
        if others_are_reading:
            other.execute("SELECT * FROM meta").fetchall()
        for number in range(20):
            gallery.enroll([make("Anna", number)])
        gallery.enroll([template])
        gallery.enroll([make("Anna", number) for number in range(20, 40)])
        assert traces(path.parent, *needles)
        gallery.remove(name)
        assert traces(path.parent, *needles) == []
    assert gallery.problems() == [] and len(gallery.embeddings(encoder)) == 40


def test_a_name_that_was_changed_is_in_no_file(gallery, path, make):
    gallery.enroll([make("Marker Name That Is Twenty-Six Long", 1)])
    gallery.rename("Marker Name That Is Twenty-Six Long", "Anna")
    assert traces(path.parent, b"Marker Name That Is Twenty-Six Long") == []


def test_a_reader_keeps_its_view_while_others_write(gallery, path, make):
    gallery.enroll([make("Anna", 1)])
    with reading(engine_at(path)) as connection:
        count = "SELECT count(*) FROM template"
        assert connection.exec_driver_sql(count).scalar() == 1
        gallery.enroll([make("Ben", 2)])
        assert connection.exec_driver_sql(count).scalar() == 1
    assert len(gallery.subjects()) == 2


def test_a_gallery_deleted_under_an_opener_is_said(gallery, path, make):
    path.unlink()
    with pytest.raises(GalleryUnusable):
        gallery.enroll([make()])
    assert not path.exists()
