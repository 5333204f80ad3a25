"""Milvus: kinds of index, several processes at one collection, and what its users must never read."""

import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facerec.errors import GalleryUnusable, InvalidInput
from facerec.gallery import milvus as module
from facerec.gallery.elsewhere import RemoteSearcher, elsewhere_named
from facerec.gallery.index import ExactIndex
from facerec.gallery.keys import add_key
from facerec.gallery.milvus import NOWHERE, Milvus, collections_of
from facerec.gallery.milvus_kinds import KINDS, to_be_kept
from facerec.gallery.searcher import Searcher
from tests.gallery.conftest import ENCODER, template_of

WITHOUT = "Milvus comes with facerec[milvus]"


@pytest.fixture(scope="session")
def lite(tmp_path_factory):
    """A server of milvus-lite's own, which is reached as a cluster is: its URI, and what it serves."""
    pytest.importorskip("milvus_lite", reason=WITHOUT)
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    place = tmp_path_factory.mktemp("cluster") / "milvus"
    server, files, port = start_server_in_thread(str(place), max_workers=1)  # by two at once it harms its own files
    yield f"http://127.0.0.1:{port}", files
    server.stop(grace=0)
    files.close()


@pytest.fixture
def cluster(lite):
    return lite[0]


@pytest.fixture
def clients(cluster, gallery):
    """Two that know nothing of each other, and nothing on the server from tests before: copies share a gallery's id."""
    pair = Milvus(cluster), Milvus(cluster)
    yield pair
    for name in names_of(pair[0], gallery):
        pair[0]._client.drop_collection(name)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.8)


def names_of(client: Milvus, gallery) -> list[str]:
    return [one.name for one in client._all(collections_of(gallery.state().database, ENCODER))]


def enrolled(gallery, people: int = 20, each: int = 3) -> np.ndarray:
    """People with templates; a probe of each, (N, 128)."""
    gallery.enroll([template_of(f"Person {number % people}", number) for number in range(people * each)])
    return np.stack([template_of("", number).embedding for number in range(people)])


def found(client: Milvus, gallery, probes) -> list[str]:
    return [row[0][0] for row in RemoteSearcher(gallery, ENCODER, client).search(probes, 1)]


EVERYBODY = [f"Person {number}" for number in range(20)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_with_true_similarities(lite, gallery, kind):
    """So many that the index is built and asked; what IVF_SQ8 itself says is wrong in the third digit."""
    probes, client = enrolled(gallery, people=20, each=60), Milvus(lite[0], kind)
    every = gallery.embeddings(ENCODER)
    meant = ExactIndex(every.template_ids, every.rows).search(probes, 10)
    client.follow(gallery, ENCODER)
    (name,) = names_of(client, gallery)
    lite[1].get_collection(name)._wait_for_bg()  # which builds the index
    answer = client.search(gallery, ENCODER, probes, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(answer.ids, meant.ids, strict=True)])
    assert recall == 1 if kind in ("FLAT", "HNSW") else recall > 0.2, recall
    assert np.array_equal(answer.ids[:, 0], meant.ids[:, 0])
    for probe, ids, alike in zip(probes, answer.ids, answer.similarities, strict=True):
        true = every.rows[np.searchsorted(every.template_ids, ids)] @ probe
        np.testing.assert_allclose(alike, true, atol=1e-6)
        assert (np.diff(alike) <= 0).all()
    raw = client._client.search(name, data=list(probes), limit=10, search_params={"metric_type": "IP"})
    pairs = [(probe, one) for probe, row in zip(probes, raw, strict=True) for one in row]
    wrong = max(abs(one["distance"] - every.rows[one["id"] - 1] @ probe) for probe, one in pairs)
    assert (wrong > 1e-4) == (kind == "IVF_SQ8")
    client._client.drop_collection(name)


def test_another_kind_makes_the_collection_anew_and_says_so(cluster, clients, gallery, caplog):
    probes = enrolled(gallery)
    assert found(clients[0], gallery, probes) == EVERYBODY
    before = names_of(clients[0], gallery)
    graph = Milvus(cluster, "HNSW")
    with caplog.at_level(logging.WARNING):
        assert found(graph, gallery, probes) == EVERYBODY
    assert "FLAT" in caplog.text and "HNSW" in caplog.text
    (after,) = names_of(clients[0], gallery)
    assert after not in before
    assert graph._client.describe_index(after, "embedding")["index_type"] == "HNSW"
    assert found(graph, gallery, probes) == EVERYBODY and names_of(graph, gallery) == [after]


def test_kinds_and_places_that_there_are_not():
    for name in ("milvus:http://milvus.example#HSNW", "milvus:faces.db#DISKANN"):
        with pytest.raises(InvalidInput, match="FLAT, HNSW, IVF_FLAT, IVF_SQ8"):
            elsewhere_named(name)
    for name in ("milvus:", "milvus:faces", "milvus:#HNSW"):
        with pytest.raises(InvalidInput, match=r"\.db"):
            elsewhere_named(name)


def test_a_process_after_the_one_that_filled_it(gallery, tmp_path):
    """What lies on the disk must be asked for before it can be searched; embedded, one process at a time has it."""
    lite = pytest.importorskip("milvus_lite", reason=WITHOUT)
    from milvus_lite.server_manager import server_manager_instance as processes

    place, probes = str(tmp_path / "milvus.db"), enrolled(gallery)
    first = Milvus(place)
    assert found(first, gallery, probes) == EVERYBODY
    names = names_of(first, gallery)
    first.close()
    processes.release_server(place)  # as at the end of a process
    second = Milvus(place)
    assert found(second, gallery, probes) == EVERYBODY and names_of(second, gallery) == names
    second.close()
    processes.release_server(place)
    with lite.MilvusLite(place), pytest.raises(GalleryUnusable, match="one process at a time"):
        Milvus(place)


def test_half_an_index_of_a_killed_process_is_made_anew(gallery, tmp_path, caplog):
    pytest.importorskip("milvus_lite", reason=WITHOUT)
    probes, place = enrolled(gallery, people=20, each=60), tmp_path / "milvus.db"
    first = Milvus(str(place), "HNSW")
    first.settle(gallery, ENCODER)
    names = names_of(first, gallery)
    (index,) = place.rglob("*.idx")  # settled: it is there
    first.close()
    from milvus_lite.server_manager import server_manager_instance as processes

    processes.release_server(str(place))
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
    again = Milvus(str(place), "HNSW")
    assert found(again, gallery, probes) == EVERYBODY
    assert names_of(again, gallery) != names and "made anew" in caplog.text
    processes.release_server(str(place))


def test_a_collection_replaced_while_it_is_searched(clients, gallery):
    ours, theirs = clients
    probes = enrolled(gallery)
    assert found(ours, gallery, probes) == EVERYBODY
    plain, passed = ours._client.search, []

    def search(name, **asked):
        passed.append(name)
        if len(passed) == 1:
            gallery.enroll([template_of("Late", 900)])
            theirs._made(gallery, gallery.changes(ENCODER, NOWHERE))
        return plain(name, **asked)

    ours._client.search = search
    assert found(ours, gallery, probes) == EVERYBODY
    assert len(set(passed)) == 2 and names_of(ours, gallery) == [passed[1]]


def test_a_collection_in_the_middle_of_a_merge_is_searched_again(clients, gallery):
    """Another deletes the templates of one subject and writes them as another's; in between nobody has them."""
    ours, theirs = clients
    probes = enrolled(gallery)
    assert found(ours, gallery, probes) == EVERYBODY
    (name,) = names_of(ours, gallery)
    whole = gallery.embeddings(ENCODER)
    plain, missed = ours._client.search, []

    def search(name, **asked):
        if missed:
            return plain(name, **asked)
        claim = theirs._say(name, NOWHERE)
        theirs._client.delete(name, filter=f"subject in {whole.subject_ids[:1].tolist()}")
        missed.append(plain(name, **asked))
        theirs._written(claim, gallery.changes(ENCODER, NOWHERE))
        return missed[0]

    ours._client.search = search
    assert found(ours, gallery, probes) == EVERYBODY
    assert whole.template_ids[0] not in [one["id"] for one in missed[0][0]]
    assert names_of(ours, gallery) == [name]


def test_who_writes_is_waited_for_and_who_was_killed_is_not(clients, gallery, impatient, monkeypatch):
    ours, theirs = clients
    probes = enrolled(gallery)
    assert found(ours, gallery, probes) == EVERYBODY
    (name,) = names_of(ours, gallery)
    gallery.enroll([template_of("Late", number) for number in range(900, 910)])
    monkeypatch.setattr(module, "AT_ONCE", 1)
    plain = theirs._client.upsert
    theirs._client.upsert = lambda *given: time.sleep(0.12) or plain(*given)  # 1.2 s in all: longer than the patience
    began, say = threading.Event(), theirs._say

    def said(*given):
        done = say(*given)
        began.set()
        return done

    theirs._say = said
    writer = threading.Thread(target=theirs.follow, args=(gallery, ENCODER))
    writer.start()
    began.wait()
    assert found(ours, gallery, template_of("", 909).embedding[None]) == ["Late"]
    writer.join()
    assert names_of(ours, gallery) == [name]
    ours._say(name, NOWHERE)  # and then killed
    assert found(ours, gallery, probes) == EVERYBODY
    assert len(names_of(ours, gallery)) == 1 and names_of(ours, gallery) != [name]


def test_of_two_that_claim_it_at_one_moment_one_writes(clients, gallery, monkeypatch):
    ours, theirs = clients
    probes = enrolled(gallery)
    assert found(ours, gallery, probes) == EVERYBODY
    (name,) = names_of(ours, gallery)
    gallery.enroll([template_of("Late", 900)])
    wrote, slept = [], []
    plain, wait = ours._client.upsert, time.sleep
    ours._client.upsert = lambda *given: wrote.append(given) or plain(*given)

    def sleep(seconds):
        if seconds >= module.CLAIM and not slept:
            slept.append(seconds)
            theirs._written(theirs._say(name, NOWHERE), gallery.changes(ENCODER, NOWHERE))
        wait(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    assert found(ours, gallery, template_of("", 900).embedding[None]) == ["Late"]
    assert slept and not wrote and names_of(ours, gallery) == [name]


def test_what_two_wrote_to_at_once_is_made_anew(clients, gallery, impatient):
    """One was stopped after its claim for so long that the other took it for killed, and then went on."""
    ours, theirs = clients
    probes = enrolled(gallery)
    assert found(ours, gallery, probes) == EVERYBODY
    (name,) = names_of(ours, gallery)
    gallery.enroll([template_of("Late", 900)])
    changes = gallery.changes(ENCODER, NOWHERE)
    plain, woken = ours._client.upsert, []

    def upsert(*given):
        if not woken:
            woken.append(theirs._written(theirs._say(name, NOWHERE), changes))
        return plain(*given)

    ours._client.upsert = upsert
    assert found(ours, gallery, template_of("", 900).embedding[None]) == ["Late"]
    assert woken[0].state == gallery.state() and names_of(ours, gallery) != [name]
    assert found(theirs, gallery, probes) == EVERYBODY


def test_two_that_make_it_at_one_moment_end_with_one(clients, gallery):
    ours, theirs = clients
    probes = enrolled(gallery)
    plain, passed = ours._client.upsert, []

    def upsert(name, rows):
        if not passed:
            passed.append(name)
            theirs._made(gallery, gallery.changes(ENCODER, NOWHERE))
        return plain(name, rows)

    ours._client.upsert = upsert
    assert found(ours, gallery, probes) == EVERYBODY
    (name,) = names_of(ours, gallery)
    assert [name] != passed and found(theirs, gallery, probes) == EVERYBODY


def test_of_two_complete_collections_both_makers_keep_the_same_one(gallery):
    past, now = gallery.state(), None
    enrolled(gallery)
    now = gallery.state()
    one, two = (module.Collection(name, now, "FLAT", "") for name in ("a", "b"))
    assert module.stays(two, one, now) and not module.stays(one, two, now)
    old = one._replace(state=past)
    assert module.stays(one, old, now) and not module.stays(old, one, now)
    assert not module.stays(one._replace(state=NOWHERE), two, now)


def test_what_is_written_to_all_the_while_is_given_up(clients, gallery):
    ours, theirs = clients
    probes = enrolled(gallery)
    plain, tries = ours._client.search, []

    def search(name, **asked):
        tries.append(name)
        theirs._say(name, gallery.state())
        return plain(name, **asked)

    ours._client.search = search
    with pytest.raises(GalleryUnusable, match="changed by others"):
        found(ours, gallery, probes)
    assert len(tries) == module.TRIES


def test_a_collection_that_lies_is_found_out(clients, gallery):
    """A similarity is between the probe and what is enrolled, whatever Milvus holds; and who is gone has no name."""
    ours, _ = clients
    probes = enrolled(gallery)
    assert found(ours, gallery, probes) == EVERYBODY
    (name,) = names_of(ours, gallery)
    rows = [{"id": 1, "subject": 1, "embedding": probes[5]}, {"id": 777, "subject": 9, "embedding": probes[5]}]
    ours._client.upsert(name, rows)
    (row,) = RemoteSearcher(gallery, ENCODER, ours).search(probes[5:6], 20)
    assert row[0] == ("Person 5", pytest.approx(1, abs=1e-6))
    assert dict(row)["Person 0"] == pytest.approx(
        dict(Searcher(gallery, ENCODER).search(probes[5:6], 20)[0])["Person 0"]
    )


def test_two_processes_that_enroll_merge_and_search(cluster, clients, gallery, path):
    """Whoever stays enrolled is found by every search of either, while the other writes."""
    probes = enrolled(gallery)
    program = """
import sys, json, numpy as np
from facerec.gallery import open_gallery
from facerec.gallery.elsewhere import RemoteSearcher
from facerec.gallery.milvus import Milvus
from tests.gallery.conftest import ENCODER, template_of
gallery = open_gallery(sys.argv[1])
remote = RemoteSearcher(gallery, ENCODER, Milvus(sys.argv[2]))
probes = np.stack([template_of("", number).embedding for number in range(20)])
for turn in range(12):
    gallery.enroll([template_of("Guest", 500 + 2 * turn), template_of(f"Guest {turn}", 501 + 2 * turn)])
    gallery.merge(f"Guest {turn}", "Guest")
    found = [row[0][0] for row in remote.search(probes, 1)]
    print(json.dumps(found), flush=True)
"""
    other = subprocess.Popen([sys.executable, "-c", program, str(path), cluster], stdout=-1, stderr=-1, text=True)
    searches = 0
    while other.poll() is None:
        assert found(clients[0], gallery, probes) == EVERYBODY
        searches += 1
    answers, errors = other.communicate()
    assert other.returncode == 0, errors
    assert [json.loads(line) for line in answers.splitlines()] == [EVERYBODY] * 12 and searches > 12
    assert len(names_of(clients[0], gallery)) == 1
    assert found(clients[0], gallery, template_of("", 523).embedding[None]) == ["Guest"]


def test_a_gallery_that_was_encrypted_leaves_nothing_in_plain(clients, gallery, tmp_path, monkeypatch):
    probes = enrolled(gallery)
    assert found(clients[0], gallery, probes) == EVERYBODY
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "keys" / "key"))
    add_key(tmp_path / "keys" / "key")
    gallery.encrypt()
    with pytest.raises(InvalidInput, match="in plain"):
        found(clients[0], gallery, probes)
    assert names_of(clients[0], gallery) == []


@pytest.mark.parametrize("name", ["Milvus:http://anna:secret@milvus.example", "https://anna:secret@milvus.example"])
def test_a_mistyped_index_is_not_said_back(name):
    with pytest.raises(InvalidInput) as refused:
        elsewhere_named(name)
    assert "secret" not in str(refused.value)


def test_passwords_come_from_the_environment_and_are_never_stored(gallery, monkeypatch):
    pymilvus = pytest.importorskip("pymilvus", reason=WITHOUT)
    assert to_be_kept("milvus:http://milvus.example:19530#hnsw") == "milvus:http://milvus.example:19530#HNSW"
    assert to_be_kept("milvus:/home/a@b/faces.db") == "milvus:/home/a@b/faces.db#FLAT"
    assert to_be_kept("milvus:faces.db") == f"milvus:{Path.cwd()}/faces.db#FLAT"
    for name in ("milvus:http://anna:secret@milvus.example", "milvus:https://key@milvus.example#HNSW"):
        with pytest.raises(InvalidInput, match="FACEREC_MILVUS_TOKEN"):
            to_be_kept(name)
    given = []

    def refuse(*_, **__):
        raise pymilvus.exceptions.MilvusException(message="anna:secret is not let in")

    def client(uri, token):
        given.append((uri, token))
        return SimpleNamespace(list_collections=refuse, describe_collection=refuse)

    monkeypatch.setattr(pymilvus, "MilvusClient", client)
    monkeypatch.setenv("FACEREC_MILVUS_TOKEN", "anna:secret")
    opened = elsewhere_named("milvus:http://milvus.example:19530#HNSW")
    assert given == [("http://milvus.example:19530", "anna:secret")]
    with pytest.raises(GalleryUnusable) as refused:
        opened.follow(gallery, ENCODER)
    assert "secret" not in str(refused.value) and "not let in" in str(refused.value)
