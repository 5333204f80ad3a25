"""A log that belongs to another gallery is never read into this one."""

import shutil
import sqlite3
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from facerec.errors import GalleryUnusable
from facerec.gallery import open_gallery
from facerec.gallery.connect import connect_file
from facerec.gallery.foreign_log import Meta, _metas_in, _pages, require_own_log


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def metas_of(path: Path) -> list[Meta]:
    with log_of(path).open("rb") as log:
        return [meta for _, page in _pages(log) for meta in _metas_in(page)]


@contextmanager
def unwritten(path: Path) -> Iterator[None]:
    """What is written within the block stays in the log."""
    with closing(connect_file(path)) as connection:
        connection.execute("SELECT * FROM meta").fetchall()
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM meta").fetchall()
        yield


def copy_with_log(path: Path, to: Path) -> Path:
    """The two files as they lie: what a killed process leaves."""
    to.parent.mkdir()
    shutil.copy(path, to)
    shutil.copy(log_of(path), log_of(to))
    return to


@pytest.fixture
def other(blank: Path, tmp_path: Path) -> Path:
    """Another gallery, of its own id, with a log that holds a change."""
    path = tmp_path / "other" / "gallery.db"
    path.parent.mkdir()
    open_gallery(path)
    return path


def test_f21_the_log_of_another_gallery_is_refused_and_nothing_is_written(gallery, path, other, make, holds):
    gallery.enroll([make("Anna", 1)])
    with unwritten(other):
        open_gallery(other).enroll([make("Ben", number) for number in range(2, 30)])
        shutil.copy(log_of(other), log_of(path))
    before = path.read_bytes(), log_of(path).read_bytes()
    with pytest.raises(GalleryUnusable, match="belongs to another gallery"):
        open_gallery(path)
    assert (path.read_bytes(), log_of(path).read_bytes()) == before
    log_of(path).unlink()
    holds(open_gallery(path), [make("Anna", 1)])


def test_f21_sqlite_alone_would_have_mixed_the_two(gallery, path, other, make):
    """Why the log is looked at."""
    gallery.enroll([make("Anna", 1)])
    with unwritten(other):
        open_gallery(other).enroll([make("Ben", number) for number in range(2, 30)])
        shutil.copy(log_of(other), log_of(path))
    with closing(sqlite3.connect(path)) as connection:
        try:
            names = connection.execute("SELECT name FROM subject").fetchall()
        except sqlite3.DatabaseError:
            names = []
    assert names != [("Anna",)]


def test_f21_a_log_that_is_newer_than_the_file_it_would_go_on_from_is_refused(gallery, path, make):
    """An older copy of the file was put back beside the newer one's log."""
    gallery.enroll([make("Anna", 1)])
    older = path.read_bytes()
    for number in range(2, 5):
        gallery.enroll([make("Anna", number)])
    with unwritten(path):
        gallery.enroll([make("Anna", 5)])
        log = log_of(path).read_bytes()
    path.write_bytes(older)
    log_of(path).write_bytes(log)
    with pytest.raises(GalleryUnusable, match="another copy of this one"):
        open_gallery(path)


def test_f21_an_older_log_of_the_same_gallery_is_refused(gallery, path, make, holds):
    """A folder put back file by file: SQLite would go back to what the log says, in some pages."""
    with unwritten(path):
        gallery.enroll([make("Anna", 1)])
        log = log_of(path).read_bytes()
    for number in range(2, 5):
        gallery.enroll([make("Anna", number)])
    log_of(path).write_bytes(log)
    before = path.read_bytes()
    with pytest.raises(GalleryUnusable, match="another copy of this one"):
        open_gallery(path)
    assert (path.read_bytes(), log_of(path).read_bytes()) == (before, log)
    log_of(path).unlink()
    holds(open_gallery(path), [make("Anna", number) for number in range(1, 5)])


@pytest.mark.parametrize("further", [0, 1, 3])
def test_f21_the_log_of_a_copy_that_went_another_way_is_refused(gallery, path, tmp_path, make, holds, further):
    """Both came to the same number of changes, or the copy to a higher one."""
    gallery.enroll([make("Anna", 1)])
    copy = tmp_path / "copy" / "gallery.db"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    with unwritten(copy):
        open_gallery(copy).enroll([make("Carl", 100 + number) for number in range(30)])
        for number in range(further):
            open_gallery(copy).enroll([make("Carl", 200 + number)])
        log = log_of(copy).read_bytes()
    gallery.enroll([make("Ben", 2)])
    gallery.enroll([make("Ben", 3)])
    log_of(path).write_bytes(log)
    with pytest.raises(GalleryUnusable, match="another copy of this one"):
        open_gallery(path)
    log_of(path).unlink()
    holds(open_gallery(path), [make("Anna", 1), make("Ben", 2), make("Ben", 3)])


@pytest.mark.parametrize("checkpoint", ["PASSIVE", "FULL", "RESTART"])
def test_ones_own_log_is_read_once_some_or_all_of_it_is_in_the_file(gallery, path, tmp_path, make, holds, checkpoint):
    """The copies are what a kill leaves: after a checkpoint of a part, after one of all, and after further changes."""
    gallery.enroll([make("Anna", 1)])
    copies = []
    with closing(connect_file(path)) as keeps_the_log:
        keeps_the_log.execute("SELECT * FROM meta").fetchall()
        for number in range(2, 8):
            gallery.enroll([make("Anna", number)])
            if number == 4:
                keeps_the_log.execute("BEGIN")  # a checkpoint stops here
                keeps_the_log.execute("SELECT * FROM meta").fetchall()
            elif number == 5:
                keeps_the_log.execute("PRAGMA busy_timeout = 0")
                with closing(connect_file(path)) as other:
                    other.execute("PRAGMA busy_timeout = 0")
                    other.execute(f"PRAGMA wal_checkpoint({checkpoint})").fetchall()
                copies.append((number, copy_with_log(path, tmp_path / "half" / "gallery.db")))
                keeps_the_log.execute("COMMIT")
                keeps_the_log.execute(f"PRAGMA wal_checkpoint({checkpoint})").fetchall()
                copies.append((number, copy_with_log(path, tmp_path / "whole" / "gallery.db")))
        copies.append((7, copy_with_log(path, tmp_path / "after" / "gallery.db")))
    for last, copy in copies:
        holds(open_gallery(copy), [make("Anna", number) for number in range(1, last + 1)])


def test_a_log_is_not_refused_for_what_others_do_while_it_is_looked_at(gallery, path, make, child):
    """One process enrolls, which empties and begins the log all the while; another looks."""

    def look() -> int:
        for _ in range(400):
            require_own_log(path)
        return 0

    def write() -> int:
        for number in range(60):
            open_gallery(path).enroll([make("Anna", number)])
        return 0

    with ThreadPoolExecutor(2) as pool:
        ended = [pool.submit(child, work) for work in (look, write)]
        assert [one.result() for one in ended] == [(0, "0"), (0, "0")]


def test_f21_a_lost_log_leaves_what_was_in_the_file(gallery, path, make, holds):
    gallery.enroll([make("Anna", 1)])
    with unwritten(path):
        gallery.enroll([make("Anna", 2)])
        kept = path.read_bytes()
    path.write_bytes(kept)
    for file in path.parent.glob("gallery.db-*"):
        file.unlink()
    holds(open_gallery(path), [make("Anna", 1)])


def test_ones_own_log_is_read(gallery, path, tmp_path, make, holds):
    gallery.enroll([make("Anna", 1)])
    with unwritten(path):
        for number in range(2, 40):
            gallery.enroll([make("Anna", number)])
        copy = copy_with_log(path, tmp_path / "copy" / "gallery.db")
    holds(open_gallery(copy), [make("Anna", number) for number in range(1, 40)])


def test_a_log_says_each_generation_in_the_order_of_writing(gallery, path, make):
    with unwritten(path):
        for number in range(300):  # generations of one byte and of two
            gallery.enroll([make("Anna", number)])
        found = list(metas_of(path))
    assert [meta.generation for meta in found] == list(range(1, 301))
    assert {meta.database for meta in found} == {gallery.state().database}


def test_what_an_earlier_use_left_at_the_end_of_a_log_is_not_read(gallery, path, make):
    """A log is written over from its beginning once all of it is in the file."""
    with closing(connect_file(path)) as keeps_the_log:
        keeps_the_log.execute("SELECT * FROM meta").fetchall()
        gallery.enroll([make("Anna", number) for number in range(50)])
        keeps_the_log.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        gallery.enroll([make("Anna", 50)])
        assert [meta.generation for meta in metas_of(path)] == [2]


def test_a_log_larger_than_memory_may_be_is_read_frame_by_frame(gallery, path, make):
    """Own frames at the beginning, a page of nothing a thousand times, and another gallery's at the end."""
    with unwritten(path):
        gallery.enroll([make("Anna", 1)])
        content = bytearray(log_of(path).read_bytes())
    salts = bytes(content[16:24])
    content += (bytes(8) + salts + bytes(8) + bytes(4096)) * 5000
    stranger = b"\x04\x00\x4d\x01" + b"0" * 32 + b"\x07"
    log_of(path).write_bytes(content + bytes(8) + salts + bytes(8) + stranger.ljust(4096, b"\0"))
    tracemalloc.start()
    try:
        with pytest.raises(GalleryUnusable, match="belongs to another gallery"):
            require_own_log(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 < log_of(path).stat().st_size / 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"short", bytes(4096), b"\xff" * 20_000])
def test_a_log_that_says_nothing_is_left_to_sqlite(gallery, path, content, make, holds):
    gallery.enroll([make("Anna", 1)])
    log_of(path).write_bytes(content)
    require_own_log(path)
    holds(open_gallery(path), [make("Anna", 1)])


def test_a_file_that_says_nothing_is_left_to_sqlite(tmp_path, gallery, path, make):
    """F9: the power was cut when the log was on the disk and the file was not."""
    with unwritten(path):
        gallery.enroll([make("Anna", 1)])
        copy = copy_with_log(path, tmp_path / "copy" / "gallery.db")
    copy.write_bytes(b"")
    with pytest.raises(GalleryUnusable, match="there is no gallery"):
        open_gallery(copy, create=False)
    assert open_gallery(copy).subjects() == []
