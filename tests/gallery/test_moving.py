"""A gallery that moves between files and servers arrives whole, or not at all, and is gone on with."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from facerec import failpoint
from facerec.errors import GalleryUnusable, InvalidInput
from facerec.gallery import connect, moving, open_gallery
from facerec.gallery.connect import connect_file
from facerec.gallery.keys import add_key
from facerec.gallery.kinds import index_in_use
from facerec.gallery.moving import move
from facerec.gallery.results import Calibration, Refusal
from facerec.gallery.tables import Tables
from facerec.records import OperatingPoint
from tests import fakes
from tests.gallery.invariants import must_hold_on_server
from tests.gallery.lives import failpoints
from tests.gallery.test_schema import contents

PEOPLE = ("Anna", "Ben", "Carl", "Zoë", "Eve")


@pytest.fixture
def filled(gallery, make):
    """A gallery with a past: somebody removed, somebody forgotten, a refusal."""
    gallery.enroll([make(name, number) for number, name in enumerate(PEOPLE)])
    gallery.remember_refusals([Refusal("Carl", "blurred.jpg", "e" * 64, "low_quality", "a pipeline")])
    gallery.rename("Eve", "Eva")
    gallery.enroll([make("Gone", 20), make("Forgotten", 21)])
    gallery.remove("Gone")
    gallery.forget("Forgotten")
    return gallery


def templates(make) -> list:
    return [make("Eva" if name == "Eve" else name, number) for number, name in enumerate(PEOPLE)]


def test_a_gallery_goes_to_a_server_and_back(filled, path, tmp_path, make, holds, server, monkeypatch):
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    before = path.read_bytes()
    with server.fresh() as url:
        moved = move(path, url)
        assert (moved.subjects, moved.templates, moved.rows) == (5, 5, moved.went)
        there = open_gallery(url, create=False)
        assert there.state() == filled.state() and there.uids() == filled.uids()
        ids = there.enroll([make("Newcomer", 30)]).template_ids
        assert ids == (8,)  # 6 and 7 were theirs who are gone, and are never given again
        there.remove("Newcomer")
        move(url, tmp_path / "back.db")
        there.close()
    assert path.read_bytes() == before
    back = open_gallery(tmp_path / "back.db", create=False)
    assert back.enroll([make("Late", 40)]).template_ids == (9,)
    back.remove("Late")
    assert contents(tmp_path / "back.db")["template"] == contents(path)["template"]
    holds(back, templates(make))


def test_every_failpoint_of_a_move_is_one_below():
    assert {order.split(":")[0] for order in ORDERS} == {name for name in failpoints() if name.startswith("move.")}


ORDERS = ("move.marked:kill", "move.mid:kill:1", "move.mid:kill:10", "move.before_commit:kill")


@pytest.mark.parametrize("order", ORDERS)
def test_f37_a_move_killed_anywhere_leaves_the_source_and_is_gone_on_with(
    filled, path, tmp_path, make, holds, child, monkeypatch, order
):
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    before, target = path.read_bytes(), tmp_path / "target.db"
    assert child(lambda: killed(order, path, target))[0] == -9
    with pytest.raises(GalleryUnusable, match="not finished"):
        open_gallery(target)
    moved = move(path, target)
    gone = {"move.mid:kill:10": 15, "move.before_commit:kill": moved.rows}.get(order, 0)
    assert moved.went == moved.rows - gone  # what was there was not copied again
    holds(open_gallery(target, create=False), templates(make))
    assert path.read_bytes() == before


def killed(order: str, path: Path, target: Path) -> None:
    failpoint.set_order(order)
    move(path, target)


def stopped(path: Path, target, child, monkeypatch, number: int = 10) -> None:
    """Begin a move that is killed on the way."""
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    status, _ = child(lambda: killed(f"move.mid:kill:{number}", path, target))
    assert status == -9


def test_a_source_that_changed_since_is_copied_from_the_beginning(
    filled, path, tmp_path, make, holds, child, monkeypatch
):
    stopped(path, tmp_path / "target.db", child, monkeypatch)
    filled.remove("Anna")
    moved = move(path, tmp_path / "target.db")
    assert moved.went == moved.rows
    holds(open_gallery(tmp_path / "target.db"), templates(make)[1:])


def test_f37_on_a_server_too(filled, path, make, child, monkeypatch, server):
    with server.fresh() as url:
        stopped(path, url, child, monkeypatch, number=12)
        with pytest.raises(GalleryUnusable, match="not finished"):
            open_gallery(url)
        filled.remove("Anna")
        moved = move(path, url)
        assert moved.went == moved.rows and moved.templates == 4
        there = open_gallery(url, create=False)
        assert len(there.subjects()) == 4
        must_hold_on_server(there, templates(make)[1:])
        there.close()


def test_a_copy_that_differs_is_noticed_and_becomes_no_gallery(filled, path, tmp_path, make, holds, child, monkeypatch):
    target = tmp_path / "target.db"
    stopped(path, target, child, monkeypatch, number=12)
    connection = connect_file(target)
    connection.execute("UPDATE subject SET name = 'Anno' WHERE name = 'Anna'")
    connection.close()
    with pytest.raises(GalleryUnusable, match="differs from the gallery in subject"):
        move(path, target)
    with pytest.raises(GalleryUnusable, match="not finished"):
        open_gallery(target)
    move(path, target)
    holds(open_gallery(target), templates(make))


def test_a_source_that_is_written_to_meanwhile_is_no_copy(filled, path, tmp_path, make, holds, monkeypatch):
    plain = moving._compare

    def late(*given: object) -> None:
        plain(*given)
        filled.enroll([make("Late", 50)])

    monkeypatch.setattr(moving, "_compare", late)
    with pytest.raises(GalleryUnusable, match="written to while"):
        move(path, tmp_path / "target.db")
    monkeypatch.setattr(moving, "_compare", plain)
    move(path, tmp_path / "target.db")
    holds(open_gallery(tmp_path / "target.db"), [*templates(make), make("Late", 50)])


@pytest.fixture(params=["file", "server"])
def place(request, filled, path):
    """Where the gallery lies that is moved away."""
    if request.param == "file":
        yield path
        return
    with request.getfixturevalue("server").fresh() as url:
        move(path, url)
        yield url


def test_what_is_stored_while_a_move_ends_is_stored_after_it(place, tmp_path, make, monkeypatch):
    """Between the last look at the source and the target's becoming a gallery a change would be seen by nobody."""
    source, plain, happened = open_gallery(place), moving._finish, []

    def enroll() -> None:
        source.enroll([make("Late", 50)])
        happened.append("enrolled")

    late = threading.Thread(target=enroll)

    def finish(*given: object) -> None:
        late.start()
        late.join(0.5)
        plain(*given)
        happened.append("moved")

    monkeypatch.setattr(moving, "_finish", finish)
    move(place, tmp_path / "target.db")
    late.join()
    assert happened == ["moved", "enrolled"]
    assert source.uids().keys() > open_gallery(tmp_path / "target.db").uids().keys()
    source.close()


def test_a_server_that_may_only_be_read_is_moved_all_the_same(filled, path, tmp_path, make, holds, server):
    with server.fresh() as url:
        move(path, url)
        database = url.split("?")[0].rsplit("/", 1)[1]
        reader = url.replace("://postgres:", "://reader:").replace("://postgres@", "://reader@")
        assert reader != url
        server.execute("CREATE ROLE reader LOGIN", database)
        server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database)
        server.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader", database)
        move(reader, tmp_path / "target.db")
        server.execute("DROP OWNED BY reader", database)
    server.execute("DROP ROLE reader")
    holds(open_gallery(tmp_path / "target.db"), templates(make))


def test_every_table_goes_along(filled, path, tmp_path, make, encoder, server, monkeypatch):
    """There and back again each has the same rows, and here none is empty."""
    pytest.importorskip("cryptography")
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "keys" / "gallery.key"))
    add_key(tmp_path / "keys" / "gallery.key")
    filled.save_operating_point(OperatingPoint(0.3, 0.001, 3000, 100, encoder, "a test"))
    filled.save_calibration(encoder, Calibration(0.01, fakes.points(encoder=encoder)))
    filled.save_setting("index", "exact")
    filled.merge("Anna", "Ben")
    filled.encrypt()
    before = contents(path)
    assert set(before) == set(Tables.metadata.tables) and all(before.values())
    with server.fresh() as url:
        move(path, url)
        move(url, tmp_path / "back.db")
    assert contents(tmp_path / "back.db") == before == contents(path)


@pytest.mark.parametrize("kind, dropped", [("server", "server"), ("server-exact", "server-exact"), ("HNSW32", None)])
def test_a_file_is_not_searched_by_the_server_that_it_came_from(filled, path, tmp_path, kind, dropped):
    filled.save_setting("index", kind)
    assert move(path, tmp_path / "file.db").dropped_index == dropped
    there = open_gallery(tmp_path / "file.db", create=False)
    assert index_in_use(there) == ("exact" if dropped else kind)
    assert contents(tmp_path / "file.db")["template"] == contents(path)["template"] and there.problems() == []


def test_from_server_to_server_the_index_stays_and_to_a_file_it_does_not(filled, path, tmp_path, server):
    with server.fresh() as first, server.fresh() as second:
        move(path, first)
        opened = open_gallery(first, create=False)
        opened.save_setting("index", "server")
        opened.close()
        assert move(first, second).dropped_index is None
        opened = open_gallery(second, create=False)
        assert index_in_use(opened) == "server"
        opened.close()
        assert move(second, tmp_path / "back.db").dropped_index == "server"
    assert index_in_use(open_gallery(tmp_path / "back.db")) == "exact"


@pytest.mark.parametrize("target", ["postgresql://nobody@localhost:1/x", "garbage.db"])
def test_what_the_target_does_not_do_is_said_of_the_target(filled, path, tmp_path, target):
    (tmp_path / "garbage.db").write_bytes(b"no database" * 1000)
    to = str(tmp_path / target)
    if "://" in target:
        to = target
        pytest.importorskip("psycopg", reason="comes with facerec[postgres]")
    with pytest.raises(GalleryUnusable) as refused:
        move(path, to)
    assert to.rpartition("//")[2] in str(refused.value) and str(path) not in str(refused.value)


def test_a_full_disk_there_is_not_a_full_disk_here(filled, path, tmp_path, monkeypatch):
    def nearly_full(place: Path, *given: object) -> sqlite3.Connection:
        connection = connect_file(place, *given)
        if place.name == "target.db":
            connection.execute("PRAGMA max_page_count = 1")  # as few as there are now
        return connection

    monkeypatch.setattr(connect, "connect_file", nearly_full)
    with pytest.raises(GalleryUnusable, match=r"target\.db cannot grow"):
        move(path, tmp_path / "target.db")


def test_a_damaged_source_is_said_of_the_source(filled, path, tmp_path):
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = bytes(len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(GalleryUnusable, match=f"{path.name} is damaged"):
        move(path, tmp_path / "target.db")


def test_nothing_is_moved_onto_a_gallery(filled, path, tmp_path, make):
    other = open_gallery(tmp_path / "other.db")
    other.enroll([make("Anna", 1)])
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(InvalidInput, match="holds a gallery already"):
        move(path, tmp_path / "other.db")
    with pytest.raises(InvalidInput, match="another place"):
        move(path, path)
    assert (tmp_path / "other.db").read_bytes() == before


def test_an_encrypted_gallery_moves_without_its_key(filled, path, tmp_path, make, server, monkeypatch):
    pytest.importorskip("cryptography")
    monkeypatch.delenv("FACEREC_GALLERY_KEY", raising=False)
    key = tmp_path / "keys" / "gallery.key"
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(key))
    add_key(key)
    filled.encrypt()
    os.rename(key, key.with_name("away"))
    with server.fresh() as url:
        move(path, url)
        with pytest.raises(GalleryUnusable, match="key"):
            open_gallery(url)
        os.rename(key.with_name("away"), key)
        there = open_gallery(url, create=False)
        stored = there.embeddings(make().encoder)
        assert len(stored) == 5 and stored.quarantined == 0
        there.enroll([make("Newcomer", 30)])
        assert len(there.embeddings(make().encoder)) == 6
        there.close()
