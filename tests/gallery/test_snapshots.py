"""Snapshots: a quick start, never a wrong one."""

import errno
import hashlib
import os
import random
import shutil
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from facerec.errors import DamagedFile, GalleryUnusable
from facerec.gallery import open_gallery, reads, snapshot
from facerec.gallery.connect import engine_at
from facerec.gallery.erasure import read_list
from facerec.gallery.kept_index import KeptIndex, digests_of, read_kept
from facerec.gallery.refresh import refreshed
from facerec.gallery.results import State, StoredEmbeddings
from facerec.gallery.searcher import Searcher
from facerec.gallery.snapshot import EMBEDDINGS, LAYOUT, SIZE, Header, blocks
from facerec.gallery.snapshots import Snapshots, read_snapshot
from facerec.records import DIM, unit
from facerec.replacing import Disk

pytestmark = pytest.mark.usefixtures("snapshots_always")
STATE = State("d" * 32, 7, "0123456789abcdef")
ENCODER = "e" * 64


def stored(count: int, seed: int = 0) -> StoredEmbeddings:
    rng = np.random.default_rng(seed)
    rows = unit(rng.standard_normal((count, DIM))) if count else np.zeros((0, DIM), np.float32)
    return StoredEmbeddings(STATE, ENCODER, np.arange(count) * 3, np.arange(count) // 2, rows, {}, 0, 0)


def written(path: Path, what: StoredEmbeddings) -> Path:
    path.write_bytes(b"".join(blocks(what)))
    return path


def read(path: Path) -> StoredEmbeddings:
    with path.open("rb", buffering=0) as handle:
        return read_snapshot(handle, ENCODER, lambda state: state == STATE)


@pytest.mark.parametrize("count", [0, 1, 5, 9000])
def test_what_is_written_is_read(tmp_path, count):
    what = stored(count)
    found = read(written(tmp_path / "a", what))
    for name in ("template_ids", "subject_ids", "rows"):
        mine, meant = getattr(found, name), getattr(what, name)
        assert mine.dtype == meant.dtype
        np.testing.assert_array_equal(mine, meant)
    assert found.state == STATE and found.encoder == ENCODER


def test_the_file_is_laid_out_as_it_is_described(tmp_path):
    content = written(tmp_path / "a", stored(3)).read_bytes()
    assert content[:8] == b"FRSNAP\r\n" and len(content) == SIZE + 3 * (8 + 8 + 512)
    assert hashlib.sha256(content[: SIZE - 32]).digest() == content[SIZE - 32 : SIZE]
    digest = hashlib.sha256()
    for part in (content[SIZE : SIZE + 24], content[SIZE + 24 : SIZE + 48], content[SIZE + 48 :]):
        digest.update(struct.pack("<Q", len(part)) + part)
    assert digest.digest() == content[SIZE - 64 : SIZE - 32] and content[SIZE - 96 : SIZE - 64] == bytes(32)
    np.testing.assert_array_equal(np.frombuffer(content[SIZE : SIZE + 24], "<i8"), [0, 3, 6])
    np.testing.assert_array_equal(np.frombuffer(content[SIZE + 48 :], "<f4").reshape(3, DIM), stored(3).rows)


KIND = b"k" * 32
MADE = np.arange(40, dtype=np.uint8)
"""What stands for a search library's bytes where nobody shows them to one."""


def index_of(count: int) -> KeptIndex:
    what = stored(count)
    return KeptIndex(STATE, ENCODER, KIND, what.template_ids, digests_of(what.rows, np.arange(count)), MADE)


class Form(NamedTuple):
    """One of the two kinds of file, with rows, and how it is read."""

    content: Callable[[int], bytes]
    read: Callable[[Path], object]
    kind: bytes
    length: int


def kept_in(path: Path) -> KeptIndex:
    with path.open("rb", buffering=0) as handle:
        return read_kept(handle, ENCODER, KIND, lambda state: state == STATE)


FORMS = {
    "embeddings": Form(lambda count: b"".join(blocks(stored(count))), read, EMBEDDINGS, 528),
    "index": Form(lambda count: b"".join(index_of(count).blocks()), kept_in, KIND, 16 + len(MADE)),
}
both = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def test_an_index_that_is_written_is_read(tmp_path):
    (tmp_path / "a").write_bytes(FORMS["index"].content(9000))
    found, meant = kept_in(tmp_path / "a"), index_of(9000)
    assert (found.state, found.encoder, found.kind) == (STATE, ENCODER, KIND)
    for name in ("ids", "digests", "content"):
        assert getattr(found, name).dtype == getattr(meant, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(meant, name))


def test_one_kind_of_file_is_not_taken_for_the_other(tmp_path):
    for one, other in (("embeddings", "index"), ("index", "embeddings")):
        (tmp_path / "a").write_bytes(FORMS[one].content(3))
        with pytest.raises(DamagedFile, match=r"kind|no embeddings"):
            FORMS[other].read(tmp_path / "a")


@both
def test_f15_cut_at_every_length_it_is_refused(tmp_path, form):
    content = form.content(1)
    for length in range(len(content)):
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(DamagedFile):
            form.read(tmp_path / "a")


@both
def test_f15_longer_than_it_says_it_is_refused(tmp_path, form):
    (tmp_path / "a").write_bytes(form.content(1) + b"\0")
    with pytest.raises(DamagedFile, match="shorter or longer"):
        form.read(tmp_path / "a")


@both
def test_f16_with_one_bit_turned_anywhere_it_is_refused(tmp_path, form):
    content = form.content(4)
    rng = random.Random(0)
    for bit in [*range(8 * SIZE), *rng.sample(range(8 * SIZE, 8 * len(content)), 300)]:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a").write_bytes(damaged)
        with pytest.raises(DamagedFile):
            form.read(tmp_path / "a")


def sealed(form: Form = FORMS["embeddings"], **changes: object) -> bytes:
    """A header with fields of one's choice, and a digest that is right."""
    names = ("magic", "version", "size", "database", "encoder", "metric", "mark", "generation", "dimension", "rows",
             "length", "kind", "payload")  # fmt: skip
    header = Header(STATE, ENCODER, 1, form.length, form.kind, bytes(32)).pack()
    values = dict(zip(names, LAYOUT.unpack(header[: LAYOUT.size]), strict=True))
    packed = LAYOUT.pack(*{**values, **changes}.values())
    return packed + hashlib.sha256(packed).digest()


@both
@pytest.mark.parametrize(
    "lie",
    [
        {"version": 1},
        {"size": 1},
        {"dimension": 127},
        {"dimension": 2**32 - 1},
        {"rows": 2**40, "length": 2**40 * 528},
        {"rows": 2**63, "length": 0},
        {"rows": 4},
        {"kind": b"x" * 32},
        {"length": 2**64 - 1},
        {"metric": b"L2"},
        {"magic": b"IxFI\0\0\0\0"},
    ],
    ids=str,
)
def test_f17_a_header_that_lies_is_refused_before_memory_is_taken(tmp_path, form, lie, monkeypatch):
    (tmp_path / "a").write_bytes(sealed(form, **lie) + bytes(form.length))
    monkeypatch.setattr(np, "empty", None)
    with pytest.raises(DamagedFile):
        form.read(tmp_path / "a")


@pytest.mark.parametrize("rows", [0, 2, 3, 4])
def test_f17_the_same_bytes_divided_otherwise_are_another_content(tmp_path, rows):
    """Or what faiss is shown would begin elsewhere."""
    content = FORMS["index"].content(1)
    header = list(LAYOUT.unpack(content[: LAYOUT.size]))
    header[9] = rows
    packed = LAYOUT.pack(*header)
    (tmp_path / "a").write_bytes(packed + hashlib.sha256(packed).digest() + content[SIZE:])
    with pytest.raises(DamagedFile, match="content" if rows < 4 else "shorter"):
        kept_in(tmp_path / "a")


@pytest.mark.parametrize(
    "lie",
    [
        {"generation": -1},
        {"generation": 2**63 - 1},
        {"database": b"\xff" * 32},
        {"encoder": b"\xc3" * 64},
        {"mark": b"\xff"},
    ],
    ids=str,
)
def test_f17_whatever_the_header_says_the_gallery_answers(gallery, holds, encoder, kept, five, lie):
    state = gallery.state()
    own = {"database": state.database.encode(), "encoder": encoder.encode(), "generation": state.generation}
    content = kept.read_bytes()
    kept.write_bytes(sealed(**{**own, "mark": (state.mark or "").encode(), **lie}) + content[SIZE:])
    holds(gallery, five)


@both
def test_f17_the_same_header_without_a_lie_gets_as_far_as_the_payload(tmp_path, form):
    (tmp_path / "a").write_bytes(sealed(form) + bytes(form.length))
    with pytest.raises(DamagedFile, match="content"):
        form.read(tmp_path / "a")


def snapshot_of(gallery, encoder: str) -> Path:
    return Snapshots(Path(str(gallery))).of(encoder)


@pytest.fixture
def kept(gallery, make, encoder) -> Path:
    """A gallery of five has its snapshot."""
    gallery.enroll([make("Anna", 1), make("Anna", 2), make("Ben", 3), make("Carl", 4), make("Dora", 5)])
    gallery.load(encoder)
    return snapshot_of(gallery, encoder)


@pytest.fixture
def five(make):
    return [make("Anna", 1), make("Anna", 2), make("Ben", 3), make("Carl", 4), make("Dora", 5)]


@pytest.fixture
def everything_read(monkeypatch) -> list[str]:
    """Grows by the encoder whenever a gallery is read as a whole."""
    real, calls = reads.embeddings, []

    def counted(connection, encoder, subject):
        calls.append(encoder)
        return real(connection, encoder, subject)

    monkeypatch.setattr(reads, "embeddings", counted)
    return calls


def test_only_the_owner_may_read_it(kept):
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_start_reads_only_what_changed(gallery, path, make, holds, encoder, kept, five, everything_read):
    gallery.enroll([make("Eve", 6)])
    gallery.rename("Ben", "Benedict")
    found = open_gallery(path).load(encoder)
    assert everything_read == []
    assert len(found) == 6 and sorted(found.names.values()) == ["Anna", "Benedict", "Carl", "Dora", "Eve"]
    holds(gallery, [*five[:2], make("Benedict", 3), *five[3:], make("Eve", 6)])


def test_a_small_gallery_has_none(gallery, make, encoder, monkeypatch):
    monkeypatch.setattr("facerec.gallery.snapshots.WORTH_FROM", 3)
    gallery.enroll([make("Anna", 1), make("Anna", 2)])
    gallery.load(encoder)
    assert not snapshot_of(gallery, encoder).exists()
    gallery.enroll([make("Ben", 3)])
    gallery.load(encoder)
    assert snapshot_of(gallery, encoder).exists()


def test_a_snapshot_is_written_again_when_much_has_come(gallery, make, encoder, kept):
    before = kept.read_bytes()
    gallery.load(encoder)
    assert kept.read_bytes() == before
    gallery.enroll([make("Eve", 6)])  # one of six is more than a sixteenth
    gallery.load(encoder)
    assert kept.read_bytes() != before


def test_f14_a_missing_snapshot_is_made_again(gallery, holds, encoder, kept, five):
    kept.unlink()
    holds(gallery, five)
    assert kept.exists()


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:100], lambda c: b"", lambda c: b"\0" * len(c)])
def test_f15_a_damaged_snapshot_is_replaced_and_said(gallery, holds, encoder, kept, five, damage, caplog):
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    holds(gallery, five)
    assert kept.read_bytes() == whole and "is not used" in caplog.text


def test_f18_a_snapshot_of_another_gallery_is_not_used(gallery, tmp_path, make, holds, encoder, kept, five, caplog):
    other = open_gallery(tmp_path / "other.db")
    other.enroll([make("Mallory", number) for number in (1, 2, 3, 4, 5)])
    other.load(encoder)
    shutil.copy(snapshot_of(other, encoder), kept)
    holds(gallery, five)
    assert "another gallery" in caplog.text


def test_f18_a_snapshot_of_another_encoder_is_not_used(gallery, make, holds, encoder, other_encoder, kept, five):
    gallery.enroll([make("Ben", 9, encoder=other_encoder)])
    gallery.load(other_encoder)
    shutil.copy(kept, snapshot_of(gallery, other_encoder))
    holds(gallery, [*five, make("Ben", 9, encoder=other_encoder)])


def test_f18_an_older_snapshot_is_brought_up_to_date(gallery, make, holds, encoder, kept, five, everything_read):
    older = kept.read_bytes()
    gallery.enroll([make("Eve", 6)])
    gallery.remove("Carl")
    gallery.load(encoder)
    kept.write_bytes(older)
    everything_read.clear()
    assert sorted(gallery.load(encoder).names.values()) == ["Anna", "Ben", "Dora", "Eve"]
    assert everything_read == []
    holds(gallery, [*five[:3], five[4], make("Eve", 6)])


def test_f19_a_snapshot_that_is_newer_than_the_gallery_brings_no_ghost(gallery, path, make, holds, encoder):
    gallery.enroll([make("Anna", 1)])
    older = path.read_bytes()
    gallery.enroll([make("Ghost", 2)])
    gallery.load(encoder)
    path.write_bytes(older)
    assert list(open_gallery(path).load(encoder).names.values()) == ["Anna"]
    holds(gallery, [make("Anna", 1)])


def test_f19_the_same_generation_reached_another_way_is_another_state(gallery, path, make, holds, encoder):
    """The count alone would call this snapshot current."""
    gallery.enroll([make("Anna", 1)])
    older = path.read_bytes()
    gallery.enroll([make("Ghost", 2)])
    gallery.load(encoder)
    searcher = Searcher(gallery, encoder)
    assert len(searcher.current()) == 2
    path.write_bytes(older)
    again = open_gallery(path)
    again.enroll([make("Ben", 3)])
    assert sorted(again.load(encoder).names.values()) == ["Anna", "Ben"]
    assert sorted(searcher.current().names.values()) == ["Anna", "Ben"]
    holds(again, [make("Anna", 1), make("Ben", 3)])


def test_a_row_that_disappeared_without_an_event_makes_everything_be_read(
    gallery, path, encoder, kept, everything_read
):
    gallery.rename("Anna", "Anne")  # so that the state differs
    with engine_at(path).connect() as connection:
        connection.exec_driver_sql("DELETE FROM template WHERE id = 3")
        connection.commit()
    assert gallery.load(encoder).template_ids.tolist() == [1, 2, 4, 5]
    assert everything_read == [encoder]


def test_a_damaged_template_keeps_the_gallery_from_having_a_snapshot(gallery, path, make, encoder, kept):
    kept.unlink()
    with engine_at(path).connect() as connection:
        connection.exec_driver_sql("UPDATE template SET embedding = zeroblob(512) WHERE id = 1")
        connection.commit()
    assert gallery.load(encoder).quarantined == 1
    assert not kept.exists()


class Diary(Disk):
    """Remembers the order of its calls, and fails at the n-th."""

    def __init__(self, failing: int = 0, code: int = errno.ENOSPC):
        self.calls: list[str] = []
        self.failing, self.code = failing, code

    def note(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.failing:
            raise OSError(self.code, os.strerror(self.code))

    def write(self, descriptor, content):
        self.note("write")
        super().write(descriptor, content)

    def sync(self, descriptor):
        self.note("sync")
        super().sync(descriptor)

    def replace(self, fresh, path):
        self.note("replace")
        super().replace(fresh, path)

    def sync_folder(self, folder):
        self.note("sync folder")
        super().sync_folder(folder)


def kept_index_saved(path: Path, disk: Disk, seed: int = 0) -> bool:
    return Snapshots(path, disk).save_index(replace(index_of(3), content=MADE[seed:]), lambda: True)


def saved(path: Path, disk: Disk) -> bool:
    return Snapshots(path, disk).save(stored(3), lambda: True)


def test_the_order_of_calls_is_the_one_that_survives_a_power_cut(path):
    disk = Diary()
    assert saved(path, disk)
    assert disk.calls == [*["write"] * 4, "sync", "replace", "sync folder"]


@pytest.mark.parametrize("failing", range(1, 8))
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_f11_f12_a_disk_that_refuses_leaves_the_old_snapshot_and_is_said(path, failing, code, caplog):
    kept = Snapshots(path).of(ENCODER)
    assert saved(path, Disk())
    before = kept.read_bytes()
    newer = replace(stored(3, seed=1), state=STATE)
    assert not Snapshots(path, Diary(failing, code)).save(newer, lambda: True)
    assert "was not written" in caplog.text and os.strerror(code) in caplog.text
    assert (kept.read_bytes() == before) == (failing < 7)  # the seventh call flushes the name of the new one
    assert [file for file in path.parent.iterdir() if file != kept] == []


@pytest.mark.parametrize("failing", range(1, 8))
def test_f11_f12_a_disk_that_refuses_leaves_the_old_index_and_is_said(path, failing, caplog):
    kept = Snapshots(path).of_index(ENCODER)
    assert kept_index_saved(path, Disk())
    before = kept.read_bytes()
    assert not kept_index_saved(path, Diary(failing), seed=1)
    assert "was not written" in caplog.text and (kept.read_bytes() == before) == (failing < 7)
    assert [file for file in path.parent.iterdir() if file != kept] == []


def test_f11_a_full_disk_does_not_keep_anybody_from_being_found(
    gallery, make, encoder, kept, monkeypatch, caplog, holds, five
):
    kept.unlink()
    monkeypatch.setattr(Disk, "write", lambda *_: Diary(1).note("write"))
    assert Searcher(gallery, encoder).search(make("", 3).embedding[None], 1)[0][0][0] == "Ben"
    assert not kept.exists() and "No space left" in caplog.text
    monkeypatch.undo()
    holds(gallery, five)


def test_f4_half_written_files_are_removed_at_the_next_start(gallery, holds, encoder, kept, five):
    part = kept.with_name(f".{kept.name}.part")
    part.write_bytes(kept.read_bytes()[:1000])
    holds(gallery, five)
    assert not part.exists()


def test_f4_a_half_written_snapshot_of_somebody_who_left_is_removed_though_nobody_searches(
    gallery, path, make, encoder, holds
):
    gallery.enroll([make("Anna", 1)])
    gallery.remove("Anna")
    half = path.with_name(f".gallery.db.{encoder[:16]}.snapshot.part")
    half.write_bytes(make("Anna", 1).embedding.tobytes())
    open_gallery(path)
    assert not half.exists()
    holds(gallery, [])


def test_one_gallerys_files_are_not_anothers(gallery, path, encoder, kept):
    """`gallery.db` and `gallery.db.old` may lie in one folder."""
    other = kept.with_name(f"gallery.db.old.{encoder[:16]}.snapshot")
    part = other.with_name(f".{other.name}.part")
    for file in (other, part):
        file.write_bytes(b"not mine")
    gallery.remove("Anna")
    gallery.load(encoder)
    assert other.read_bytes() == part.read_bytes() == b"not mine"


def test_what_another_process_is_writing_is_left_to_it(path):
    part = path.with_name(f".{path.name}.{'a' * 16}.snapshot.part")
    part.write_bytes(b"half")
    with Snapshots(path)._alone(wait=0) as alone:
        assert alone
        assert Snapshots(path).tidy() == [] and not saved(path, Disk())
    assert Snapshots(path).tidy() == [part]


def test_an_erasure_waits_for_a_snapshot_that_is_being_written(path, child):
    """And for no longer than it says."""
    snapshots = Snapshots(path)
    with snapshots._alone(wait=0):

        def try_in_vain() -> float:
            import facerec.gallery.snapshots as module

            module.WAIT, started = 0.1, time.monotonic()
            with pytest.raises(GalleryUnusable, match="another process"):
                snapshots.discard()
            return round(time.monotonic() - started, 1) >= 0.1

        assert child(try_in_vain) == (0, "True")


def test_a_snapshot_of_somebody_who_left_meanwhile_is_not_written(gallery, encoder, kept):
    loaded = gallery.load(encoder)
    gallery.remove("Anna")
    assert not kept.exists()
    assert not Snapshots(Path(str(gallery))).save(loaded, lambda: gallery._is_free_of_removed(loaded))
    assert not kept.exists()


@pytest.mark.parametrize("leave", ["remove", "forget"])
def test_whoever_leaves_is_in_no_snapshot(gallery, make, holds, encoder, kept, five, leave):
    embedding = make("", 1).embedding.tobytes()
    assert embedding[:64] in kept.read_bytes()
    with kept.open("rb") as held:  # as somebody who has it open, or reads the disk, would see it
        getattr(gallery, leave)("Anna")
        assert set(held.read()) == {0}
    assert not kept.exists()
    gallery.load(encoder)
    assert embedding[:64] not in kept.read_bytes()
    holds(gallery, five[2:])


def test_only_a_plain_file_is_read_as_a_snapshot(gallery, holds, encoder, kept, five, caplog):
    kept.unlink()
    os.mkfifo(kept)
    gallery.load(encoder)
    assert "is not used" in caplog.text


def test_a_mark_is_told_from_none():
    header = Header(STATE, ENCODER, 0, 0, EMBEDDINGS, bytes(32))
    assert replace(header, state=replace(STATE, mark=None)).pack() != header.pack()
    assert struct.calcsize(LAYOUT.format) == LAYOUT.size == SIZE - 32


def test_a_gallery_that_cannot_be_written_gets_no_snapshot(gallery, make, encoder, kept, monkeypatch):
    kept.unlink()
    monkeypatch.setattr("facerec.gallery.connect.os.access", lambda *_: False)
    assert len(gallery.load(encoder)) == 5 and not kept.exists()


@pytest.fixture
def as_another_user(gallery, path, monkeypatch) -> None:
    """One who may write everything there, as root may."""
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)


@pytest.mark.usefixtures("as_another_user")
def test_another_user_leaves_no_snapshot_that_the_owner_could_not_remove(gallery, path, make, encoder, five, holds):
    gallery.enroll(five)
    assert len(gallery.load(encoder)) == 5 and not gallery.may_keep_index()
    ids = np.arange(40)
    rows = stored(40).rows
    gallery.keep_index(KeptIndex(gallery.state(), encoder, KIND, ids, digests_of(rows, ids), MADE))
    assert not list(path.parent.glob("*.snapshot"))
    holds(gallery, five)


def test_another_user_removes_the_snapshot_of_whoever_leaves(gallery, kept, monkeypatch):
    owner = kept.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    gallery.remove("Anna")
    assert not kept.exists()


@pytest.mark.usefixtures("as_another_user")
def test_the_list_of_erasures_belongs_to_the_gallerys_owner(gallery, path, five, monkeypatch):
    """Root forgets somebody, and the owner must be able to read it."""
    gallery.enroll(five)
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda file, *owner: given.append((Path(file).name, *owner)))
    gallery.forget("Anna")
    assert given == [(".gallery.db.erased.part", path.stat().st_uid, path.stat().st_gid)]


def refused(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize(("other", "said"), [(0, 0), (1, 1)])
def test_who_is_to_be_forgotten_is_where_no_file_can_be_given_away(
    gallery, path, five, monkeypatch, caplog, other, said
):
    """Nor is it tried for the owner of both."""
    gallery.enroll(five)
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + other)
    monkeypatch.setattr(os, "chown", refused)
    gallery.forget("Anna")
    assert len(read_list(path)) == 1 and "Anna" not in {one.name for one in gallery.subjects()}
    assert caplog.text.count("cannot be given to the gallery's owner: Operation not permitted") == said


def test_refreshing_equals_reading_again_after_any_history(gallery, path, make, encoder, other_encoder):
    """Fifty random changes, and after each what was brought up to date is what is read anew."""
    rng = random.Random(3)
    gallery.enroll([make("subject 0", 0)])
    followed = gallery.load(encoder)
    for number in range(1, 50):
        names = [summary.name for summary in gallery.subjects()]
        change = rng.choice(["enroll", "enroll", "other", "remove", "rename", "move", "merge", "face"])
        face = rng.choice(gallery.show(rng.choice(names)).faces).id if names else 0
        if change == "remove" and len(names) > 1:
            gallery.remove(rng.choice(names))
        elif change == "rename" and names:
            gallery.rename(rng.choice(names), f"renamed {number}")
        elif change == "face" and len(names) > 1:
            gallery.forget_face(face)
        elif change == "move" and names:
            gallery.move_face(face, f"moved {number}")
        elif change == "merge" and len(names) > 1:
            gallery.merge(*rng.sample(names, 2))
        elif change == "other":
            gallery.enroll([make(f"subject {rng.randrange(9)}", number, encoder=other_encoder)])
        else:
            gallery.enroll([make(f"subject {rng.randrange(9)}", number)])
        if rng.random() < 0.7:
            with engine_at(path).connect() as connection:
                followed = refreshed(connection, followed).stored
            for meant in (gallery.embeddings(encoder), gallery.load(encoder)):
                assert followed.names == meant.names and followed.state == meant.state
                assert followed.missing == meant.missing and followed.quarantined == meant.quarantined
                np.testing.assert_array_equal(followed.template_ids, meant.template_ids)
                np.testing.assert_array_equal(followed.subject_ids, meant.subject_ids)
                np.testing.assert_array_equal(followed.rows, meant.rows)


def test_the_byte_order_is_part_of_the_format():
    assert snapshot.METRIC in (b"inner product l", b"inner product b")
