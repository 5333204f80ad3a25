"""The tests of the store, of mending, exchange, searching and many processes once more, on PostgreSQL; and what only
servers have."""

from __future__ import annotations

import inspect
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from alembic import command
from alembic.config import Config

from facerec.errors import GalleryUnusable, MissingPart
from facerec.gallery import open_gallery, schema, store
from facerec.gallery.again import TRIES, Interrupted
from tests.gallery import (
    test_exchange,
    test_fusion,
    test_many_processes,
    test_mending,
    test_searcher,
    test_store,
)
from tests.gallery.invariants import must_hold, must_hold_on_server


@pytest.fixture
def gallery(served):
    return served


exported, people, family = test_exchange.exported, test_exchange.people, test_mending.family
"""Fixtures of tests that are run again."""

GALLERIES = {"gallery", "another", "exported", "family"}
"""Fixtures that are a gallery on the server, or come out of one."""


@pytest.fixture
def another(server):
    with server.fresh("blank") as url:
        opened = open_gallery(url, create=False)
        yield opened
        opened.close()


@pytest.fixture
def holds():
    return lambda gallery, templates: (must_hold_on_server if "://" in str(gallery) else must_hold)(gallery, templates)


def runs_anywhere(test: object) -> bool:
    """Does it ask for a gallery, and not for the file that it lies in?"""
    asked = inspect.signature(test).parameters if inspect.isfunction(test) else {}
    return bool(GALLERIES & set(asked)) and not {"path", "snapshots_always"} & set(asked)


MODULES = (test_store, test_mending, test_exchange, test_searcher, test_fusion, test_many_processes)
AGAIN = {
    name: test
    for module in MODULES
    for name, test in vars(module).items()
    if name.startswith("test_") and runs_anywhere(test)
}
globals().update(AGAIN)


def test_there_are_tests_to_run_again():
    assert len(AGAIN) >= 68


def end_every_connection(server, gallery) -> None:
    """As a server does that is restarted, or whose network is cut."""
    name = gallery.url.database
    others = f"datname = '{name}' AND pid <> pg_backend_pid()"
    server.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")


def test_the_tables_are_what_the_migrations_make_here_too(gallery):
    config = Config()
    config.set_main_option("script_location", str(schema.scripts()))
    config.attributes["place"] = gallery.url
    command.check(config)


def test_f34_down_to_bytes_and_up_to_vectors_again(gallery, make, holds, encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    config = Config()
    config.set_main_option("script_location", str(schema.scripts()))
    config.attributes["place"] = gallery.url
    before = gallery.embeddings(encoder).rows
    gallery.close()
    command.downgrade(config, "0003")
    again = open_gallery(gallery.url.render_as_string(hide_password=False))
    assert np.array_equal(again.embeddings(encoder).rows, before)
    holds(again, [make("Anna", 1), make("Ben", 2)])
    again.close()


def test_f38_a_connection_lost_within_a_transaction_stores_it_once(gallery, make, holds, server, monkeypatch):
    gallery.enroll([make("Anna", 1)])
    passed = []

    def cut_once(name: str) -> None:
        passed.append(name)
        if passed == ["write.before_commit"]:
            end_every_connection(server, gallery)

    monkeypatch.setattr(store, "failpoint", cut_once)
    assert gallery.enroll([make("Ben", 2)]).is_new == (True,)
    assert passed == ["write.before_commit", "write.before_commit", "write.after_commit"]
    assert gallery.generation() == 2
    holds(gallery, [make("Anna", 1), make("Ben", 2)])


def test_f38_a_commit_whose_answer_is_lost_is_found_by_its_mark(gallery, make, holds, server, monkeypatch):
    import psycopg

    gallery.enroll([make("Anna", 1)])
    plain, cut = psycopg.Connection.commit, []

    def commit_and_cut(connection):
        plain(connection)
        if not cut:
            cut.append(True)
            end_every_connection(server, gallery)
            connection.execute("SELECT 1")  # what the server said is never heard

    monkeypatch.setattr(psycopg.Connection, "commit", commit_and_cut)
    gallery.remove("Anna")  # done again, it would say that there is no Anna
    monkeypatch.undo()
    assert cut and gallery.generation() == 2
    assert gallery.enroll([make("Anna", 1)]).stored == 1
    holds(gallery, [make("Anna", 1)])


def test_f38_a_server_that_stays_away_is_said_and_nothing_is_stored(gallery, make, server, monkeypatch, holds):
    monkeypatch.setattr("facerec.gallery.again.FIRST_PAUSE", 0.001)
    monkeypatch.setattr(store, "failpoint", lambda name: end_every_connection(server, gallery))
    with pytest.raises(GalleryUnusable, match="nothing was stored: try again") as refused:
        gallery.enroll([make("Anna", 1)])
    assert "INSERT" not in str(refused.value) and "\n" not in str(refused.value)
    monkeypatch.undo()
    assert gallery.stats().subjects == 0 and gallery.enroll([make("Anna", 1)]).stored == 1
    holds(gallery, [make("Anna", 1)])


def test_f38_connections_that_died_in_between_are_replaced_unnoticed(gallery, make, server, holds):
    gallery.enroll([make("Anna", 1)])
    end_every_connection(server, gallery)
    assert gallery.stats().subjects == 1
    holds(gallery, [make("Anna", 1)])


def test_f39_a_deadlock_with_another_session_is_gone_through_again(gallery, make, holds, server):
    """Ours waits for a row that the other holds, the other then for one that is ours; the server ends ours."""
    import psycopg

    gallery.enroll([make("Anna", 1)])
    with psycopg.connect(server.of(gallery.url.database)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '30s'")
        other.execute("SELECT id FROM subject FOR UPDATE")
        renamed = pool.submit(gallery.rename, "Anna", "Anne")
        while not server.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            time.sleep(0.02)
        other.execute("SELECT generation FROM meta FOR UPDATE")  # answered once ours was ended
        other.rollback()
        renamed.result(timeout=30)
    assert gallery.generation() == 2
    holds(gallery, [make("Anne", 1)])


def test_f39_what_never_succeeds_is_given_up_after_a_few_tries(gallery, make, monkeypatch, holds):
    tries = []

    def conflict(name: str) -> None:
        tries.append(name)
        raise Interrupted("another was first: try again")

    monkeypatch.setattr("facerec.gallery.again.FIRST_PAUSE", 0.001)
    monkeypatch.setattr(store, "failpoint", conflict)
    with pytest.raises(Interrupted):
        gallery.enroll([make("Anna", 1)])
    assert len(tries) == TRIES and gallery.stats().subjects == 0
    monkeypatch.undo()
    holds(gallery, [])


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda url: url.set(database="nowhere"), 'database "nowhere" does not exist'),
        (lambda url: url.set(username="nobody"), "nobody"),
        (lambda url: url.set(query={"host": "/nowhere"}), "cannot be used"),
        (lambda url: url.set(drivername="postgresql+nodriver"), r"facerec\[postgres\]"),
    ],
)
def test_a_url_that_leads_nowhere_says_why(gallery, wrong, words):
    for said in (gallery.url.set(password="a-secret"), gallery.url.update_query_dict({"password": "a-secret"})):
        with pytest.raises((GalleryUnusable, MissingPart), match=words) as refused:
            open_gallery(wrong(said).render_as_string(hide_password=False))
        assert "a-secret" not in str(refused.value) and "\n" not in str(refused.value)


def test_two_processes_make_the_tables_at_one_moment(server, child):
    with server.fresh() as url, ThreadPoolExecutor(2) as pool:
        ends = pool.map(lambda _: child(lambda: open_gallery(url).stats().subjects), range(2))
        assert list(ends) == [(0, "0"), (0, "0")]
