"""Approximate indexes that are kept: built once, never trusted blindly, gone with whoever leaves."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facerec.gallery import factory_index, keeping, layered, open_gallery
from facerec.gallery.copies import backup, restore
from facerec.gallery.factory_index import Factory, FactoryIndex
from facerec.gallery.fusion import fused
from facerec.gallery.index import ExactIndex, build_index
from facerec.gallery.kept_index import digests_of, read_kept
from facerec.gallery.kinds import index_builder
from facerec.gallery.layered import Layered
from facerec.gallery.searcher import Searcher
from facerec.gallery.snapshots import Snapshots
from facerec.records import DIM, unit

pytestmark = pytest.mark.usefixtures("snapshots_always")
SPEC = "IVF2,Flat;nprobe=2"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Two of forty may change before everything is built anew, as among many."""
    monkeypatch.setattr(layered, "AND_AT_LEAST", 2)


def index_file(gallery, encoder: str) -> Path:
    return Snapshots(Path(str(gallery))).of_index(encoder)


def people(make, count: int = 40):
    return [make(f"subject {number // 2}", number) for number in range(count)]


@pytest.fixture
def built(monkeypatch) -> list[str]:
    """Grows by the spec whenever an index is built."""
    real, calls = factory_index.built, []

    def counted(spec, embeddings):
        calls.append(spec)
        return real(spec, embeddings)

    monkeypatch.setattr(factory_index, "built", counted)
    return calls


@pytest.fixture
def kept(gallery, make, encoder, built) -> Path:
    """A gallery of forty has an index; nothing was built since."""
    gallery.enroll(people(make))
    Searcher(gallery, encoder, Factory(SPEC)).current()
    assert built == [SPEC]
    built.clear()
    return index_file(gallery, encoder)


def answers(gallery, make, encoder, spec=SPEC, combine=None):
    """Whose templates a process that starts now finds for each of sixty pictures."""
    more = {} if combine is None else {"combine": combine}
    probes = np.stack([make("", number).embedding for number in range(60)])
    return [row[0] for row in Searcher(gallery, encoder, Factory(spec), **more).search(probes, 1)]


def is_as_stored(gallery, encoder, holds, everybody, spec=SPEC) -> None:
    """All that must hold of a gallery, and of the approximate search in it."""
    probes = np.stack([template.embedding for template in everybody])
    exact = Searcher(gallery, encoder).search(probes, 3)
    found = Searcher(gallery, encoder, Factory(spec)).search(probes, 3)
    assert [[name for name, _ in row] for row in found] == [[name for name, _ in row] for row in exact]
    alike, meant = ([[similarity for _, similarity in row] for row in rows] for rows in (found, exact))
    np.testing.assert_allclose(alike, meant, atol=1e-6)
    holds(gallery, everybody)


def test_a_second_process_builds_nothing(gallery, make, holds, encoder, kept, built):
    assert kept.stat().st_mode & 0o777 == 0o600
    before = kept.read_bytes()
    is_as_stored(gallery, encoder, holds, people(make))
    assert built == [] and kept.read_bytes() == before


@pytest.mark.parametrize("spec", ["SQ8", "HNSW8;efSearch=50", "PCA32,Flat", "Flat"])
def test_what_was_kept_answers_as_what_was_built(gallery, make, holds, encoder, built, spec):
    gallery.enroll(people(make))
    first = answers(gallery, make, encoder, spec)
    assert built == [spec] and answers(gallery, make, encoder, spec) == first and built == [spec]


def test_nothing_is_kept_of_an_exact_index_or_of_one_that_is_built_at_once(gallery, make, encoder, monkeypatch):
    gallery.enroll(people(make))
    Searcher(gallery, encoder, build_index).current()
    monkeypatch.setattr(keeping, "WORTH_SECONDS", 60)
    Searcher(gallery, encoder, Factory(SPEC)).current()
    assert not index_file(gallery, encoder).exists()


def test_nothing_is_written_out_where_nothing_may_be_kept(gallery, make, encoder, monkeypatch):
    gallery.enroll(people(make))
    monkeypatch.setattr("facerec.gallery.connect.os.access", lambda *_: False)
    monkeypatch.setattr(FactoryIndex, "in_bytes", None)
    Searcher(gallery, encoder, Factory(SPEC)).current()
    assert not index_file(gallery, encoder).exists()


def test_who_came_since_is_compared_beside_it(gallery, make, holds, encoder, kept, built):
    gallery.enroll([make("newcomer", 50), make("subject 3", 51)])
    is_as_stored(gallery, encoder, holds, [*people(make), make("newcomer", 50), make("subject 3", 51)])
    assert built == []
    current = Searcher(gallery, encoder, Factory(SPEC)).current().index
    assert isinstance(current, Layered) and len(current.fresh) == 2 and not current.is_dead.any()


def test_a_subject_whose_mean_has_moved_is_compared_beside_it(gallery, make, encoder, built):
    gallery.enroll(people(make, 80))
    first = Searcher(gallery, encoder, Factory(SPEC), fused).current()
    gallery.enroll([make("subject 3", 99)])
    again = Searcher(gallery, encoder, Factory(SPEC), fused)
    index = again.current().index
    assert built == [SPEC] and index.is_dead.sum() == len(index.fresh) == 1
    assert len(index) == len(first.index) == 40
    exact = Searcher(gallery, encoder, ExactIndex, fused)
    probes = unit(np.random.default_rng(0).standard_normal((50, DIM)))
    for mine, meant in zip(again.search(probes, 4), exact.search(probes, 4), strict=True):
        assert [name for name, _ in mine] == [name for name, _ in meant]


def test_when_a_twentieth_has_changed_it_is_built_anew_and_kept_again(gallery, make, holds, encoder, kept, built):
    before = kept.read_bytes()
    everybody = [*people(make), *(make("newcomer", number) for number in (50, 51, 52))]
    gallery.enroll(everybody[-3:])
    is_as_stored(gallery, encoder, holds, everybody)
    assert built == [SPEC] and kept.read_bytes() != before
    is_as_stored(gallery, encoder, holds, everybody)
    assert built == [SPEC]


def test_a_running_process_that_builds_anew_keeps_that(gallery, make, encoder, kept, built):
    searcher = Searcher(gallery, encoder, Factory(SPEC))
    searcher.current()
    gallery.enroll([make("newcomer", number) for number in range(50, 54)])
    searcher.current()
    assert built == [SPEC]
    Searcher(gallery, encoder, Factory(SPEC)).current()
    assert built == [SPEC]


def test_settings_of_the_search_need_no_other_index_and_another_index_does(gallery, make, encoder, kept, built, caplog):
    one = Searcher(gallery, encoder, Factory("IVF2,Flat;nprobe=1")).current().index
    assert built == [] and one.base._index.nprobe == 1
    Searcher(gallery, encoder, Factory("SQ8")).current()
    assert built == ["SQ8"] and "of another kind" in caplog.text
    Searcher(gallery, encoder, Factory("SQ8")).current()
    assert built == ["SQ8"]


def test_a_gallery_that_shrinks_below_what_its_index_takes_is_searched_exactly(gallery, make, holds, encoder, built):
    """By the process that runs on and by one that starts then, down to nobody, and by the index again once it fits."""
    everybody = people(make, 20)
    gallery.enroll(everybody)
    running = Searcher(gallery, encoder, Factory("IVF8,Flat"))
    assert len(running.current()) == 20 and index_file(gallery, encoder).exists()
    for number in range(7):
        gallery.remove(f"subject {number}")
    left = everybody[14:]
    is_as_stored(gallery, encoder, holds, left, "IVF8,Flat")
    assert {name for (name, _), *_ in running.search(np.stack([one.embedding for one in left]), 1)} == {
        one.subject for one in left
    }
    assert not index_file(gallery, encoder).exists()
    for number in range(7, 10):
        gallery.remove(f"subject {number}")
    for searcher in (
        running,
        Searcher(gallery, encoder, Factory("IVF8,Flat")),
        Searcher(gallery, encoder, Factory("SQ8")),
    ):
        assert searcher.search(left[0].embedding[None], 1) == [()]
    gallery.enroll(everybody)
    assert isinstance(Searcher(gallery, encoder, Factory("IVF8,Flat")).current().index.base, FactoryIndex)


def test_a_setting_that_is_left_out_is_not_that_of_the_kept_index(gallery, make, encoder, kept, built):
    """faiss writes what was set, so without the setting another index is built."""
    bare = Searcher(gallery, encoder, Factory("IVF2,Flat")).current().index
    assert built == ["IVF2,Flat"] and bare.base._index.nprobe == 1
    written = FactoryIndex(bare.ids, make("", 0).embedding[None].repeat(len(bare.ids), axis=0), SPEC).in_bytes()
    assert factory_index.from_bytes("IVF2,Flat", written, len(bare.ids)).nprobe == 2


def test_f14_a_missing_index_is_built_again(gallery, make, holds, encoder, kept, built):
    kept.unlink()
    is_as_stored(gallery, encoder, holds, people(make))
    assert built == [SPEC] and kept.exists()


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-1], lambda c: c[:100], lambda c: b"", lambda c: b"\0" * len(c),
               lambda c: c[:-600] + bytes(600), lambda c: c + b"\0"],
)  # fmt: skip
def test_f15_f16_a_damaged_index_is_never_shown_to_faiss(gallery, make, holds, encoder, kept, built, damage, caplog):
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factory_index, "from_bytes", None)
        is_as_stored(gallery, encoder, holds, people(make))
    assert built == [SPEC] and kept.read_bytes() == whole and "the index is built anew" in caplog.text


def test_f17_bytes_that_faiss_does_not_know_under_digests_that_are_right(gallery, make, holds, encoder, kept, built,
                                                                        caplog):  # fmt: skip
    with kept.open("rb", buffering=0) as handle:
        found = read_kept(handle, encoder, Factory(SPEC).kind, lambda state: True)
    made = FactoryIndex(np.arange(30), unit(np.random.default_rng(0).standard_normal((30, DIM))), SPEC).in_bytes()
    for content, words in ((np.zeros(500, np.uint8), "does not read it"), (made, "of something else")):
        built.clear()
        kept.write_bytes(b"".join(replace(found, content=content).blocks()))
        is_as_stored(gallery, encoder, holds, people(make))
        assert built == [SPEC] and words in caplog.text


def test_f18_an_index_of_another_gallery_is_not_used(gallery, tmp_path, make, holds, encoder, kept, built, caplog):
    other = open_gallery(tmp_path / "other.db")
    other.enroll([replace(one, subject="Mallory") for one in people(make)])
    Searcher(other, encoder, Factory(SPEC)).current()
    shutil.copy(index_file(other, encoder), kept)
    built.clear()
    is_as_stored(gallery, encoder, holds, people(make))
    assert built == [SPEC] and "another gallery" in caplog.text


def test_f18_an_index_of_another_encoder_or_of_another_faiss_is_not_used(
    gallery, make, holds, encoder, other_encoder, kept, built, monkeypatch, caplog
):  # fmt: skip
    gallery.enroll([replace(one, encoder=other_encoder, embedding=one.embedding[::-1].copy()) for one in people(make)])
    shutil.copy(kept, index_file(gallery, other_encoder))
    Searcher(gallery, other_encoder, Factory(SPEC)).current()
    assert built == [SPEC] and "another encoder" in caplog.text
    monkeypatch.setattr(factory_index.faiss_library(), "__version__", "0.0")
    Searcher(gallery, encoder, Factory(SPEC)).current()
    assert built == [SPEC, SPEC] and "another version of faiss" in caplog.text
    holds(gallery, people(make))


def test_f18_an_index_of_another_user_is_not_read(gallery, make, holds, encoder, kept, built, monkeypatch, caplog):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    Searcher(gallery, encoder, Factory(SPEC)).current()
    assert built == [SPEC] and "another user" in caplog.text
    monkeypatch.undo()
    holds(gallery, people(make))


def test_f19_an_index_that_is_newer_than_the_gallery_brings_no_ghost(gallery, path, make, holds, encoder, built):
    gallery.enroll(people(make))
    older = path.read_bytes()
    gallery.enroll([make("Ghost", 50)])
    Searcher(gallery, encoder, Factory(SPEC)).current()
    path.write_bytes(older)
    again = open_gallery(path)
    again.enroll([make("Ben", 51)])  # the same number of changes, another way
    found = Searcher(again, encoder, Factory(SPEC)).search(make("", 50).embedding[None], 50)[0]
    assert "Ghost" not in dict(found)
    is_as_stored(again, encoder, holds, [*people(make), make("Ben", 51)])


@pytest.mark.parametrize("leave", ["remove", "forget"])
def test_whoever_leaves_is_in_no_kept_index(gallery, make, holds, encoder, kept, built, leave):
    embedding = make("", 0).embedding.tobytes()
    assert embedding in kept.read_bytes()  # IVF Flat holds them whole
    with kept.open("rb") as held:
        getattr(gallery, leave)("subject 0")
        assert set(held.read()) == {0}
    assert not kept.exists()
    is_as_stored(gallery, encoder, holds, people(make)[2:])
    assert built == [SPEC] and embedding not in kept.read_bytes()


def test_a_gallery_that_is_restored_has_none_of_before(gallery, path, make, holds, encoder, kept, built, tmp_path):
    backup(path, tmp_path / "backup.db")
    gallery.enroll([make("Ghost", 50)])
    restore(tmp_path / "backup.db", path)
    assert not kept.exists()
    again = open_gallery(path)
    is_as_stored(again, encoder, holds, people(make))
    assert "Ghost" not in dict(Searcher(again, encoder, Factory(SPEC)).search(make("", 50).embedding[None], 50)[0])


def test_an_index_that_holds_somebody_who_left_is_removed_by_whoever_opens_the_gallery(gallery, path, make, kept):
    held = kept.read_bytes()
    gallery.remove("subject 0")
    kept.write_bytes(held)  # as if the process had been killed before it removed the file
    open_gallery(path)
    assert not kept.exists()


def test_somebody_who_leaves_while_it_is_built_keeps_it_from_being_kept(gallery, make, holds, encoder, monkeypatch):
    gallery.enroll(people(make))
    real = FactoryIndex.in_bytes

    def removed_meanwhile(index):
        gallery.remove("subject 0")
        return real(index)

    monkeypatch.setattr(FactoryIndex, "in_bytes", removed_meanwhile)
    searcher = Searcher(gallery, encoder, Factory(SPEC))
    searcher.current()
    assert not index_file(gallery, encoder).exists()
    monkeypatch.undo()
    assert "subject 0" not in dict(searcher.search(make("", 0).embedding[None], 50)[0])


def test_f11_a_disk_that_is_full_is_said_and_the_search_goes_on(gallery, make, holds, encoder, monkeypatch, caplog):
    from tests.gallery.test_snapshots import Diary

    gallery.enroll(people(make))
    monkeypatch.setattr("facerec.replacing.Disk.write", lambda *_: Diary(1).note("write"))
    assert answers(gallery, make, encoder)[7][0] == "subject 3"
    assert not index_file(gallery, encoder).exists() and "No space left" in caplog.text
    monkeypatch.undo()
    holds(gallery, people(make))


def test_an_index_that_faiss_cannot_write_is_said(gallery, make, encoder, monkeypatch, caplog):
    def refuses(index):
        raise RuntimeError("don't know how to serialize this type of index")

    gallery.enroll(people(make))
    monkeypatch.setattr(FactoryIndex, "in_bytes", refuses)
    assert answers(gallery, make, encoder)[7][0] == "subject 3"
    assert "is not kept" in caplog.text and not index_file(gallery, encoder).exists()


def test_the_doctor_looks_at_it_and_repair_removes_it(gallery, make, holds, encoder, kept):
    assert gallery.problems() == []
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    (problem,) = gallery.problems()
    assert kept.name in problem and "--repair` removes it" in problem
    embeddings = Snapshots(kept.parent / "gallery.db").of(encoder)
    assert sorted(gallery.repair()) == sorted(
        [f"{kept.name} was removed", f"{embeddings.name} was removed and written again"]
    )
    assert not kept.exists() and embeddings.exists() and gallery.problems() == [] and gallery.repair() == []


def test_f4_half_of_one_is_removed_at_the_next_start(gallery, make, holds, encoder, kept):
    part = kept.with_name(f".{kept.name}.part")
    part.write_bytes(kept.read_bytes()[:1000])
    is_as_stored(gallery, encoder, holds, people(make))
    assert not part.exists()


def test_rows_that_differ_in_any_bit_have_other_digests():
    rng = np.random.default_rng(0)
    row = unit(rng.standard_normal((1, DIM)))
    others = np.repeat(row, 32 * DIM, axis=0).view(np.uint32)
    for bit in range(32 * DIM):
        others[bit, bit // 32] ^= np.uint32(1 << bit % 32)
    signs = np.repeat(row, DIM - 1, axis=0)  # two signs at once
    for number in range(DIM - 1):
        signs[number, [number, number + 1]] *= -1
    rows = np.concatenate([row, others.view(np.float32), signs])
    assert len(set(digests_of(rows, np.arange(len(rows))).tolist())) == len(rows)
    chosen = np.array([5, 0, 4000])
    np.testing.assert_array_equal(digests_of(rows, chosen), digests_of(rows, np.arange(len(rows)))[chosen])


def test_by_name_an_approximate_index_is_one_that_can_be_kept():
    assert index_builder("SQ8") == Factory("SQ8")
    assert Factory("SQ8").kind != Factory("SQ4").kind
    assert Factory("HNSW8;efSearch=5").kind == Factory("HNSW8;efSearch=9").kind != Factory("HNSW8").kind
