"""Backups and restoring: one moment of a gallery, put back in one step."""

import os
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from facerec import failpoint
from facerec.errors import GalleryUnusable, InvalidInput
from facerec.gallery import copies, open_gallery
from facerec.gallery.alone import take_alone
from facerec.gallery.codec import to_bytes
from facerec.gallery.connect import BUSY_SECONDS, connect_file, create_file, is_kept_beside
from facerec.gallery.copies import backup, restore
from facerec.gallery.erasure import list_beside
from facerec.gallery.moving import move
from facerec.gallery.searcher import Searcher
from tests.gallery.disk_calls import Call, watched

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def kept(gallery, path, tmp_path, make) -> Path:
    """A backup of Anna and Ben."""
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    backup(path, tmp_path / "backup.db")
    return tmp_path / "backup.db"


def names(gallery) -> list[str]:
    return [summary.name for summary in gallery.subjects()]


def test_a_backup_is_a_gallery_in_one_file_that_its_owner_only_can_read(kept, holds, make):
    assert kept.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    holds(open_gallery(kept, create=False), [make("Anna", 1), make("Ben", 2)])


def test_what_came_later_is_gone_after_restoring_and_what_went_is_back(gallery, path, kept, make, holds):
    gallery.remove("Anna")
    gallery.enroll([make("Carl", 3)])
    copied = restore(kept, path)
    assert (copied.subjects, copied.templates, copied.erased, copied.aside) == (2, 2, 0, None)
    holds(gallery, [make("Anna", 1), make("Ben", 2)])
    assert names(gallery) == ["Anna", "Ben"]


def test_a_gallery_that_was_as_long_as_its_backup_stays_so(gallery, path, kept):
    before = path.stat().st_size
    restore(kept, path)
    backup(path, kept)
    restore(kept, path)
    assert path.stat().st_size == before == kept.stat().st_size


def test_a_searcher_notices_that_the_gallery_was_restored(gallery, path, kept, make, encoder):
    searcher = Searcher(gallery, encoder)
    gallery.enroll([make("Carl", 3)])
    assert searcher.search(make("", 3).embedding[None], 1)[0][0][0] == "Carl"
    restore(kept, path)
    assert "Carl" not in dict(searcher.search(make("", 3).embedding[None], 5)[0])


def test_a_gallery_is_restored_where_none_is(kept, tmp_path, make, holds):
    restored = tmp_path / "new.db"
    restore(kept, restored)
    assert restored.stat().st_mode & 0o777 == 0o600
    holds(open_gallery(restored, create=False), [make("Anna", 1), make("Ben", 2)])


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_backup_of_an_older_version_is_upgraded_and_left_as_it_is(tmp_path, path, make, holds, revision):
    old = tmp_path / "old.db"
    create_file(old)
    with closing(connect_file(old, foreign_keys=False)) as connection:
        connection.executescript((FIXTURES / f"{revision}.sql").read_text())
    before = old.read_bytes()
    restore(old, path)
    assert old.read_bytes() == before
    holds(open_gallery(path), [make("Anna", 1), make("Anna", 2), make("Benedict", 3), make("Zo\u00eb", 4)])


def test_f20_a_damaged_gallery_says_how_to_restore_it_and_is_moved_aside_not_deleted(path, kept, make, holds):
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = bytes(len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(GalleryUnusable, match="facerec gallery restore FILE"):
        open_gallery(path).subjects()
    with pytest.raises(InvalidInput, match="--plain"):
        restore(kept, path)
    assert path.read_bytes() == content
    copied = restore(kept, path, plain=True)
    assert copied.aside and copied.aside.read_bytes() == content
    holds(open_gallery(path), [make("Anna", 1), make("Ben", 2)])


def test_f20_a_file_that_is_no_database_is_moved_aside(path, kept, make, holds):
    path.write_bytes(b"hello" * 1000)
    aside = restore(kept, path, plain=True).aside
    assert aside and aside.read_bytes() == b"hello" * 1000
    holds(open_gallery(path), [make("Anna", 1), make("Ben", 2)])


@pytest.mark.parametrize("damage", [b"", b"no database", None])
def test_a_backup_that_is_no_gallery_changes_nothing(gallery, path, kept, make, holds, damage):
    if damage is None:
        content = bytearray(kept.read_bytes())
        content[4096 * 3 : 4096 * 9] = bytes(4096 * 6)
        damage = bytes(content)
    kept.write_bytes(damage)
    gallery.enroll([make("Carl", 3)])
    with pytest.raises(GalleryUnusable):
        restore(kept, path)
    holds(gallery, [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


def test_f36_a_backup_of_a_newer_facerec_is_refused(gallery, path, kept, make, holds):
    with closing(sqlite3.connect(kept)) as connection:
        connection.execute("UPDATE facerec_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(GalleryUnusable, match="newer facerec"):
        restore(kept, path)
    holds(gallery, [make("Anna", 1), make("Ben", 2)])


def test_a_gallery_is_never_its_own_backup(gallery, path, tmp_path, make, holds):
    gallery.enroll([make("Anna", 1)])
    (tmp_path / "link").symlink_to(path)
    for target in (path, tmp_path / "link"):
        with pytest.raises(InvalidInput, match="the gallery itself"):
            backup(path, target)
        with pytest.raises(InvalidInput, match="the gallery itself"):
            restore(target, path)
    with pytest.raises(InvalidInput, match="folder"):
        backup(path, tmp_path)
    holds(gallery, [make("Anna", 1)])


BESIDE = ("-wal", "-shm", "-journal", ".erased", f".{16 * 'a'}.snapshot", ".damaged-20260501T120000")


@pytest.mark.parametrize("end", BESIDE)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_that_the_gallery_needs_is_never_replaced(gallery, path, tmp_path, make, end, is_there, holds):
    """Neither where it lies now nor where it will; whichever way the gallery and its folder are named."""
    gallery.enroll([make("Anna", 1)])
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(path)
    target = path.with_name(path.name + end)
    if is_there:
        target.write_bytes(b"")
    for where, to in ((path, target), (path, tmp_path / "folder" / target.name), (tmp_path / "elsewhere/link", target)):
        with pytest.raises(InvalidInput, match="own files"):
            backup(where, to)
        with pytest.raises(InvalidInput, match="own files"):
            open_gallery(where).export(to)
    assert not target.exists() or target.read_bytes() == b""
    for name in (f"other{end}", "gallery.db.bak", "gallery.db2"):
        backup(path, tmp_path / name)
        assert gallery.export(tmp_path / name).subjects == 1
        (tmp_path / name).unlink()
    target.unlink(missing_ok=True)
    holds(gallery, [make("Anna", 1)])


def test_the_files_that_lie_beside_are_those_of_the_page():
    rows = re.findall(r"`gallery\.db([^`]+)`", (FIXTURES.parents[2] / "docs/gallery.md").read_text("utf-8"))
    assert {row for row in rows if not is_kept_beside(row.replace("<16 digits>", 16 * "a"))} == set()
    assert {"-wal", "-shm", "-journal", ".erased"} <= set(rows)


def test_no_folder_is_made_for_a_copy(gallery, path, tmp_path, make):
    """A mount point with a slip in its name: the copy would lie on the disk that is to be lost."""
    gallery.enroll([make("Anna", 1)])
    for write in (lambda to: backup(path, to), gallery.export):
        with pytest.raises(InvalidInput, match="make it first"):
            write(tmp_path / "bakups" / "gallery.db")
        with pytest.raises(InvalidInput, match="make it first"):
            write(path / "gallery.db")
    assert not (tmp_path / "bakups").exists()


def test_a_backup_that_fails_leaves_the_one_before(gallery, path, kept, make, monkeypatch):
    before = kept.read_bytes()
    gallery.enroll([make("Carl", 3)])

    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("facerec.replacing.Disk.sync", refuse)
    with pytest.raises(GalleryUnusable, match="cannot be written: No space left"):
        backup(path, kept)
    assert kept.read_bytes() == before and not kept.with_name(".backup.db.part").exists()


def left_in_the_log(path: Path, make, what: Callable[[], object]) -> None:
    """Open a copy as a gallery, change it, and be killed before the log is emptied."""
    reader = sqlite3.connect(path, isolation_level=None)
    open_gallery(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM meta").fetchall()
    what()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("number_of_changes", [1, 5])
def test_what_lies_beside_an_older_backup_is_not_read_into_the_new_one(
    gallery, path, kept, tmp_path, make, child, holds, number_of_changes
):
    """Somebody looked into the backup, changed it by mistake and was killed."""

    def change() -> None:
        for number in range(number_of_changes):
            open_gallery(kept).enroll([make("Mallory", 50 + number)])

    assert child(lambda: left_in_the_log(kept, make, change)) == (-signal.SIGKILL, "")
    assert kept.with_name("backup.db-wal").stat().st_size > 0
    gallery.enroll([make("Carl", 3)])
    backup(path, kept)
    everybody = [make("Anna", 1), make("Ben", 2), make("Carl", 3)]
    assert sorted(file.name for file in kept.parent.glob("backup.db*")) == ["backup.db"]
    restore(kept, tmp_path / "restored.db")
    holds(open_gallery(tmp_path / "restored.db"), everybody)
    holds(open_gallery(kept), everybody)


def test_a_journal_beside_an_older_backup_does_not_undo_the_new_one(gallery, path, kept, make, child, holds):
    def change() -> None:
        connection = sqlite3.connect(kept, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE template SET embedding = zeroblob(512)")
        connection.execute("CREATE TABLE large AS SELECT randomblob(100000)")
        os.kill(os.getpid(), signal.SIGKILL)

    assert child(change) == (-signal.SIGKILL, "")
    assert kept.with_name("backup.db-journal").exists()
    gallery.enroll([make("Carl", 3)])
    backup(path, kept)
    assert not kept.with_name("backup.db-journal").exists()
    holds(open_gallery(kept), [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


def test_a_backup_that_another_process_has_open_is_not_replaced(gallery, path, kept, make, child, holds):
    gallery.enroll([make("Carl", 3)])
    open_gallery(kept)
    with closing(connect_file(kept)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM meta").fetchall()
        began = time.monotonic()
        ended, said = child(lambda: backup(path, kept))
    assert ended == 1 and "another process has it open" in said
    assert time.monotonic() - began < BUSY_SECONDS / 4  # nothing was copied, and nobody waits in silence
    holds(open_gallery(kept), [make("Anna", 1), make("Ben", 2)])
    backup(path, kept)
    holds(open_gallery(kept), [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


def test_whoever_opens_a_backup_while_the_next_is_made_is_waited_for(gallery, path, kept, child, monkeypatch):
    open_gallery(kept)
    last_look, readers = copies._look_at, []

    def meanwhile(fresh: Path) -> copies.Copied:
        readers.append(connect_file(kept))
        readers[0].execute("BEGIN")
        readers[0].execute("SELECT * FROM meta").fetchall()
        return last_look(fresh)

    def too_long() -> float:
        began = time.monotonic()
        with pytest.raises(GalleryUnusable, match="another process has it open"):
            backup(path, kept)
        return time.monotonic() - began

    monkeypatch.setattr(copies, "_look_at", meanwhile)
    monkeypatch.setattr("facerec.gallery.alone.BUSY_SECONDS", 1.5)
    ended, seconds = child(too_long)
    assert ended == 0 and float(seconds) >= 1.5


def test_what_cannot_be_written_is_said_at_once(gallery, path, kept, monkeypatch):
    """And not waited for, as one waits for others."""

    def read_only(place: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True, isolation_level=None)

    open_gallery(kept)
    kept.with_name("backup.db-shm").write_bytes(b"")
    monkeypatch.setattr("facerec.gallery.alone.connect_file", read_only)
    started = time.monotonic()
    with pytest.raises(GalleryUnusable, match="name another file"):
        backup(path, kept)
    assert time.monotonic() - started < 5


def test_a_journal_that_is_blank_hinders_no_backup(gallery, path, kept, make, holds):
    """A restore leaves one."""
    kept.with_name("backup.db-journal").write_bytes(bytes(5000))
    gallery.enroll([make("Carl", 3)])
    backup(path, kept)
    assert sorted(file.name for file in kept.parent.glob("backup.db*")) == ["backup.db"]
    holds(open_gallery(kept), [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


@pytest.mark.parametrize("end", ["-wal", "-journal", "-shm"])
def test_what_lies_where_no_backup_is_stays(gallery, path, tmp_path, end):
    left = tmp_path / f"new.db{end}"
    left.write_bytes(b"whoever's")
    with pytest.raises(GalleryUnusable, match="move it away"):
        backup(path, tmp_path / "new.db")
    assert left.read_bytes() == b"whoever's" and not (tmp_path / "new.db").exists()


def test_what_cannot_be_put_into_the_older_file_stays(gallery, path, tmp_path):
    (tmp_path / "notes").write_text("no database at all, and longer than a header of one is, 100 bytes" * 3)
    (tmp_path / "notes-wal").write_text("whoever's")
    with pytest.raises(GalleryUnusable, match="name another file"):
        backup(path, tmp_path / "notes")
    assert (tmp_path / "notes-wal").read_text() == "whoever's" and "longer" in (tmp_path / "notes").read_text()


def test_a_backup_that_was_looked_into_is_restored_and_leaves_no_journal(path, kept, make, tmp_path, holds):
    """It says by then that it has a log."""
    open_gallery(kept)
    (tmp_path / "new").mkdir()
    for where in (path, tmp_path / "new" / "gallery.db"):
        restore(kept, where)
        assert [file.name for file in where.parent.glob("gallery.db*")] == ["gallery.db"]
        holds(open_gallery(where), [make("Anna", 1), make("Ben", 2)])


def test_a_backup_with_a_log_that_is_not_its_own_is_not_restored(gallery, path, kept, make, child, holds):
    """Two backups were copied over each other by hand, and the log of the older stayed."""
    assert child(lambda: left_in_the_log(kept, make, lambda: open_gallery(kept).enroll([make("Mallory", 50)])))[0]
    gallery.enroll([make("Carl", 3)])
    backup(path, kept.with_name("later.db"))
    shutil.copy(kept.with_name("later.db"), kept)
    with pytest.raises(GalleryUnusable, match="another copy of this one"):
        restore(kept, path)
    holds(gallery, [make("Anna", 1), make("Ben", 2), make("Carl", 3)])


def test_a_damaged_gallery_is_not_copied_over_a_good_backup(path, kept):
    before = kept.read_bytes()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 9] = bytes(4096 * 6)
    path.write_bytes(content)
    with pytest.raises(GalleryUnusable, match="damaged"):
        backup(path, kept)
    assert kept.read_bytes() == before


def test_a_server_has_backups_of_its_own(tmp_path):
    with pytest.raises(InvalidInput, match="pg_dump"):
        backup("postgresql://host/gallery", tmp_path / "b")
    with pytest.raises(InvalidInput, match="pg_dump"):
        restore(tmp_path / "b", "postgresql://host/gallery")


def test_whoever_reads_meanwhile_is_waited_for(gallery, path, kept, make, child, holds):
    """A restore takes its turn, like every writer."""
    gallery.enroll([make("Carl", 3)])

    def read_for_a_while() -> int:
        import time

        with closing(connect_file(path)) as connection:
            connection.execute("BEGIN")
            found = connection.execute("SELECT count(*) FROM subject").fetchone()[0]
            os.write(sender, b".")
            time.sleep(0.3)
            return found + connection.execute("SELECT count(*) FROM subject").fetchone()[0]

    receiver, sender = os.pipe()
    import threading

    answers = []
    reader = threading.Thread(target=lambda: answers.append(child(read_for_a_while)))
    reader.start()
    os.read(receiver, 1)
    restore(kept, path)
    reader.join()
    assert answers == [(0, "6")]
    holds(gallery, [make("Anna", 1), make("Ben", 2)])


def with_little_memory(path: Path) -> sqlite3.Connection:
    """SQLite then writes into the file before it has everything, as with a large one."""
    connection = connect_file(path)
    connection.execute("PRAGMA cache_size = 10")
    return connection


@pytest.mark.parametrize("order", ["", "restore.copied:kill", "restore.mid_copy:kill:9"])
def test_nothing_is_left_on_the_disk_of_whoever_was_replaced(gallery, path, kept, make, child, monkeypatch, order):
    """Neither under a name nor in what SQLite cuts off or deletes: the test sees each before it is done."""
    gallery.enroll([make("Carl", number) for number in range(300, 330)])
    backup(path, kept)
    gallery.remove("Carl")
    replaced = [make(f"subject {number}", 100 + number) for number in range(60)]
    gallery.enroll(replaced)  # where Carl was in the file, and beyond
    marks = [to_bytes(one.embedding)[start : start + 26] for one in replaced for start in range(0, 480, 13)]

    def left_by(work: Callable[[], object]) -> list[str]:
        left: list[str] = []

        def watch(call: Call) -> int:
            if call.kind in ("delete", "truncate") and Path(call.path).exists():
                going = Path(call.path).read_bytes()[call.offset :]
                left.extend({f"{call.kind} {Path(call.path).name}" for mark in marks if mark in going})
            return 0

        with watched(watch):
            work()
        return left

    def killed() -> None:
        failpoint.set_order(order)
        with monkeypatch.context() as patch:
            patch.setattr(copies, "connect_file", with_little_memory)
            restore(kept, path)

    monkeypatch.setattr(copies, "PAGES_AT_ONCE", 5)
    if order:
        assert child(killed) == (-signal.SIGKILL, "")
        assert child(lambda: left_by(lambda: open_gallery(path).subjects())) == (0, "[]")
        assert len(names(open_gallery(path))) == (62 if "mid_copy" in order else 3)  # undone, or done
    assert child(lambda: left_by(lambda: restore(kept, path))) == (0, "[]")
    length = path.stat().st_size
    restore(kept, path)
    assert path.stat().st_size == length
    assert names(open_gallery(path)) == ["Anna", "Ben", "Carl"]
    files = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    assert not any(mark in files for mark in marks)


def test_erasures_are_obeyed_when_the_gallery_itself_is_lost(gallery, path, kept, make, holds):
    gallery.forget("Anna")
    assert len(list_beside(path).read_text().split()) == 1
    for file in path.parent.glob("gallery.db*"):
        if file != list_beside(path):
            file.unlink()
    assert restore(kept, path).erased == 1
    again = open_gallery(path)
    assert names(again) == ["Ben"]
    holds(again, [make("Ben", 2)])


def test_whoever_is_erased_while_a_backup_is_restored_is_not_restored(gallery, path, kept, make, monkeypatch, holds):
    """The backup has been read, and the gallery is not written to yet."""
    gallery.enroll([make("Carl", 3)])
    gallery.forget("Ben")
    assert meanwhile(monkeypatch, lambda: gallery.forget("Anna"), lambda: restore(kept, path)).erased == 2
    holds(gallery, [])
    assert len(list_beside(path).read_text().split()) == 2 and gallery.problems() == []


def test_f48_somebody_forgotten_as_a_backup_is_restored_is_gone_for_every_searcher(
    gallery, path, kept, make, monkeypatch, encoder, holds
):
    searcher = Searcher(gallery, encoder)
    meanwhile(monkeypatch, lambda: gallery.forget("Anna"), lambda: restore(kept, path))
    assert [name for name, _ in searcher.search(make("", 1).embedding[None], 5)[0]] == ["Ben"]
    holds(gallery, [make("Ben", 2)])


def meanwhile(monkeypatch, what: Callable[[], object], restoring: Callable[[], copies.Copied]) -> copies.Copied:
    """Restore, and do something else just before the restore has the file to itself."""

    def interfere(connection: sqlite3.Connection) -> None:
        what()
        take_alone(connection)

    monkeypatch.setattr(copies, "take_alone", interfere)
    return restoring()


def test_erasures_are_obeyed_when_the_list_beside_is_lost(gallery, path, kept):
    gallery.forget("Anna")
    list_beside(path).unlink()
    assert restore(kept, path).erased == 1
    assert names(gallery) == ["Ben"] and list_beside(path).exists()


def test_an_erasure_follows_the_person_and_not_the_name(gallery, path, kept, make, tmp_path, holds):
    gallery.rename("Anna", "Anne")
    gallery.forget("Anne")
    gallery.enroll([make("Anna", 9)])  # somebody else of that name, or the same one who came again
    backup(path, tmp_path / "later.db")
    assert restore(kept, path).erased == 1 and names(gallery) == ["Ben"]
    assert restore(tmp_path / "later.db", path).erased == 0 and names(gallery) == ["Anna", "Ben"]
    holds(gallery, [make("Anna", 9), make("Ben", 2)])


def test_an_erasure_means_whoever_was_merged_into_the_subject(gallery, path, kept, make, holds):
    gallery.merge("Anna", "Ben")
    gallery.enroll([make("Carl", 3)])
    gallery.forget("Ben")
    copied = restore(kept, path)
    assert (copied.subjects, copied.erased) == (0, 2)
    holds(gallery, [])


def test_a_backup_a_restore_and_a_move_keep_what_was_merged(gallery, path, kept, tmp_path):
    gallery.merge("Anna", "Ben")
    backup(path, tmp_path / "merged.db")
    gallery.remove("Ben")
    restore(tmp_path / "merged.db", path)
    move(path, tmp_path / "moved.db")
    for one, where in ((gallery, path), (open_gallery(tmp_path / "moved.db"), tmp_path / "moved.db")):
        one.forget("Ben")
        assert restore(kept, where).erased == 2
        assert names(one) == []


def test_nothing_is_left_of_a_merge_when_the_subject_is_gone(gallery, path, kept):
    gallery.merge("Anna", "Ben")
    gallery.forget("Ben")
    with closing(connect_file(path)) as connection:
        assert connection.execute("SELECT * FROM setting").fetchall() == []
        assert connection.execute("SELECT count(*) FROM erasure").fetchone() == (2,)


def test_an_old_copy_put_back_by_hand_is_noticed_and_repaired(gallery, path, kept, make, holds):
    gallery.forget("Anna")
    shutil.copy(kept, path)
    again = open_gallery(path)
    assert any("who were erased" in problem for problem in again.problems())
    assert again.repair() == ["1 erased subjects were back and were removed"]
    holds(again, [make("Ben", 2)])


def test_progress_is_told(gallery, path, tmp_path, make):
    gallery.enroll([make("Anna", number) for number in range(50)])
    told: list[tuple[int, int]] = []
    backup(path, tmp_path / "b.db", lambda done, total: told.append((done, total)))
    assert told and told[-1][0] == told[-1][1] > 0
