"""Searching in PostgreSQL and in Milvus answers as searching here does, and follows every change."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facerec.errors import EncoderMismatch, GalleryUnusable, InvalidInput
from facerec.gallery import open_gallery
from facerec.gallery.elsewhere import InTheServer, RemoteSearcher, elsewhere_named
from facerec.gallery.index import ExactIndex
from facerec.gallery.keys import add_key
from facerec.gallery.searcher import Searcher

PEOPLE, EACH = 40, 5


def everybody(make) -> list:
    return [make(f"Person {number % PEOPLE}", number) for number in range(PEOPLE * EACH)]


def same(found, meant) -> bool:
    """The same names in the same order, and the same similarities but for the last digits of float32."""
    names = [[name for name, _ in row] for row in found]
    alike = [[similarity for _, similarity in row] for row in found]
    return names == [[name for name, _ in row] for row in meant] and np.allclose(
        alike, [[similarity for _, similarity in row] for row in meant], atol=1e-5
    )


def probes_of(make, numbers) -> np.ndarray:
    return np.stack([make("", number).embedding for number in numbers])


def test_the_server_finds_exactly_what_the_reference_finds(served, make, encoder):
    served.enroll(everybody(make))
    stored, probes = served.embeddings(encoder), probes_of(make, range(190, 230))
    meant = ExactIndex(stored.template_ids, stored.rows).search(probes, 12)
    found = served.search_in_server(encoder, probes, 12, exact=True)
    assert np.array_equal(found.ids, meant.ids)
    np.testing.assert_allclose(found.similarities, meant.similarities, atol=1e-6)
    assert same(
        RemoteSearcher(served, encoder, InTheServer(True)).search(probes, 5),
        Searcher(served, encoder).search(probes, 5),
    )
    near = served.search_in_server(encoder, probes, 12, exact=False)
    assert np.mean([len(set(a) & set(b)) / 12 for a, b in zip(near.ids, meant.ids, strict=True)]) >= 0.95


def test_the_server_goes_by_its_hnsw_index_only_when_it_may(served, make, encoder, monkeypatch):
    """Its own words on how it would go about it."""
    from facerec.gallery import server_search
    from facerec.gallery.connect import reading

    served.enroll(everybody(make))
    for exact in (True, False):
        with reading(served._engine) as connection:
            server_search.prepare(connection, 5, exact)
            query = server_search.nearest(encoder, exact).limit(5).compile(connection)
            given = {**query.params, "probe": str([0.1] * 128)}
            plan = connection.exec_driver_sql(f"EXPLAIN {query}", given).scalars()
            assert ("ix_template_embedding" in "\n".join(plan)) is not exact


def test_only_plain_galleries_on_postgresql_are_searched_there(served, gallery, make, encoder, tmp_path, monkeypatch):
    gallery.enroll([make()])
    with pytest.raises(InvalidInput, match="PostgreSQL"):
        gallery.search_in_server(encoder, probes_of(make, [0]), 1)
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "key"))
    add_key(tmp_path / "key")
    served.encrypt()
    served.enroll([make()])
    with pytest.raises(InvalidInput, match="encrypted"):
        served.search_in_server(encoder, probes_of(make, [0]), 1)


@pytest.fixture(scope="session")
def milvus(tmp_path_factory):
    """One file of Milvus for all tests: to start it takes seconds."""
    pytest.importorskip("milvus_lite", reason="Milvus comes with facerec[milvus]")
    opened = elsewhere_named(f"milvus:{tmp_path_factory.mktemp('milvus') / 'milvus.db'}")
    yield opened
    opened.close()


def test_only_the_owner_may_read_an_embedded_milvus(milvus):
    place = Path(milvus._uri)
    assert place.stat().st_mode & 0o077 == 0


def test_no_message_tells_the_password_of_a_milvus(gallery, encoder, make, monkeypatch):
    pymilvus = pytest.importorskip("pymilvus", reason="Milvus comes with facerec[milvus]")
    uri = "http://anna:sec%3Fret@milvus.example:19530"

    def refuse(*_, **__):
        raise pymilvus.exceptions.MilvusException(message=f"no luck at {uri}, anna:sec?ret is who asked")

    messages = []
    monkeypatch.setattr(pymilvus, "MilvusClient", refuse)
    with pytest.raises(GalleryUnusable) as refused:
        elsewhere_named(f"milvus:{uri}")
    messages.append(str(refused.value))
    monkeypatch.setattr(
        pymilvus,
        "MilvusClient",
        lambda uri, token: SimpleNamespace(list_collections=refuse, describe_collection=refuse),
    )
    opened = elsewhere_named(f"milvus:{uri}")
    for call in (
        lambda: opened.follow(gallery, encoder),
        lambda: opened.search(gallery, encoder, probes_of(make, [0]), 1),
    ):
        with pytest.raises(GalleryUnusable) as refused:
            call()
        messages.append(str(refused.value))
    for message in messages:
        assert "sec" not in message and "anna" not in message and "milvus.example:19530" in message


@pytest.fixture(params=["server", "milvus"])
def searched(request, make, encoder):
    """A gallery and a searcher elsewhere."""
    where = request.getfixturevalue("served" if request.param == "server" else "gallery")
    where.enroll(everybody(make))
    elsewhere = InTheServer(True) if request.param == "server" else request.getfixturevalue("milvus")
    return where, RemoteSearcher(where, encoder, elsewhere)


def test_it_answers_as_here_and_follows_every_change(searched, make, encoder):
    gallery, remote = searched
    here, probes = Searcher(gallery, encoder), probes_of(make, [*range(20), 300, 301])
    assert same(remote.search(probes, 5), here.search(probes, 5))
    gallery.enroll([make("Newcomer", 300), make("Person 3", 301)])
    assert same(remote.search(probes, 5), here.search(probes, 5))
    gallery.remove("Person 0")
    gallery.rename("Person 1", "Somebody")
    gallery.move_face(3, "Newcomer")
    gallery.merge("Person 4", "Person 5")
    found = remote.search(probes, 5)
    assert same(found, here.search(probes, 5))
    assert "Person 0" not in {name for row in found for name, _ in row}
    assert remote.sizes() == (39, 197)
    everyone = remote.search(probes[:1], 1000)
    assert same(everyone, here.search(probes[:1], 1000)) and len(everyone[0]) == 39


def test_nobody_and_another_encoder(served, make, encoder, other_encoder):
    remote = RemoteSearcher(served, encoder, InTheServer())
    assert remote.search(probes_of(make, [1, 2]), 3) == [(), ()]
    served.enroll([make()])
    with pytest.raises(EncoderMismatch):
        RemoteSearcher(served, other_encoder, InTheServer()).search(probes_of(make, [1]), 1)


def test_a_copy_in_milvus_is_made_anew_where_its_state_says_nothing(gallery, milvus, make, encoder, monkeypatch):
    gallery.enroll(everybody(make))
    remote, here, probes = (
        RemoteSearcher(gallery, encoder, milvus),
        Searcher(gallery, encoder),
        probes_of(make, range(9)),
    )
    asked = []
    monkeypatch.setattr("facerec.gallery.milvus.PATIENCE", 0.2)
    plain = gallery.changes
    monkeypatch.setattr(gallery, "changes", lambda *given: asked.append(plain(*given)) or asked[-1])
    remote.search(probes, 3)
    remote.search(probes, 3)
    assert [one.touched is None for one in asked] == [True]
    gallery.enroll([make("Late", 400)])
    remote.search(probes, 3)
    assert [one.touched is None for one in asked] == [True, False] and len(asked[1].templates) == 1
    name = next(iter(name for name in milvus._client.list_collections() if gallery.state().database in name))
    milvus._client.delete(name, ids=[1, 2])  # by somebody else
    gallery.enroll([make("Later", 401)])
    assert same(remote.search(probes, 3), here.search(probes, 3))
    assert [one.touched is None for one in asked] == [True, False, False, True]
    name = next(iter(name for name in milvus._client.list_collections() if gallery.state().database in name))
    milvus._say(name, type(gallery.state())("", -1, None))  # what a process leaves that was killed while it wrote
    assert same(remote.search(probes, 3), here.search(probes, 3))
    assert asked[-1].touched is None and len(asked) == 5


def test_a_restored_gallery_is_another_state_for_milvus(gallery, path, milvus, make, encoder, tmp_path):
    from facerec.gallery.copies import backup, restore

    gallery.enroll([make("Anna", 1)])
    backup(path, tmp_path / "backup.db")
    gallery.enroll([make("Ben", 2)])
    remote = RemoteSearcher(gallery, encoder, milvus)
    assert remote.search(probes_of(make, [2]), 1)[0][0][0] == "Ben"
    restore(tmp_path / "backup.db", path)
    again = open_gallery(path)
    again.enroll([make("Carl", 3)])
    assert [name for name, _ in RemoteSearcher(again, encoder, milvus).search(probes_of(make, [2]), 9)[0]] in (
        ["Anna", "Carl"], ["Carl", "Anna"],
    )  # fmt: skip


def test_an_encrypted_gallery_goes_to_no_milvus(gallery, milvus, make, encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "keys" / "key"))
    add_key(tmp_path / "keys" / "key")
    gallery.encrypt()
    gallery.enroll([make()])
    with pytest.raises(InvalidInput, match="in plain"):
        RemoteSearcher(gallery, encoder, milvus).search(probes_of(make, [0]), 1)


def test_a_milvus_that_is_not_there_is_said(tmp_path):
    pytest.importorskip("milvus_lite", reason="Milvus comes with facerec[milvus]")
    with pytest.raises(GalleryUnusable, match="Milvus"):
        elsewhere_named(f"milvus:{tmp_path / 'no' / 'folder' / 'milvus.db'}")


def test_names_of_indexes_in_this_process_are_none_elsewhere():
    assert elsewhere_named("exact") is None and elsewhere_named("HNSW32") is None
