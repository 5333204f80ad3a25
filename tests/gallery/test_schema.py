"""Migrations with data in the tables: up, down, old galleries, newer ones, and killed half-way."""

import ast
import inspect
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateTable

from facerec.errors import GalleryUnusable
from facerec.gallery import open_gallery, schema
from facerec.gallery.connect import connect_file, create_file
from facerec.gallery.store import Gallery
from facerec.gallery.tables import Tables

PUBLISHED = schema.REVISIONS
NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "next", "{newest}"

def upgrade():
    with op.batch_alter_table("subject", recreate="always") as subject:
        subject.add_column(sa.Column("note", sa.Text(), nullable=False, server_default="none"))

def downgrade():
    with op.batch_alter_table("subject", recreate="always") as subject:
        subject.drop_column("note")
"""


def config_for(path: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(schema.scripts()))
    config.attributes["place"] = path
    return config


def contents(path: Path) -> dict[str, list[tuple]]:
    """Every row of every table but alembic's own."""
    with closing(connect_file(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: connection.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()
            for table in sorted(tables)
            if table not in (schema.VERSION_TABLE, "sqlite_sequence")
        }


@pytest.fixture
def next_revision(tmp_path, monkeypatch):
    """Call it, and facerec has one more revision, which rebuilds a table that others refer to."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.scripts(), folder, ignore=shutil.ignore_patterns("__pycache__"))

    def publish(script: str = NEXT) -> None:
        (folder / "versions" / "9999_next.py").write_text(script.replace("{newest}", PUBLISHED[-1]))
        monkeypatch.setattr(schema, "scripts", lambda: folder)
        monkeypatch.setattr(schema, "REVISIONS", (*PUBLISHED, "next"))

    return publish


def test_the_constant_names_every_revision_in_order():
    scripts = ScriptDirectory(str(schema.scripts()))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == schema.REVISIONS


def test_the_tables_are_what_the_migrations_make(gallery, path):
    command.check(config_for(path))


def test_check_constraints_are_what_the_migrations_make(gallery, path):
    """`alembic check` does not look at them."""
    engine = create_engine("sqlite://")
    with closing(connect_file(path)) as connection:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    for table in Tables.metadata.sorted_tables:
        meant = str(CreateTable(table).compile(engine))
        for pattern in (r"CONSTRAINT (\w+)", r"ck_\w+ CHECK \((.*)\)", r"(AUTOINCREMENT)", r"(ON DELETE \w+)"):
            assert sorted(re.findall(pattern, made[table.name])) == sorted(re.findall(pattern, meant)), table.name


def test_every_constraint_has_a_name():
    for table in Tables.metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints), table.name


def test_down_and_up_with_data(gallery, path, make, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    command.downgrade(config_for(path), "base")
    assert contents(path) == {}
    again = open_gallery(path)
    assert again.stats().subjects == 0
    again.enroll([make("Anna", 1)])
    holds(again, [make("Anna", 1)])


def test_an_older_gallery_is_upgraded_and_loses_nothing(gallery, path, make, holds, next_revision):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    before = contents(path)
    next_revision()
    holds(open_gallery(path), [make("Anna", 1), make("Ben", 2)])
    after = contents(path)
    assert [row[:-1] for row in after.pop("subject")] == before.pop("subject")
    assert after == before
    command.downgrade(config_for(path), "-1")
    assert contents(path)["template"] == before["template"] and len(contents(path)["subject"]) == 2


def test_a_migration_that_would_orphan_rows_is_undone(gallery, path, make, next_revision):
    gallery.enroll([make("Anna", 1)])
    before = contents(path)
    next_revision(NEXT.replace("def upgrade():", "def upgrade():\n    op.execute('DELETE FROM subject')"))
    with pytest.raises(GalleryUnusable, match="not migrated"):
        open_gallery(path)
    assert contents(path) == before


def test_f35_a_process_killed_half_way_leaves_the_old_gallery(gallery, path, make, holds, next_revision, monkeypatch):
    gallery.enroll([make("Anna", 1)])
    before = contents(path)
    end = "    os.kill(os.getpid(), signal.SIGKILL)\n\ndef downgrade"
    next_revision("import os, signal\n" + NEXT.replace("\ndef downgrade", end))
    child = f"""
from pathlib import Path
from facerec.gallery import open_gallery, schema
schema.scripts = lambda: Path({str(schema.scripts())!r})
schema.REVISIONS = (*schema.REVISIONS, "next")
open_gallery({str(path)!r})
"""
    done = subprocess.run([sys.executable, "-c", child], cwd=Path(__file__).parents[2], timeout=60)
    assert done.returncode == -9
    assert contents(path) == before
    next_revision()
    holds(open_gallery(path), [make("Anna", 1)])


def test_f36_a_newer_gallery_is_refused_and_left_as_it_is(gallery, path, make, holds):
    gallery.enroll([make()])
    with closing(connect_file(path)) as connection:
        connection.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(GalleryUnusable, match="newer facerec"):
        open_gallery(path)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    with closing(connect_file(path)) as connection:
        connection.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{schema.REVISIONS[-1]}'")
    holds(gallery, [make()])


def test_an_older_gallery_that_cannot_be_written_says_what_to_do(gallery, path, next_revision, monkeypatch):
    next_revision()
    monkeypatch.setattr("facerec.gallery.connect.os.access", lambda *_: False)
    with pytest.raises(GalleryUnusable, match="older facerec"):
        open_gallery(path)


def test_a_gallery_that_lost_its_log_mode_gets_it_back(gallery, path):
    with closing(connect_file(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    open_gallery(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


class LockedAtFirst:
    """A connection that is told three times that it is not its turn to switch to WAL."""

    def __init__(self, path: Path):
        self.real = connect_file(path)
        self.refusals = 3

    def execute(self, statement: str) -> sqlite3.Cursor:
        if statement.endswith("= WAL") and self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database is locked")
        return self.real.execute(statement)

    def close(self) -> None:
        self.real.close()


def test_the_log_mode_waits_for_its_turn(gallery, path, monkeypatch):
    with closing(connect_file(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    monkeypatch.setattr(schema, "connect_file", LockedAtFirst)
    open_gallery(path)
    with closing(connect_file(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("name", ["gallery.db", "{}.db"])
def test_threads_that_make_galleries_at_once_do_not_disturb_each_other(tmp_path, make, holds, name):
    """The same one, or each its own."""
    together = threading.Barrier(8)

    def begin(number: int) -> Gallery:
        together.wait()
        opened = open_gallery(tmp_path / name.format(number))
        opened.enroll([make(f"subject {number}", number)])
        return opened

    with ThreadPoolExecutor(8) as threads:
        galleries = list(threads.map(begin, range(8)))
    for number, gallery in enumerate(galleries):
        holds(gallery, [make(f"subject {number}", number)])


def test_alembic_by_hand_makes_the_same_gallery(tmp_path, make, holds):
    create_file(tmp_path / "by hand.db")
    command.upgrade(config_for(tmp_path / "by hand.db"), "head")
    gallery = open_gallery(tmp_path / "by hand.db", create=False)
    gallery.enroll([make()])
    holds(gallery, [make()])


def modules_after(statement: str) -> set[str]:
    """Which of the heavy libraries a fresh process has loaded after `statement`."""
    heavy = "{'sqlalchemy', 'alembic', 'faiss', 'torch'}"
    code = f"import sys\n{statement}\nprint(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        timeout=60,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_each_library_is_loaded_only_when_it_is_needed(gallery, path):
    everything = "import facerec.gallery, facerec.gallery.index, facerec.gallery.searcher, facerec.gallery.results"
    assert modules_after(everything) == set()
    opened = f"from facerec.gallery import open_gallery; open_gallery({str(path)!r}).embeddings('')"
    assert modules_after(opened) == {"sqlalchemy"}


def test_no_sql_is_put_together_from_strings():
    for module in Path(inspect.getfile(schema)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            called = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            if called in {"text", "exec_driver_sql", "execute"} and node.args:
                assert not isinstance(node.args[0], ast.JoinedStr | ast.BinOp), f"{module.name}:{node.lineno}"


FIXTURES = Path(__file__).parent / "fixtures"
"""A gallery of each older version as SQL text: what was released must be read for ever."""


def as_it_was(path: Path, revision: str) -> dict[str, list[tuple]]:
    """Make the stored gallery of an older revision; its contents."""
    create_file(path)
    with closing(connect_file(path, foreign_keys=False)) as connection:
        connection.executescript((FIXTURES / f"{revision}.sql").read_text())
    return contents(path)


def test_there_is_a_stored_gallery_of_every_older_version():
    assert sorted(file.stem for file in FIXTURES.glob("*.sql")) == list(PUBLISHED[:-1])


@pytest.mark.parametrize("revision", PUBLISHED[:-1])
def test_f33_a_gallery_of_an_older_version_is_upgraded_row_by_row(path, make, holds, encoder, revision):
    before = as_it_was(path, revision)
    gallery = open_gallery(path)
    after = contents(path)
    for table in before.keys() - {"meta", "audit_event"}:  # an upgrade is an event too
        width = len(before[table][0]) if before[table] else 0  # columns are added at the end
        assert [row[:width] for row in after[table]] == before[table], table
    width, events = len(before["audit_event"][0]), len(before["audit_event"])
    assert [row[:width] for row in after["audit_event"]][:events] == before["audit_event"]
    is_marked = revision >= "0003"  # the upgrade that brought marks left one
    assert gallery.generation() == before["meta"][0][2] + (not is_marked)
    holds(gallery, [make("Anna", 1), make("Anna", 2), make("Benedict", 3), make("Zo\u00eb", 4)])
    command.check(config_for(path))


@pytest.mark.parametrize("revision", PUBLISHED[:-1])
def test_a_copy_upgraded_twice_names_its_subjects_alike(tmp_path, revision):
    uids = []
    for copy in ("a.db", "b.db"):
        as_it_was(tmp_path / copy, revision)
        open_gallery(tmp_path / copy)
        with closing(connect_file(tmp_path / copy)) as connection:
            uids.append(connection.execute("SELECT uid FROM subject ORDER BY id").fetchall())
    assert uids[0] == uids[1] and len({uid for (uid,) in uids[0]}) == 3 and {len(uid) for (uid,) in uids[0]} == {32}


def test_f34_one_step_down_and_up_again_with_data(gallery, path, make, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    before = contents(path)
    command.downgrade(config_for(path), "-1")
    again = open_gallery(path)
    holds(again, [make("Anna", 1), make("Ben", 2)])
    after = contents(path)
    for table in ("face", "template", "refusal", "operating_point"):
        assert after[table] == before[table]


def test_f34_a_ledger_of_erasures_is_never_downgraded_away(gallery, path, make):
    gallery.enroll([make("Anna", 1)])
    with closing(connect_file(path)) as connection:
        connection.execute("INSERT INTO erasure (digest, erased_at) VALUES (?, '2026-01-01')", ("0" * 64,))
    before = contents(path)
    with pytest.raises(GalleryUnusable, match="not downgraded"):
        command.downgrade(config_for(path), "0002")
    assert contents(path) == before


def test_f34_what_was_merged_is_never_downgraded_away(gallery, path, make, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    gallery.merge("Anna", "Ben")
    before = contents(path)
    with pytest.raises(GalleryUnusable, match="not downgraded"):
        command.downgrade(config_for(path), "-1")
    assert contents(path) == before
    holds(gallery, [make("Ben", 1), make("Ben", 2)])


def test_f26_a_fork_while_another_thread_upgrades_can_upgrade_too(tmp_path, child, monkeypatch, holds):
    parent, reached, may_go_on = os.getpid(), threading.Event(), threading.Event()

    def half_way(name: str) -> None:
        if name == "migration.before_commit" and os.getpid() == parent:
            reached.set()
            assert may_go_on.wait(60)

    def in_the_fork() -> int:
        signal.alarm(20)
        return len(open_gallery(tmp_path / "its.db").subjects())

    monkeypatch.setattr(schema, "failpoint", half_way)
    thread = threading.Thread(target=open_gallery, args=(tmp_path / "ours.db",))
    thread.start()
    try:
        assert reached.wait(60)
        assert child(in_the_fork) == (0, "0")
    finally:
        may_go_on.set()
        thread.join()
    for name in ("ours.db", "its.db"):
        holds(open_gallery(tmp_path / name, create=False), [])
