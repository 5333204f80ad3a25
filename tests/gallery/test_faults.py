"""Processes killed at the worst moment, many writers at once, and bytes that must be gone."""

import os
import random
import resource
import shutil
import signal
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event

from facerec import failpoint
from facerec.errors import GalleryUnusable
from facerec.gallery import connect, open_gallery
from facerec.gallery.codec import to_bytes
from facerec.gallery.connect import connect_file, engine_at, reading
from facerec.gallery.copies import backup, restore
from facerec.gallery.results import Refusal
from facerec.gallery.searcher import Searcher
from facerec.gallery.snapshots import Snapshots
from facerec.gallery.store import Gallery
from facerec.recognition import Recognizer
from tests import fakes


def kill_myself(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_f1_killed_before_the_commit_nothing_is_stored(gallery, path, make, holds, child):
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


def test_f2_killed_after_the_commit_everything_is_there_and_found(gallery, path, make, holds, child, encoder):
    def enroll() -> None:
        open_gallery(path).enroll([make("Ben", 2), make("Ben", 3)])
        kill_myself()

    assert child(enroll) == (-signal.SIGKILL, "")
    again = open_gallery(path)
    holds(again, [make("Ben", 2), make("Ben", 3)])
    assert Searcher(again, encoder).search(make("", 3).embedding[None], 1)[0][0][0] == "Ben"


@pytest.mark.parametrize("round", range(6))
def test_f7_killed_at_any_moment_what_was_acknowledged_is_there_once(path, make, holds, round):
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


def test_f23_four_processes_enroll_into_a_gallery_that_is_not_there_yet(path, make, holds):
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


def traces(folder: Path, *needles: bytes) -> list[str]:
    """Files that hold any 26 bytes of a needle, wherever it was cut."""
    parts = {needle[start : start + 26] for needle in needles for start in range(0, max(1, len(needle) - 25), 13)}
    return [file.name for file in folder.iterdir() if any(part in file.read_bytes() for part in parts)]


@pytest.mark.parametrize("leave", ["remove", "forget"])
@pytest.mark.parametrize("others_are_reading", [False, True])
def test_what_was_removed_is_in_no_file(
    gallery, path, make, encoder, other_encoder, others_are_reading, leave, snapshots_always
):
    """Not in the database, its log, the snapshots of either encoder, the list of erasures, or anything half written."""
    name = "Marker Name That Is Twenty-Six Long"
    template, second = make(name, 77), make(name, 78, encoder=other_encoder)
    needles = [to_bytes(one.embedding) for one in (template, second)]
    needles += [name.encode(), template.image_sha256.encode(), b"picture of a marker/77.jpg"]
    template = replace(template, source="picture of a marker/77.jpg")
    with closing(connect_file(path)) as other:
        if others_are_reading:
            other.execute("SELECT * FROM meta").fetchall()
        for number in range(20):
            gallery.enroll([make("Anna", number)])
        gallery.enroll([template, second])
        gallery.remember_refusals([Refusal(name, "picture of a marker/79.jpg", "7" * 64, "no_face", "mtcnn")])
        gallery.enroll([make("Anna", number) for number in range(20, 40)])
        for one in (encoder, other_encoder):
            gallery.load(one)
        shutil.copy(Snapshots(path).of(encoder), path.parent / f".gallery.db.{encoder[:16]}.snapshot.part")
        assert len(traces(path.parent, *needles)) >= 4
        getattr(gallery, leave)(name)
        assert traces(path.parent, *needles) == []
        gallery.load(encoder)
        assert traces(path.parent, *needles) == []
    assert gallery.problems() == [] and len(gallery.embeddings(encoder)) == 40


def test_a_reader_that_never_ends_is_said_when_somebody_is_forgotten(gallery, path, make, monkeypatch):
    """The log cannot be emptied under it; the answer says so."""
    gallery.enroll([make("Anna", 1)])
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.05)
    with closing(connect_file(path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM meta").fetchall()
        assert not gallery.forget("Anna").is_log_empty
    gallery.enroll([make("Ben", 2)])
    assert gallery.forget("Ben").is_log_empty


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


def test_f10_a_full_disk_refuses_a_write_and_reading_goes_on(gallery, path, make, holds, child):
    """A limit on the size of files stands in for the disk."""
    gallery.enroll([make("Anna", 1)])

    def fill_it() -> list[str]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 300_000,) * 2)
        mine = open_gallery(path)
        with pytest.raises(GalleryUnusable, match="the disk is full"):
            for number in range(2, 2000):
                mine.enroll([make("Ben", 10 * number + more) for more in range(10)])
        return [summary.name for summary in mine.subjects()]

    assert child(fill_it) == (0, "['Anna', 'Ben']")
    holds(gallery, [make("Anna", 1)])
    faces = gallery.show("Ben").faces
    assert len(faces) % 10 == 0  # each enrolment whole or not at all


def test_f40_order_goes_by_generation_and_not_by_the_clock(path, make, holds, encoder):
    moments = iter(datetime(2030, 1, 1, tzinfo=UTC) - timedelta(days=day) for day in range(100))
    gallery = Gallery.open(path, now=lambda: next(moments))
    searcher = Searcher(gallery, encoder)
    for number in range(1, 6):
        gallery.enroll([make(f"subject {number}", number)])
        assert searcher.search(make("", number).embedding[None], 1)[0][0][0] == f"subject {number}"
    gallery.remove("subject 5")
    holds(gallery, [make(f"subject {number}", number) for number in range(1, 5)])


def test_f41_without_memory_a_search_fails_and_the_next_one_does_not(gallery, make, encoder, child, holds):
    gallery.enroll([make("Anna", 1)])
    searcher = Searcher(gallery, encoder)
    real = searcher._build

    def search_twice() -> str:
        def greedy(ids, rows):
            return np.ones(1 << 40, np.float64)

        searcher._build = greedy
        resource.setrlimit(resource.RLIMIT_AS, (1 << 36, resource.RLIM_INFINITY))
        with pytest.raises(GalleryUnusable, match="not enough memory"):
            searcher.search(make("", 1).embedding[None], 1)
        searcher._build = real
        return searcher.search(make("", 1).embedding[None], 1)[0][0][0]

    assert child(search_twice) == (0, "'Anna'")
    holds(gallery, [make("Anna", 1)])


def test_f43_without_file_handles_a_call_fails_and_the_next_one_does_not(gallery, make, encoder, child, holds):
    gallery.enroll([make("Anna", 1)])

    def run_out() -> list[str]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        held = []
        with pytest.raises(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for call in (gallery.subjects, lambda: gallery.enroll([make("Ben", 2)]), lambda: gallery.load(encoder)):
            with pytest.raises(GalleryUnusable):
                call()
        for handle in held:
            os.close(handle)
        gallery.enroll([make("Carl", 3)])
        return [summary.name for summary in gallery.subjects()]

    assert child(run_out) == (0, "['Anna', 'Carl']")
    holds(gallery, [make("Anna", 1), make("Carl", 3)])


def test_f47_a_folder_whose_enrolment_was_killed_is_gone_on_with(path, tmp_path, child, holds):
    """Nothing twice, nothing forgotten, and who was refused stays refused."""
    samples = []
    for number in range(12):
        colour = (20 * number + 10, 250 - 20 * number, 7 * number)
        people = [None] if number in (3, 8) else [colour]
        samples.append((f"subject {number}", fakes.save_picture(tmp_path / f"{number}.png", *people)))

    def enroll() -> list[str]:
        recognizer = Recognizer(fakes.pipeline(), fakes.points(), open_gallery(path))
        return [one.outcome for one in recognizer.enroll_all(samples, batch=2)]

    def killed() -> None:
        failpoint.set_order("write.after_commit:kill:4")
        enroll()

    assert child(killed) == (-signal.SIGKILL, "")
    before = {summary.name for summary in open_gallery(path).subjects()}
    outcomes = enroll()
    assert 0 < len(before) < 10 and outcomes.count("already_enrolled") == len(before)
    assert outcomes.count("enrolled") == 10 - len(before) and outcomes.count("no_face") == 2
    gallery = open_gallery(path)
    assert {(summary.faces, summary.templates) for summary in gallery.subjects()} == {(1, 1)}
    assert len(gallery.subjects()) == 10 and gallery.problems() == []
    assert set(enroll()) == {"already_enrolled", "no_face"}
    holds(gallery, [])


def test_no_row_is_in_a_log_however_loud_it_is(gallery, path, make, encoder, caplog):
    """At DEBUG sqlalchemy logs each row that it reads."""
    caplog.set_level("DEBUG", "sqlalchemy")
    template = replace(make("Marker Name", 1), source="picture of a marker.jpg")
    opened = open_gallery(path)
    opened.enroll([template])
    opened.load(encoder)
    opened.show("Marker Name")
    backup(path, path.with_name("backup"))
    restore(path.with_name("backup"), path)
    for needle in ("Marker", "marker.jpg", template.image_sha256, repr(to_bytes(template.embedding))[2:20]):
        assert needle not in caplog.text


def test_no_name_path_or_embedding_is_in_a_log(gallery, path, make, encoder, snapshots_always, caplog):
    """V6, of everything that writes a line: doubts about snapshots, disks that refuse."""
    caplog.set_level("DEBUG")
    template = replace(make("Marker Name", 1), source="picture of a marker.jpg")
    gallery.enroll([template])
    gallery.load(encoder)
    Snapshots(path).of(encoder).write_bytes(b"damaged")
    gallery.load(encoder)
    gallery.forget("Marker Name")
    assert "is not used" in caplog.text
    for needle in ("Marker", "marker.jpg", template.image_sha256, repr(to_bytes(template.embedding))[2:20]):
        assert needle not in caplog.text
