"""Where a gallery may be, who may read its file, and what is said when it cannot be opened."""

import base64
import errno
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from facerec.errors import FacerecError, GalleryUnusable, InvalidInput, MissingPart
from facerec.gallery import connect, open_gallery
from facerec.gallery.connect import connect_file, engine_at, leaving_nothing, locate, reading, shown
from facerec.gallery.copies import backup, restore
from facerec.gallery.making import make_encrypted
from facerec.gallery.moving import move


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_path_and_a_url_name_the_same_gallery(path, make, encoder):
    open_gallery(str(path)).enroll([make()])
    assert len(open_gallery(f"sqlite:///{path}", create=False).embeddings(encoder)) == 1


def test_a_password_is_never_shown():
    assert "secret" not in shown(locate("postgresql://anna:secret@host/gallery"))


@pytest.mark.parametrize("where", ["sqlite://", "sqlite:///:memory:", "://", "sqlite:"])
def test_a_place_that_keeps_nothing_or_means_nothing_is_refused(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "://" in where:
        with pytest.raises(InvalidInput):
            open_gallery(where)
    else:
        assert locate(where) == tmp_path / where  # a file of that name, and no more


def test_a_driver_that_is_missing_is_named():
    with pytest.raises(MissingPart, match="driver"):
        open_gallery("postgresql+nodriver://host/gallery")


@pytest.mark.parametrize("where", ["oracle://anna:secret@host/gallery", "mysql+pymysql://anna:secret@host/gallery"])
def test_other_databases_are_refused_in_one_line(where):
    with pytest.raises(InvalidInput, match="SQLite file or in PostgreSQL") as refused:
        open_gallery(where)
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("where", ["postgresql://anna:secret@host:port/x", "postgresql://anna:host@[::1/x"])
def test_a_url_that_cannot_be_read_is_not_said_back(where):
    with pytest.raises(InvalidInput, match="postgresql://USER@HOST:PORT/DATABASE") as refused:
        open_gallery(where)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["a gallery.db", "50%.db", "what?.db", "#1.db", "ä.db", ":memory:"])
def test_the_file_may_have_any_name(tmp_path, make, encoder, name):
    open_gallery(tmp_path / name).enroll([make()])
    assert (tmp_path / name).stat().st_size > 0
    assert len(open_gallery(tmp_path / name, create=False).embeddings(encoder)) == 1


def test_a_file_name_that_is_no_utf8(tmp_path, make, encoder):
    path = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.db"))
    open_gallery(path).enroll([make()])
    assert len(open_gallery(path, create=False).embeddings(encoder)) == 1


def test_only_the_owner_may_read_a_gallery_and_its_log(tmp_path, make, monkeypatch):
    path = tmp_path / "new" / "folder" / "gallery.db"
    monkeypatch.setattr(connect, "data_folder", lambda: path.parent)  # the one folder that is made
    gallery = open_gallery(path)
    with reading(engine_at(path)) as keeps_the_log_alive:
        gallery.enroll([make()])
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
        assert keeps_the_log_alive.in_transaction()
    assert modes == {f"gallery.db{end}": "0o600" for end in ("", "-wal", "-shm")}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_every_connection_is_safe(gallery, path):
    with closing(connect_file(path)) as connection:
        found = {
            pragma: connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,  # MEMORY
        "busy_timeout": 1000 * connect.BUSY_SECONDS,
    }


@pytest.mark.parametrize("connection", ["of a gallery", "of a copy in memory"])
@pytest.mark.parametrize(
    "work", ["SELECT b FROM many ORDER BY b", "VACUUM", "CREATE TEMP TABLE t AS SELECT b FROM many"]
)
def test_nothing_is_written_into_a_temporary_file(gallery, path, connection, work):
    """SQLite deletes them at once and writes on: they are seen among the files that the process has open."""
    opened = connect_file(path) if connection == "of a gallery" else leaving_nothing(sqlite3.connect(":memory:"))
    with closing(opened):
        opened.execute(f"CREATE TABLE many AS {MANY}")
        opened.commit()
        opened.set_progress_handler(no_deleted_file_is_open, 1000)
        cursor = opened.execute(work)
        cursor.fetchone()
        no_deleted_file_is_open()


MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT randomblob(512) AS b FROM n"
)


def no_deleted_file_is_open() -> None:
    """Raises AssertionError, which SQLite's progress handler turns into an interruption."""
    handles = Path("/proc/self/fd")
    names = [os.readlink(handle) for handle in handles.iterdir() if handle.is_symlink()]
    assert [name for name in names if "etilqs" in name] == []


@pytest.mark.parametrize("content", [b"hello", b"PK\3\4" + bytes(5000), b"SQLite format 2\0" + bytes(600), bytes(4096)])
def test_f20_a_file_that_is_no_database_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)
    before = files(path.parent)
    with pytest.raises(GalleryUnusable, match="not an SQLite database"):
        open_gallery(path)
    assert files(path.parent) == before


def test_somebody_elses_database_is_refused_and_left_as_it_is(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE account (id INTEGER)")
        connection.commit()
    before = files(path.parent)
    with pytest.raises(GalleryUnusable, match="no gallery"):
        open_gallery(path)
    assert files(path.parent) == before


def test_an_empty_file_becomes_a_gallery(path, make, holds):
    path.touch(0o644)
    gallery = open_gallery(path)
    gallery.enroll([make()])
    holds(gallery, [make()])
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_gallery_is_made_where_none_was_asked_for(path):
    with pytest.raises(GalleryUnusable, match="there is no gallery"):
        open_gallery(path, create=False)
    assert not path.exists()
    path.touch()
    with pytest.raises(GalleryUnusable, match="there is no gallery"):
        open_gallery(path, create=False)
    assert path.stat().st_size == 0


def test_a_folder_that_is_not_there_is_said_before_anybody_is_told_to_enroll(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "typo", tmp_path / "file"):
        with pytest.raises(GalleryUnusable, match=f"^there is no folder {folder}: "):
            open_gallery(folder / "gallery.db", create=False)
    monkeypatch.setattr(connect, "data_folder", lambda: tmp_path / "made when needed")
    with pytest.raises(GalleryUnusable, match="there is no gallery; enroll somebody"):
        open_gallery(connect.data_folder() / "gallery.db", create=False)


def test_only_a_plain_file_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_text("")
    here = (tmp_path / name for name in (".", "pipe", "loop", "file/gallery.db"))
    for where in (*here, Path("/dev/null")):
        with pytest.raises(FacerecError):
            open_gallery(where)


def test_no_folder_is_made_but_that_of_the_gallery_that_nobody_named(gallery, path, tmp_path, make, monkeypatch):
    pytest.importorskip("cryptography")
    gallery.enroll([make()])
    backup(path, tmp_path / "backup")
    where = tmp_path / "typo" / "gallery.db"
    makers = (
        open_gallery, make_encrypted, lambda to: move(path, to), lambda to: restore(tmp_path / "backup", to),
    )  # fmt: skip
    monkeypatch.setenv("FACEREC_GALLERY_KEY", base64.b64encode(bytes(32)).decode())
    for number, make_at in enumerate(makers):
        with pytest.raises(InvalidInput, match=rf"there is no folder {where.parent}: make it first"):
            make_at(where)
        assert not where.parent.exists()
        monkeypatch.setattr(connect, "data_folder", lambda number=number: tmp_path / f"home {number}" / "facerec")
        make_at(connect.data_folder() / "gallery.db")
        assert connect.data_folder().stat().st_mode & 0o777 == 0o700


def test_f20_a_damaged_page_is_said_and_nothing_is_written(gallery, path, make):
    gallery.enroll([make("Anna", number) for number in range(50)])
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = bytes(len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(GalleryUnusable, match="is damaged; restore it"):
        gallery.show("Anna")
    assert path.read_bytes() == content


def test_f10_a_full_disk_stores_nothing_and_is_said(gallery, path, make, holds, monkeypatch):
    gallery.enroll([make("Anna", 1)])

    def nearly_full(*args: object) -> sqlite3.Connection:
        connection = connect_file(path)
        connection.execute("PRAGMA max_page_count = 1")  # as few as there are now
        return connection

    monkeypatch.setattr(connect, "connect_file", nearly_full)
    full = open_gallery(path)
    with pytest.raises(GalleryUnusable, match="the disk is full; nothing was stored"):
        full.enroll([make("Ben", number) for number in range(2, 100)])
    holds(gallery, [make("Anna", 1)])
    assert [summary.name for summary in gallery.subjects()] == ["Anna"]


def test_a_writer_that_does_not_let_go_is_said(gallery, path, make, monkeypatch):
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.05)
    with closing(connect_file(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryUnusable, match="busy"):
            gallery.enroll([make()])
        assert gallery.subjects() == []
    assert gallery.enroll([make()]).stored == 1


@pytest.fixture
def public_folder():
    """A folder that another user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_one_who_may_only_read(path: Path, encoder: str) -> tuple[list[str], int, list[str]]:
    """What a process sees that may only read. Root may do anything, so root becomes somebody else."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    gallery = open_gallery(path)
    for write in (lambda: gallery.remove("Anna"), lambda: gallery.rename("Anna", "Ben")):
        with pytest.raises(GalleryUnusable, match="read-only"):
            write()
    return [summary.name for summary in gallery.subjects()], len(gallery.embeddings(encoder)), gallery.problems()


@pytest.mark.parametrize("modes", [(0o555, 0o444), (0o777, 0o444), (0o555, 0o644)], ids=["both", "file", "folder"])
def test_f13_a_gallery_that_cannot_be_written_can_be_read(public_folder, make, encoder, child, modes, holds):
    path = public_folder / "gallery.db"
    open_gallery(path).enroll([make("Anna", 1), make("Anna", 2)])
    path.chmod(modes[1])
    public_folder.chmod(modes[0])
    assert child(lambda: as_one_who_may_only_read(path, encoder)) == (0, "(['Anna'], 2, [])")
    public_folder.chmod(0o700)
    path.chmod(0o600)
    holds(open_gallery(path), [make("Anna", 1), make("Anna", 2)])


def test_a_log_that_lies_beside_a_read_only_gallery_is_never_overlooked(public_folder, make, encoder, child):
    path = public_folder / "gallery.db"
    gallery = open_gallery(path)
    gallery.enroll([make("Anna", 1)])
    with reading(engine_at(path)) as connection:
        connection.exec_driver_sql("SELECT * FROM meta")
        gallery.enroll([make("Anna", 2)])
        for file in public_folder.iterdir():
            file.chmod(0o444)
        public_folder.chmod(0o555)
        answer = child(lambda: as_one_who_may_only_read(path, encoder))
    assert answer == (0, "(['Anna'], 2, [])")


def test_a_change_under_an_immutable_reader_is_noticed(gallery, path, make, encoder, monkeypatch):
    gallery.enroll([make("Anna", 1)])
    monkeypatch.setattr(connect.os, "access", lambda *_: False)
    assert len(gallery.embeddings(encoder)) == 1
    with pytest.raises(GalleryUnusable, match="try again"), gallery._read():
        os.utime(path, ns=(0, 0))


def test_every_refusal_to_open_is_ours(tmp_path, monkeypatch):
    def no_space(*args: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", no_space)
    monkeypatch.setattr(connect, "data_folder", lambda: tmp_path / "new")
    with pytest.raises(FacerecError, match="No space left"):
        open_gallery(tmp_path / "new" / "gallery.db")
