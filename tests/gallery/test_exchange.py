"""Export and import: the same people, and nothing that the file does not vouch for."""

import base64
import json
import os
import random
import struct

import pytest

from facerec.errors import DamagedFile, FacerecError, GalleryUnusable, InvalidInput
from facerec.gallery import arriving, open_gallery
from facerec.gallery.arriving import survey, take_all_in
from facerec.gallery.exchange import sealed, unsealed


@pytest.fixture
def people(make, other_encoder):
    return [make("Anna", 1), make("Anna", 2), make("Zo\u00eb", 3), make("'; --", 4), make("Anna", 1, other_encoder)]


@pytest.fixture
def exported(gallery, people, tmp_path):
    gallery.enroll(people)
    gallery.export(tmp_path / "people.jsonl")
    return tmp_path / "people.jsonl"


@pytest.fixture
def another(tmp_path):
    return open_gallery(tmp_path / "another.db")


def taken_in(gallery, source, merge=False):
    return take_all_in(gallery, source, survey(source), merge)


def everything(gallery):
    """All that is known of everybody, but ids and uids."""
    return [
        (
            one.name,
            one.created_at,
            face.source,
            face.image_sha256,
            face.box,
            face.quality,
            face.encoders,
            face.created_at,
        )
        for one in (gallery.show(summary.name) for summary in gallery.subjects())
        for face in one.faces
    ]


def test_a_gallery_goes_round(gallery, another, exported, people, holds):
    arrived = taken_in(another, exported)
    assert (arrived.subjects, arrived.stored, arrived.known, arrived.erased) == (3, 5, 0, 0)
    assert everything(another) == everything(gallery) and another.uids() == gallery.uids()
    holds(another, people)


def test_a_second_import_stores_nothing(another, exported, people, holds):
    taken_in(another, exported)
    generation = another.generation()
    arrived = taken_in(another, exported)
    assert (arrived.subjects, arrived.stored, arrived.known) == (0, 0, 5)
    assert another.generation() == generation
    holds(another, people)


def test_an_import_into_the_gallery_of_origin_brings_back_what_was_removed(gallery, exported, people, holds):
    gallery.remove("Anna")
    gallery.rename("Zo\u00eb", "Zoe")
    arrived = taken_in(gallery, exported)
    assert (arrived.subjects, arrived.stored, arrived.known) == (1, 3, 2)
    assert sorted(gallery.uids().values()) == ["'; --", "Anna", "Zoe"]  # a subject keeps the name that it has here


def test_f47_an_import_that_was_stopped_is_gone_on_with(another, exported, people, holds, child, monkeypatch):
    monkeypatch.setattr(arriving, "TEMPLATES_AT_ONCE", 1)
    from facerec import failpoint

    def killed() -> None:
        failpoint.set_order("write.after_commit:kill:2")
        taken_in(another, exported)

    assert child(killed)[0] == -9
    assert len(another.uids()) == 2
    taken_in(another, exported)
    holds(another, people)


def test_whoever_was_forgotten_here_does_not_come_back(gallery, exported):
    gallery.forget("Anna")
    arrived = taken_in(gallery, exported)
    assert (arrived.subjects, arrived.stored, arrived.erased) == (0, 0, 1)
    assert "Anna" not in gallery.uids().values()


def test_whoever_became_somebody_forgotten_does_not_come_back(gallery, exported, make):
    gallery.enroll([make("Anne", 6)])
    gallery.export(exported)
    gallery.merge("Zo\u00eb", "Anna")
    gallery.move_face(gallery.show("Anne").faces[0].id, "Anna")
    gallery.rename("Anna", "Annette")
    gallery.forget("Annette")
    arrived = taken_in(gallery, exported)
    assert (arrived.subjects, arrived.stored, arrived.erased) == (0, 0, 3)
    assert list(gallery.uids().values()) == ["'; --"] and gallery.problems() == []


def test_whoever_was_merged_twice_does_not_come_back(gallery, exported):
    gallery.merge("Anna", "Zo\u00eb")
    gallery.merge("Zo\u00eb", "'; --")
    gallery.forget("'; --")
    assert taken_in(gallery, exported).erased == 3
    assert gallery.uids() == {} and gallery.problems() == []


def test_whoever_was_removed_after_a_merge_may_come_back(gallery, exported):
    gallery.merge("Anna", "Zo\u00eb")
    gallery.remove("Zo\u00eb")
    assert taken_in(gallery, exported).erased == 0
    assert len(gallery.uids()) == 3


def test_a_subject_that_gave_a_face_away_and_is_enrolled_is_not_forgotten(gallery, exported):
    gallery.move_face(gallery.show("Anna").faces[0].id, "Zo\u00eb")
    gallery.forget("Zo\u00eb")
    assert sorted(gallery.uids().values()) == ["'; --", "Anna"] and gallery.problems() == []


def test_whoever_arrived_as_the_same_person_is_forgotten_with_them(another, exported, make):
    another.enroll([make("Anna", 7)])
    for _ in range(2):  # the second time nothing of it is new
        taken_in(another, exported, merge=True)
    another.forget("Anna")
    arrived = taken_in(another, exported)
    assert (arrived.subjects, arrived.stored, arrived.erased) == (0, 0, 1)
    assert "Anna" not in another.uids().values() and another.problems() == []


def test_another_subject_of_the_same_name_stops_everything(another, exported, make, holds):
    another.enroll([make("Anna", 7)])
    with pytest.raises(InvalidInput, match="other subjects are enrolled as Anna: rename them"):
        taken_in(another, exported)
    assert list(another.uids().values()) == ["Anna"]
    arrived = taken_in(another, exported, merge=True)
    assert (arrived.subjects, arrived.stored) == (2, 5)
    assert another.show("Anna").faces[0].source == "album/7.jpg" and len(another.show("Anna").faces) == 3


def test_only_the_owner_may_read_an_export(exported):
    assert exported.stat().st_mode & 0o777 == 0o600


def test_others_can_read_it_without_this_program(exported, make):
    lines = [json.loads(line) for line in exported.read_text("utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["gallery", "subject", "subject", "subject", "end"]
    anna = next(line for line in lines if line.get("name") == "Anna")
    embedding = base64.b64decode(anna["faces"][0]["templates"][0]["embedding"])
    assert struct.unpack("<128f", embedding) in [tuple(make("", 1).embedding.tolist())]
    assert lines[-1]["lines"] == 4


def test_any_byte_changed_is_noticed_before_anything_is_stored(another, exported):
    whole, rng = exported.read_bytes(), random.Random(0)
    for _ in range(150):
        damaged = bytearray(whole)
        place = rng.randrange(len(whole))
        damaged[place] ^= 1 << rng.randrange(8)
        exported.write_bytes(damaged)
        with pytest.raises(FacerecError):
            taken_in(another, exported)
    assert another.generation() == 0


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -2, -100])
def test_a_file_that_ends_too_early_is_refused(another, exported, cut):
    exported.write_bytes(exported.read_bytes()[:cut])
    with pytest.raises(FacerecError):
        taken_in(another, exported)
    assert another.generation() == 0


def test_lines_left_out_added_or_exchanged_are_noticed(another, exported):
    head, first, second, third, end = exported.read_bytes().splitlines(keepends=True)
    for lines in (
        [head, first, third, end],
        [head, second, first, third, end],
        [head, first, second, third, third, end],
        [first, second, third, end],
        [head, first, second, third, end, end],
    ):
        exported.write_bytes(b"".join(lines))
        with pytest.raises((DamagedFile, InvalidInput)):
            taken_in(another, exported)
    assert another.generation() == 0


def rewritten(exported, change) -> None:
    """Somebody changes a subject and makes every checksum right again."""
    import hashlib

    head, first, *_ = exported.read_bytes().splitlines(keepends=True)
    values = unsealed(first)
    values.pop("sha256", None)
    change(values)
    lines = head + sealed(values)
    end = {"kind": "end", "lines": 2, "sha256": hashlib.sha256(lines).hexdigest()}
    exported.write_bytes(lines + json.dumps(end).encode() + b"\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(name="a\nb"),
        lambda s: s.update(name=7),
        lambda s: s.update(uid="short"),
        lambda s: s.update(created_at="yesterday"),
        lambda s: s.update(faces=[]),
        lambda s: s.pop("faces"),
        lambda s: s["faces"][0].update(box=[0, 0, 0, 0]),
        lambda s: s["faces"][0].update(box=[1, 2]),
        lambda s: s["faces"][0].update(quality={"beauty": 1}),
        lambda s: s["faces"][0].update(image_sha256="x"),
        lambda s: s["faces"][0]["templates"][0].update(embedding="AAAA"),
        lambda s: s["faces"][0]["templates"][0].update(embedding="no base64!"),
        lambda s: s["faces"][0]["templates"][0].update(embedding=base64.b64encode(bytes(512)).decode()),
        lambda s: s["faces"][0]["templates"][0].update(encoder="default"),
    ],
)
def test_what_no_gallery_could_hold_is_refused_with_its_line(another, exported, change):
    rewritten(exported, change)
    with pytest.raises(InvalidInput, match="line 2 of "):
        taken_in(another, exported)
    assert another.generation() == 0


def test_a_line_made_by_hand_and_right_is_taken(another, exported):
    rewritten(exported, lambda subject: subject.update(name="By hand"))
    assert taken_in(another, exported).subjects == 1
    assert list(another.uids().values()) == ["By hand"]


def test_a_later_format_is_refused(another, exported):
    lines = exported.read_bytes().splitlines(keepends=True)
    lines[0] = sealed({"kind": "gallery", "format": 3})
    exported.write_bytes(b"".join(lines))
    with pytest.raises(InvalidInput, match="format 3"):
        taken_in(another, exported)


def test_only_a_plain_file_is_read(another, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(GalleryUnusable):
            taken_in(another, source)


def test_an_export_never_takes_the_place_of_the_gallery(gallery, path, tmp_path):
    with pytest.raises(InvalidInput, match="the gallery itself"):
        gallery.export(path)
    with pytest.raises(InvalidInput, match="folder"):
        gallery.export(tmp_path)


def test_damaged_templates_are_left_out_and_counted(gallery, path, people, tmp_path, another):
    gallery.enroll(people)
    from facerec.gallery.connect import engine_at, writing

    with writing(engine_at(path)) as connection:
        connection.exec_driver_sql("UPDATE template SET embedding = zeroblob(512) WHERE id IN (3, 4)")
    done = gallery.export(tmp_path / "people.jsonl")
    assert (done.subjects, done.templates, done.left_out) == (3, 3, 2)
    assert taken_in(another, tmp_path / "people.jsonl").subjects == 1


def test_an_empty_gallery_goes_round(gallery, another, tmp_path):
    gallery.export(tmp_path / "nobody.jsonl")
    assert taken_in(another, tmp_path / "nobody.jsonl").subjects == 0
