"""Another encoder for a gallery, how it is searched, and what it holds as digests: as a shell says it."""

import json
import os
import shutil

import numpy as np
import onnx
import pytest

from facerec.digest import sha256
from facerec.faces.encoder import PACKAGED, Card
from facerec.gallery import choosing, factory_index, keeping, open_gallery, snapshots
from facerec.gallery.fusion import fused
from facerec.gallery.kinds import index_builder
from facerec.gallery.searcher import Searcher
from facerec.recognition import looking
from facerec.recognition.encoder_in_use import switch_to
from facerec.records import Candidates
from tests.gallery.conftest import template_of


@pytest.fixture
def people(tmp_path, photos):
    """A folder of one subject with two pictures."""
    folder = tmp_path / "people" / "Ada"
    folder.mkdir(parents=True)
    for photo in (photos.portrait, photos.take):
        shutil.copy(photo, folder)
    return tmp_path / "people"


@pytest.fixture
def other(tmp_path):
    """The packaged encoder with a word more in its graph: the same embeddings under another digest."""
    folder = tmp_path / "other"
    shutil.copytree(PACKAGED["default"], folder)
    graph = onnx.load(folder / "encoder.onnx")
    word = graph.metadata_props.add()
    word.key, word.value = "made for", "a test"
    onnx.save(graph, folder / "encoder.onnx")
    card = folder / "card.json"
    old = json.loads(card.read_text())["digest"]
    card.write_text(card.read_text().replace(old, sha256((folder / "encoder.onnx").read_bytes())))
    return folder


def test_a_gallery_changes_its_encoder_and_goes_back(facerec, people, other, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "useful", lambda workers, *_: workers)  # although one face is left for two of them
    assert facerec("precompute", people, "--manifest", people / "made.jsonl").status == 0
    assert facerec("gallery", "manifest", people / "made.jsonl", "--compare").status == 0
    assert "gallery migrate --to" in facerec("gallery", "switch", "--to", other).err
    (people / "Ada" / photos.take.name).rename(people / "moved.png")
    first = facerec("gallery", "migrate", "--to", other, "--json")
    assert first.status == 2 and [one["outcome"] for one in first.answers] == ["embedded", "picture_gone", "incomplete"]
    assert first.answers[-1]["left"] == {"picture_gone": 1}
    second = facerec("gallery", "migrate", "--to", other, "--pictures", people, "--workers", 2, "--json")
    assert second.status == 0 and [one["outcome"] for one in second.answers] == ["embedded", "migrated"]
    assert second.answers[-1]["probes"] == 2 and second.answers[-1]["changes"] == []
    digests = [facerec("identify", photos.portrait, "--json").answers[0]["encoder"]]
    for words in (("--to", other), ("--back",)):
        assert facerec("gallery", "switch", *words).status == 0
        digests.append(facerec("identify", photos.portrait, "--json").answers[0]["encoder"])
        assert facerec("gallery", "stats", "--json").answers[0]["encoder"] == digests[-1]
    assert digests[0] == digests[2] != digests[1]
    assert digests[1] == second.answers[-1]["encoder"]
    old, new = (open_gallery(tmp_path / "gallery.db").embeddings(digest) for digest in digests[:2])
    assert old.rows.tobytes() == new.rows.tobytes() and len(old) == 2  # in whatever process, alone or together
    assert facerec("gallery", "index", "nonsense").status == 2  # two templates are too few to measure on
    assert facerec("gallery", "index", "--json").answers == [{"outcome": "index", "index": "exact", "schema": 1}]
    assert "could not parse" in facerec("identify", photos.portrait, "--index", "nonsense").err


def test_no_more_workers_begin_than_there_are_batches_of_faces(facerec, people, other, monkeypatch):
    assert facerec("precompute", people).status == 0
    monkeypatch.setattr(looking, "pool", lambda *_: pytest.fail("two faces need no process"))
    assert facerec("gallery", "migrate", "--to", other, "--workers", 8).status == 0
    assert facerec("gallery", "migrate", "--to", other, "--workers", 8).status == 0  # nothing is left to do


def test_pictures_that_were_enrolled_by_relative_paths_are_looked_for_where_that_was(
    facerec, people, other, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert facerec("precompute", "people").status == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    lost = facerec("gallery", "migrate", "--to", other)
    assert lost.status == 2 and lost.err.count("cannot be read from this folder") == 2
    assert "--pictures DIR" in lost.out and "where they were enrolled from" in lost.out
    found = facerec("gallery", "migrate", "--to", other, "--pictures", people)
    assert found.status == 0 and "--pictures" not in found.out


def test_the_numbers_say_how_a_gallery_is_searched(facerec, tmp_path, other, monkeypatch):
    monkeypatch.setattr(snapshots, "WORTH_FROM", 1)
    gallery = open_gallery(tmp_path / "gallery.db")
    (plain,) = facerec("gallery", "stats", "--json").answers
    default = Card.read(PACKAGED["default"])
    assert (plain["encoder"], plain["index"], plain["snapshots"]) == (default.digest, "exact", [])
    switch_to(gallery, other)
    gallery.save_setting("index", "HNSW32")
    digest = Card.read(other).digest
    gallery.enroll([template_of(encoder=digest)])
    gallery.load(digest)
    ran = facerec("gallery", "stats")
    assert f"searched with encoder {digest[:12]} ({default.name}), index HNSW32" in ran.out
    assert f"snapshot gallery.db.{digest[:16]}.snapshot" in ran.out
    with monkeypatch.context() as refusing:
        refusing.setattr("facerec.gallery.snapshots.os.scandir", lambda folder: os.listdir("/nowhere"))
        assert gallery.snapshots() == ()
    shutil.rmtree(other)
    gone = facerec("gallery", "stats", "--json")
    assert gone.status == 0 and gone.answers[0]["encoder"] is None and "cannot be searched" in gone.err


def test_the_index_that_is_chosen_is_there_for_the_next_command(facerec, tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "WORTH_SECONDS", 0)
    digest = Card.read(PACKAGED["default"]).digest
    gallery = open_gallery(tmp_path / "gallery.db")
    gallery.enroll([template_of(f"subject {number // 2}", number, digest) for number in range(30)])
    ran = facerec("gallery", "index", "SQ8", "--json")
    assert ran.status == 0 and [one["outcome"] for one in ran.answers] == ["measured", "index"]
    monkeypatch.setattr(factory_index, "built", None)
    assert len(Searcher(gallery, digest, index_builder("SQ8"), fused).current()) == 15


def test_what_had_better_not_be_chosen_is_said(facerec, tmp_path):
    digest = Card.read(PACKAGED["default"]).digest
    gallery = open_gallery(tmp_path / "gallery.db")
    gallery.enroll([template_of(f"subject {number}", number, digest) for number in range(300)])
    ran = facerec("gallery", "index", "IVF16,Flat;nprobe=1")
    assert ran.status == 0 and "less than 0.99" in ran.err and "in use from now on: IVF16,Flat;nprobe=1" in ran.out
    assert facerec("gallery", "index", "IVF16,Flat;nprobe=1", "--least-recall", "0.01").err.count("recall@1") == 0
    ran = facerec("gallery", "index", "IVF16,Flat;nprobe=1", "--json")
    assert "less than 0.99" in ran.answers[-1]["remarks"][0] and ran.err == ""
    ran = facerec("gallery", "index", "auto")
    assert ran.status == 0 and "fewer than 20,000 templates" in ran.err and ran.out == "in use from now on: exact\n"


@pytest.mark.parametrize("words", [
    ("gallery", "migrate"), ("gallery", "switch"), ("gallery", "switch", "--back", "--to", "default"),
    ("gallery", "migrate", "--to", "default", "--pictures", "nowhere"), ("precompute", ".", "--manifest", "."),
    ("precompute", ".", "--workers", "0"),
])  # fmt: skip
def test_what_is_not_said_right_is_a_usage_error(facerec, words):
    ran = facerec(*words)
    assert ran.status == 2 and "Usage:" in ran.err


@pytest.mark.parametrize("uri", ["http://h:abc", "http://[::1", "http://127.0.0.1:99999", "http://h:-1", "http://h:0"])
def test_a_uri_that_is_none_is_an_error_in_one_line(facerec, photos, uri):
    assert facerec("enroll", "Ada", photos.portrait).status == 0
    for words in (("gallery", "index", f"milvus:{uri}"), ("identify", photos.take, "--index", f"milvus:{uri}#HNSW")):
        ran = facerec(*words)
        assert ran.status == 2 and "cannot be read" in ran.err and len(ran.err.splitlines()) == 1


def test_an_empty_name_is_no_index(facerec, photos):
    assert facerec("enroll", "Ada", photos.portrait).status == 0
    for words in (("identify", photos.take, "--index", ""), ("gallery", "index", "")):
        ran = facerec(*words)
        assert ran.status == 2 and "an index has a name" in ran.err


def test_where_a_gallery_is_searched_is_chosen_whatever_its_size(facerec, photos, tmp_path, monkeypatch):
    """Chosen once a search has shown that it works; nothing is measured on one template, and that is said."""
    assert facerec("enroll", "Ada", photos.portrait).status == 0
    assert "`facerec gallery index exact`" in facerec("gallery", "index", "server").err
    monkeypatch.setattr("facerec.gallery.elsewhere.InTheServer.search", lambda self, gallery, encoder, probes, k: (
        Candidates(np.ones((len(probes), 1), np.int64), np.ones((len(probes), 1), np.float32))
    ))  # fmt: skip
    ran = facerec("gallery", "index", "server-exact")
    assert ran.status == 0 and "not measured" in ran.err and "by itself" in ran.err
    assert facerec("gallery", "index", "--json").answers[0]["index"] == "server-exact"
    assert "--templates each" in facerec("identify", photos.take, "--templates", "fused").err
    assert "Ada" in facerec("identify", photos.take).out
    refused = facerec("identify", photos.take, "--device", "cuda")
    assert refused.status == 2 and "no GPU of this machine" in refused.err
    assert "Ada" in facerec("identify", photos.take, "--device", "auto").out


@pytest.mark.parametrize("kind, how, compared", [
    ("server", (), 300), ("SQ8", ("--templates", "each"), 300), ("SQ8", (), 30),
])  # fmt: skip
def test_an_index_is_measured_at_the_threshold_that_identify_decides_by(
    facerec, photos, tmp_path, monkeypatch, kind, how, compared
):
    digest = Card.read(PACKAGED["default"]).digest
    open_gallery(tmp_path / "gallery.db").enroll(
        [template_of(f"subject {number // 10}", number, digest) for number in range(300)]
    )
    thresholds = []
    for name, place in (("trial", 1), ("measure_elsewhere", 4)):
        plain = getattr(choosing, name)
        monkeypatch.setattr(choosing, name, lambda *given, plain=plain, place=place, **named: (
            thresholds.append(given[place]) or plain(*given, **named)
        ))  # fmt: skip
    monkeypatch.setattr("facerec.gallery.elsewhere.InTheServer.search", lambda self, gallery, encoder, probes, k: (
        Candidates(np.ones((len(probes), 1), np.int64), np.ones((len(probes), 1), np.float32))
    ))  # fmt: skip
    assert facerec("gallery", "index", kind, *how).status == 0
    (answer,) = facerec("identify", photos.portrait, *how, "--json").answers
    assert answer["compared"] == compared and thresholds == [answer["threshold"]]


@pytest.mark.parametrize("name", [
    "milvus:http://anna:secret@127.0.0.1:1", "Milvus:http://anna:secret@127.0.0.1:1",
    "milvus:http://anna:secret@127.0.0.1:99999", "milvus:http://anna:secret@h:abc", "milvus:http://anna:secret@[::1",
    "milvus:http://anna:se#secret@h:1", "milvus:http://anna:1/secret@h:1",
])  # fmt: skip
def test_no_command_stores_or_prints_the_password_of_a_milvus(facerec, photos, name, tmp_path):
    assert facerec("enroll", "Ada", photos.portrait).status == 0
    for words in (
        ("gallery", "index", name),
        ("gallery", "index", name, "--json"),
        ("identify", photos.take, "--index", name),
    ):
        ran = facerec(*words)
        said = ran.out + ran.err
        assert ran.status == 2 and "secret" not in said.lower() and len(said.splitlines()) == 1
    assert facerec("gallery", "index").out == "exact\n"
    assert b"secret" not in b"".join(file.read_bytes() for file in tmp_path.glob("gallery.db*"))
