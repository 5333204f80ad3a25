"""F1 to F6, F35, F47, F48: a process killed at every named place of every operation, each time it passes there."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import alembic.command
import alembic.config
import alembic.script  # noqa: F401  (each child would import them anew)
import pytest

from facerec import failpoint
from facerec.gallery import open_gallery
from facerec.gallery.connect import connect_file, create_file
from facerec.gallery.index import ExactIndex, faiss_library
from facerec.gallery.searcher import Searcher
from tests.gallery.conftest import in_child
from tests.gallery.lives import APPROXIMATE, Life, failpoints

pytestmark = pytest.mark.usefixtures("snapshots_always")
faiss_library()  # each child would import it anew
FIXTURES = Path(__file__).parent / "fixtures"
ELSEWHERE = {"encrypt.sealed", "rotate.mid", "move.marked", "move.mid", "move.before_commit"}
"""Failpoints that no step of a gallery's life passes: test_encryption.py and test_moving.py have those."""


def a_life(path: Path, make, encoder) -> Life:
    """From an older version's gallery through every operation there is."""
    create_file(path)
    with closing(connect_file(path, foreign_keys=False)) as connection:
        connection.executescript((FIXTURES / "0002.sql").read_text())
    life = Life(path, make, encoder, {"Anna": (1, 2), "Benedict": (3,)})
    life.enroll("Carl", 11, 12)
    life.search()
    life.search_approximately()
    life.enroll("Dora", 13)
    life.leave("Anna", "remove")
    life.search()
    life.back_up(path.parent / "backup")
    life.leave("Benedict", "forget")
    life.enroll("Eve", 14)
    life.export(path.parent / "export")
    life.rename("Eve", "Eva")
    life.leave("Carl", "remove")
    life.arrive(path.parent / "export", {"Carl": (11, 12)})
    life.search()
    life.restore(path.parent / "backup", {"Carl": (11, 12), "Dora": (13,)})
    life.repair()
    return life


def lived(path: Path, make, encoder, order: str) -> tuple[int, int]:
    """Live the life in a child that obeys `order`: how it ended, and how many steps it acknowledged."""
    life = a_life(path, make, encoder)
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            failpoint.set_order(order)
            life.run(lambda: os.write(sender, b"."))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(sender)
    with open(receiver) as reports:
        acknowledged = len(reports.read())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), acknowledged


def names(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM subject")} - {"Zo\u00eb"}


def approximates(path: Path, encoder: str) -> None:
    """An approximate search, by way of a kept index where there is one, names whom an exact one names: in a process of
    its own, since this one is copied again and faiss has threads."""
    gallery = open_gallery(path)
    rows = gallery.load(encoder).rows
    found, exact = (Searcher(gallery, encoder, build).search(rows, 1) for build in (APPROXIMATE, ExactIndex))
    assert [row[0][0] for row in found] == [row[0][0] for row in exact]
    assert not len(rows) or gallery.problems() == []


def is_as_acknowledged(path: Path, make, holds, encoder, acknowledged: int, life: Life) -> None:
    """All that was acknowledged and at most the step under way, whole; and the files beside the gallery are right."""
    gallery = open_gallery(path)
    before, after = life.before_and_after(acknowledged)
    there = names(path)
    assert there in (set(before), set(after))
    holds(gallery, life.templates(before if there == set(before) else after))
    assert in_child(lambda: approximates(path, encoder)) == (0, "None")
    for file in path.parent.iterdir():
        assert not (file.name.startswith(".") and path.name in file.name), file


@pytest.mark.parametrize("name", [name for name in failpoints() if name not in ELSEWHERE])
def test_killed_there_whenever_it_passes(tmp_path, make, holds, encoder, name):
    passes = 0
    for passes in range(1, 100):
        path = tmp_path / str(passes) / "gallery.db"
        path.parent.mkdir()
        status, acknowledged = lived(path, make, encoder, f"{name}:kill:{passes}")
        if status == 0:
            break
        assert status == -signal.SIGKILL
        path.with_name("backup").unlink(missing_ok=True)
        path.with_name("export").unlink(missing_ok=True)
        is_as_acknowledged(path, make, holds, encoder, acknowledged, a_life_again(path, make, encoder))
    assert passes > 1, f"no step of a gallery's life passes {name}"


def a_life_again(path: Path, make, encoder) -> Life:
    """The same steps, to look up who must be there."""
    elsewhere = path.parent / "another" / "gallery.db"
    elsewhere.parent.mkdir()
    return a_life(elsewhere, make, encoder)
