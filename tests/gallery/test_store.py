"""What the gallery answers, and what it refuses to be talked into."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from sqlalchemy import text

from facerec.errors import GalleryUnusable, InvalidInput, NotEnrolled
from facerec.gallery import open_gallery
from facerec.gallery.connect import engine_at, reading, writing
from facerec.gallery.results import Calibration, Refusal
from facerec.gallery.store import Gallery
from facerec.records import OperatingPoint
from tests import fakes

NAMES = ["'; DROP TABLE subject; --", "%_", "مريم", "👩‍👩‍👧", 'a"b', "x" * 200, "<script>"]


def run(path, statement, **values):
    """A statement behind the gallery's back, constraints switched off."""
    with writing(engine_at(path)) as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text(statement), values)


def rows(path, statement):
    with reading(engine_at(path)) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_what_is_enrolled_comes_back_exactly(gallery, make, holds, encoder):
    given = [make("Anna", 1), make("Anna", 2), make("Ben", 3)]
    result = gallery.enroll(given)
    assert (result.stored, result.already_enrolled, result.generation) == (3, 0, 1)
    stored = gallery.embeddings(encoder)
    assert stored.template_ids.tolist() == list(result.template_ids)
    np.testing.assert_array_equal(stored.rows, [template.embedding for template in given])
    assert [stored.names[owner] for owner in stored.subject_ids.tolist()] == ["Anna", "Anna", "Ben"]
    holds(gallery, given)


def test_a_gallery_is_kept(path, make, holds):
    given = [make("Anna", 1)]
    open_gallery(path).enroll(given)
    holds(open_gallery(path, create=False), given)


def test_an_empty_gallery_answers(gallery, encoder, holds):
    stored = gallery.embeddings(encoder)
    assert stored.rows.shape == (0, 128) and stored.template_ids.dtype == np.int64
    assert (stored.missing, stored.state.generation, gallery.subjects()) == (0, 0, [])
    assert gallery.enrolled_images(encoder) == set()
    assert gallery.operating_point(encoder) is None
    holds(gallery, [])


def test_enrolling_nothing_changes_nothing(gallery):
    assert gallery.enroll([]).template_ids == ()
    assert gallery.generation() == 0


def test_f27_the_same_picture_again_is_reported_and_not_stored(gallery, make, holds):
    first = gallery.enroll([make("Anna", 1)])
    again = gallery.enroll([make("Anna", 1)])
    assert (again.stored, again.already_enrolled) == (0, 1)
    assert again.template_ids == first.template_ids
    assert gallery.generation() == again.generation == 1
    holds(gallery, [make("Anna", 1)])


def test_the_same_picture_twice_in_one_call_is_one_template(gallery, make, holds):
    assert gallery.enroll([make("Anna", 1), make("Anna", 1)]).is_new == (True, False)
    holds(gallery, [make("Anna", 1)])


def test_a_box_that_moved_by_a_fraction_is_the_same_face(gallery, make):
    gallery.enroll([make("Anna", 1, box=(10.0, 20.0, 60.0, 90.0))])
    assert gallery.enroll([make("Anna", 1, box=(10.001, 19.999, 60.0, 90.0))]).is_new == (False,)
    assert gallery.enroll([make("Anna", 1, box=(110.0, 20.0, 160.0, 90.0))]).is_new == (True,)


def test_of_two_overlapping_faces_the_nearer_is_meant(gallery, make):
    left, right = (0.0, 0.0, 100.0, 100.0), (40.0, 0.0, 140.0, 100.0)  # 60 of 140 shared: two faces
    first, second = (gallery.enroll([make("Anna", 1, box=box)]).template_ids[0] for box in (left, right))
    assert first != second
    assert gallery.enroll([make("Anna", 1, box=(38.0, 0.0, 138.0, 100.0))]).template_ids == (second,)
    assert gallery.enroll([make("Anna", 1, box=(3.0, 0.0, 103.0, 100.0))]).template_ids == (first,)


def test_one_picture_may_show_two_subjects(gallery, make, encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 1, box=(100.0, 20.0, 150.0, 90.0))])
    assert [summary.name for summary in gallery.subjects()] == ["Anna", "Ben"]
    assert len(gallery.enrolled_images(encoder)) == 1


def test_another_encoder_adds_a_template_to_the_same_face(gallery, make, encoder, other_encoder):
    gallery.enroll([make("Anna", 1), make("Anna", 2)])
    assert gallery.enroll([make("Anna", 1, encoder=other_encoder)]).is_new == (True,)
    assert [(s.faces, s.templates) for s in gallery.subjects()] == [(2, 3)]
    assert gallery.show("Anna").faces[0].encoders == tuple(sorted([encoder, other_encoder]))
    assert len(gallery.embeddings(encoder)) == 2
    assert (len(gallery.embeddings(other_encoder)), gallery.embeddings(other_encoder).missing) == (1, 1)
    assert gallery.stats().templates == {encoder: 2, other_encoder: 1}


def test_one_bad_template_of_many_stores_none(gallery, make):
    with pytest.raises(InvalidInput):
        gallery.enroll([make("Anna", 1), replace(make("Ben", 2), embedding=np.zeros(128, np.float32))])
    assert gallery.subjects() == [] and gallery.generation() == 0


def test_every_change_moves_the_generation_by_one_and_leaves_an_event(gallery, path, make, encoder):
    gallery.enroll([make("Anna", 1), make("Anna", 2), make("Ben", 3)])
    gallery.rename("Ben", "Benedict")
    gallery.save_operating_point(OperatingPoint(0.3, 0.001, 3000, 100, encoder, "a test"))
    gallery.remember_refusals([Refusal("Anna", "a.jpg", "0" * 64, "no_face", "mtcnn")])
    gallery.remove("Anna")
    assert gallery.generation() == 5
    assert rows(path, "SELECT generation, action, subject_id, templates FROM audit_event ORDER BY id") == [
        (1, "enroll", 1, 2),
        (1, "enroll", 2, 1),
        (2, "rename", 2, 0),
        (3, "operating_point", None, 0),
        (4, "refuse", None, 0),
        (5, "remove", 1, 2),
    ]


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET action = 'nothing'", "DELETE FROM audit_event"])
def test_the_audit_is_only_ever_added_to(gallery, path, make, statement):
    gallery.enroll([make()])
    before = rows(path, "SELECT * FROM audit_event")
    with pytest.raises(Exception, match="only ever added"):
        run(path, statement)
    assert rows(path, "SELECT * FROM audit_event") == before


@pytest.mark.parametrize("name", NAMES)
def test_an_odd_name_goes_round(gallery, make, holds, encoder, name):
    gallery.enroll([make(name, 1), make("Anna", 2)])
    assert {summary.name for summary in gallery.subjects()} == {name, "Anna"}
    assert len(gallery.embeddings(encoder, name)) == 1
    gallery.rename(name, "plain")
    gallery.rename("plain", name)
    assert gallery.show(name).name == name
    assert gallery.remove(name).templates == 1
    assert [summary.name for summary in gallery.subjects()] == ["Anna"]
    holds(gallery, [make("Anna", 2)])


def test_two_ways_of_typing_a_name_find_one_subject(gallery, make):
    gallery.enroll([make("Zoe\u0308", 1)])
    gallery.enroll([make("Zo\u00eb", 2)])
    assert [(s.name, s.faces) for s in gallery.subjects()] == [("Zo\u00eb", 2)]
    assert gallery.show("Zoe\u0308").name == "Zo\u00eb"


def test_nobody_is_removed_renamed_or_shown_who_is_not_enrolled(gallery, encoder):
    for ask in (
        lambda: gallery.remove("Anna"),
        lambda: gallery.rename("Anna", "Ben"),
        lambda: gallery.show("Anna"),
        lambda: gallery.embeddings(encoder, "Anna"),
    ):
        with pytest.raises(NotEnrolled):
            ask()
    assert gallery.generation() == 0


def test_f28_renaming_never_merges(gallery, make, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    with pytest.raises(InvalidInput, match="enrolled already"):
        gallery.rename("Anna", "Ben")
    assert len(gallery.subjects()) == 2 and gallery.generation() == 1
    holds(gallery, [make("Anna", 1), make("Ben", 2)])


def test_an_id_is_never_used_again(gallery, make):
    gallery.enroll([make("Anna", 1)])
    (last,) = gallery.enroll([make("Ben", 2)]).template_ids
    gallery.remove("Ben")
    assert gallery.enroll([make("Carl", 3)]).template_ids[0] > last


def test_show_tells_everything_but_the_embedding(path, make):
    moment = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=9)))
    gallery = Gallery.open(path, now=lambda: moment)
    gallery.enroll([make("Anna", 1)])
    detail = gallery.show("Anna")
    face = detail.faces[0]
    assert detail.created_at == face.created_at == moment and face.created_at.tzinfo == UTC
    assert (face.source, face.box) == ("album/1.jpg", (10.0, 20.0, 60.0, 90.0))
    assert face.quality == make().quality and face.image_sha256 == make("Anna", 1).image_sha256


def test_numbers_may_come_from_numpy(gallery, make):
    box, quality = tuple(np.float32([1, 2, 3, 4])), {"score": np.float32(0.5)}
    gallery.enroll([replace(make(), box=box, quality=quality)])
    assert gallery.show("Anna").faces[0].box == (1.0, 2.0, 3.0, 4.0)
    assert gallery.show("Anna").faces[0].quality == {"score": 0.5}


def test_quality_that_is_not_known_stays_unknown(gallery, make):
    gallery.enroll([replace(make(), quality={"score": 0.5})])
    assert gallery.show("Anna").faces[0].quality == {"score": 0.5}


def test_stats_count(gallery, make, encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2), make("Ben", 3)])
    gallery.remember_refusals([Refusal("Anna", "a.jpg", "0" * 64, "no_face", "mtcnn")])
    stats = gallery.stats()
    assert (stats.subjects, stats.faces, stats.templates, stats.refusals) == (2, 3, {encoder: 3}, 1)
    assert len(stats.database) == 32 and stats.generation == 2


def test_two_galleries_have_two_ids(gallery, tmp_path):
    assert gallery.stats().database != open_gallery(tmp_path / "other.db").stats().database


@pytest.mark.parametrize("bad", [bytes(512), b"short", np.full(128, np.nan, "<f4").tobytes(), b"\x01" * 512, "x" * 512])
def test_f29_a_damaged_template_is_left_out_counted_and_healed_by_enrolling_again(
    gallery, path, make, encoder, bad, holds
):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    run(path, "UPDATE template SET embedding = :bad WHERE id = 1", bad=bad)
    stored = gallery.embeddings(encoder)
    assert (stored.template_ids.tolist(), stored.quarantined, stored.missing) == ([2], 1, 0)
    assert any("1 templates hold no unit embedding" in problem for problem in gallery.problems())
    assert gallery.enroll([make("Anna", 1)]).is_new == (True,)
    stored = gallery.embeddings(encoder)
    assert (len(stored), stored.quarantined) == (2, 0)
    np.testing.assert_array_equal(stored.rows[0], make("Anna", 1).embedding)
    holds(gallery, [make("Anna", 1), make("Ben", 2)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE template SET embedding = x'00'",
        "UPDATE face SET x2 = x1",
        "UPDATE subject SET name = ''",
        "INSERT INTO meta VALUES (2, 'x', 0)",
        "INSERT INTO template SELECT 9, 99, encoder, embedding, 1, NULL, NULL FROM template",
        "INSERT INTO template SELECT 9, face_id, encoder, embedding, 1, NULL, NULL FROM template",
    ],
)
def test_the_database_itself_refuses_what_cannot_be(gallery, path, make, statement):
    gallery.enroll([make()])
    with pytest.raises(Exception, match="constraint failed"), writing(engine_at(path)) as connection:
        connection.execute(text(statement))
    assert gallery.problems() == []


def test_problems_are_found(gallery, path, make):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    run(path, "DELETE FROM template WHERE id = 1")
    run(path, "DELETE FROM face WHERE id = 2")
    run(path, "UPDATE meta SET generation = 7")
    found = " | ".join(gallery.problems())
    assert "1 subjects without a face" in found
    assert "1 faces without a template" in found
    assert "generation 7" in found


def test_refusals_are_remembered_per_pipeline(gallery):
    no_face = Refusal("Anna", "a.jpg", "0" * 64, "no_face", "mtcnn")
    bad = Refusal("Anna", "b.jpg", "1" * 64, "bad_image", "mtcnn")
    assert gallery.remember_refusals([no_face, bad]) == 2
    assert gallery.remember_refusals([no_face, bad]) == 0
    assert gallery.generation() == 1
    assert gallery.refused_images("mtcnn") == {("Anna", "0" * 64): "no_face", ("Anna", "1" * 64): "bad_image"}
    assert gallery.refused_images("yunet") == {}


def test_a_picture_that_was_refused_under_both_names_is_no_obstacle_to_renaming(gallery, make):
    gallery.enroll([make("Anna", 1)])
    both, hers, other_pipeline = (("0" * 64, "mtcnn"), ("1" * 64, "mtcnn"), ("0" * 64, "yunet"))
    remembered = (
        ("Anna", *both, "bad_image"), ("Anne", *both, "no_face"), ("Anne", *hers, "no_face"),
        ("Anne", *other_pipeline, "no_face"),
    )  # fmt: skip
    gallery.remember_refusals([Refusal(name, "a.jpg", image, why, by) for name, image, by, why in remembered])
    gallery.rename("Anna", "Anne")
    assert gallery.refused_images("mtcnn") == {("Anne", "0" * 64): "bad_image", ("Anne", "1" * 64): "no_face"}
    assert gallery.refused_images("yunet") == {("Anne", "0" * 64): "no_face"}


def test_a_removed_subject_takes_its_refusals_along(gallery, make):
    gallery.enroll([make("Anna", 1)])
    gallery.remember_refusals([Refusal(name, "a.jpg", "0" * 64, "no_face", "mtcnn") for name in ("Anna", "Ben")])
    gallery.rename("Anna", "Anne")
    gallery.remove("Anne")
    assert gallery.stats().refusals == 1


def test_enrolled_images_can_be_asked_of_some_subjects(gallery, make, encoder, other_encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    one, two = make("Anna", 1).image_sha256, make("Ben", 2).image_sha256
    assert gallery.enrolled_images(encoder) == {one, two}
    assert gallery.images_of(encoder, ["Ben", "Carl"]) == {"Ben": {two}, "Carl": set()}
    assert gallery.enrolled_images(other_encoder) == set()


def test_the_newest_operating_point_of_an_encoder_counts(gallery, encoder, other_encoder):
    old, new = (OperatingPoint(t, 0.001, 3000, 100, encoder, "a test") for t in (0.0, 0.42))
    gallery.save_operating_point(old)
    assert gallery.operating_point(encoder) == old
    gallery.save_operating_point(new)
    assert gallery.operating_point(encoder) == new
    assert gallery.operating_point(other_encoder) is None


def test_threads_share_a_gallery(gallery, make, holds):
    def enroll(worker: int) -> None:
        for number in range(5):
            gallery.enroll([make(f"subject {worker}", 100 * worker + number)])

    threads = [threading.Thread(target=enroll, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gallery.generation() == 20
    holds(gallery, [make(f"subject {w}", 100 * w + n) for w in range(4) for n in range(5)])


def test_a_message_never_holds_sql_or_an_embedding(gallery, path, make):
    run(path, "DROP TABLE template")
    with pytest.raises(GalleryUnusable) as caught:
        gallery.enroll([make()])
    assert "SELECT" not in str(caught.value) and "b'" not in repr(caught.value.__cause__)


def test_the_newest_calibration_of_an_encoder_counts(gallery, encoder, other_encoder):
    old, new = (Calibration(target, fakes.points(encoder=encoder)) for target in (0.01, 0.003))
    assert gallery.calibration(encoder) is None
    gallery.save_calibration(encoder, old)
    assert gallery.calibration(encoder) == old
    gallery.save_calibration(encoder, new)
    assert gallery.calibration(encoder) == new
    assert gallery.calibration(other_encoder) is None


def test_thresholds_of_another_encoder_are_not_stored(gallery, encoder, other_encoder):
    for calibration in (
        Calibration(0.01, fakes.points(encoder=other_encoder)),
        Calibration(0.0, fakes.points(encoder=encoder)),
    ):
        with pytest.raises(InvalidInput):
            gallery.save_calibration(encoder, calibration)
    assert gallery.calibration(encoder) is None
