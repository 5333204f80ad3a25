"""F32: templates of two encoders side by side, made from the pictures, whatever became of those meanwhile."""

import os
from dataclasses import replace

import numpy as np
import pytest

from facerec import failpoint
from facerec.errors import InvalidInput
from facerec.gallery import open_gallery
from facerec.gallery.searcher import Searcher
from facerec.recognition import Recognizer
from facerec.recognition.changed_decisions import Side, compare_encoders
from facerec.recognition.looking import Here
from facerec.recognition.re_embedding import Album, Reembedding
from facerec.records import unit
from tests.fakes import ANNA, BERT, CARL, ENCODER, Embed, folder_of, look, pipeline, points, save_picture
from tests.gallery.invariants import must_hold

OTHER = "f" * 64
PEOPLE = [("Anna", ANNA), ("Bert", BERT), ("Carl", CARL)]


@pytest.fixture
def album(tmp_path):
    return folder_of(tmp_path / "people", PEOPLE)


@pytest.fixture
def gallery(tmp_path, album):
    opened = open_gallery(tmp_path / "gallery.db")
    samples = [(name, album / name / "1.png") for name, _ in PEOPLE]
    list(Recognizer(pipeline(), points(), opened).enroll_all(samples))
    return opened


def work(gallery, folder=None):
    return Reembedding(gallery, OTHER, Here(pipeline(Embed(OTHER)), "only"), Album(folder))


def outcomes(gallery, folder=None):
    doing = work(gallery, folder)
    return {one.subject: one.outcome for one in doing.run(gallery.faces_lacking(OTHER), batch=2)}


def test_every_face_gets_a_template_and_a_second_run_has_nothing_to_do(gallery):
    before = gallery.embeddings(ENCODER)
    assert outcomes(gallery) == dict.fromkeys(("Anna", "Bert", "Carl"), "embedded")
    new, old = gallery.embeddings(OTHER), gallery.embeddings(ENCODER)
    assert new.missing == 0 and new.names == old.names == before.names
    assert old.rows.tobytes() == before.rows.tobytes() == new.rows.tobytes()  # the fake embeds alike
    assert outcomes(gallery) == {} and gallery.faces_lacking(OTHER) == ()
    must_hold(gallery, [])


def test_what_became_of_pictures_is_said_and_those_that_moved_are_found_by_their_content(gallery, album, tmp_path):
    (album / "Anna" / "1.png").rename(tmp_path / "moved.png")
    save_picture(album / "Bert" / "1.png", CARL)
    assert outcomes(gallery) == {"Anna": "picture_gone", "Bert": "picture_changed", "Carl": "embedded"}
    assert gallery.embeddings(OTHER).missing == 2
    assert outcomes(gallery, tmp_path) == {"Anna": "embedded", "Bert": "picture_changed"}


def test_of_several_faces_the_one_at_the_enrolled_place_is_embedded(gallery, tmp_path):
    both = save_picture(tmp_path / "both.png", BERT, ANNA)
    gallery.remove("Anna")
    recognizer = Recognizer(pipeline(), points(), gallery)
    face = recognizer.pipeline.detect(both_pixels(both))[1:]
    from facerec.recognition.picture import read_picture
    from facerec.records import Template

    row = recognizer.pipeline.describe([(both_pixels(both), face)])[0].embeddings[0]
    box = tuple(face.boxes[0].tolist())
    gallery.enroll([Template("Anna", str(both), read_picture(both).digest, box, {}, ENCODER, row)])
    assert outcomes(gallery)["Anna"] == "embedded"
    assert gallery.embeddings(OTHER, "Anna").rows.tobytes() == row.tobytes()


def test_a_face_that_is_not_found_at_its_place_any_more_is_said(gallery, album):
    class Elsewhere:
        """Finds every face a little too far to the right."""

        def detect_all(self, images):
            return [replace(faces, boxes=faces.boxes + np.float32([60, 0, 60, 0])) for faces in look.detect_all(images)]

    looker = Here(replace(pipeline(Embed(OTHER)), detect=Elsewhere()), "only")
    doing = Reembedding(gallery, OTHER, looker)
    (anna, *_) = doing.run(gallery.faces_lacking(OTHER))
    assert anna.outcome == "face_not_found" and anna.reason.endswith(f"enrolled place of {album / 'Anna' / '1.png'}")
    assert gallery.embeddings(OTHER).missing == 3


def test_batches_are_stored_in_order_while_others_are_looked_at(gallery):
    here, stored = Here(pipeline(Embed(OTHER)), "only"), []

    class Ahead:
        """Says when it is asked how many templates are stored by then."""

        ahead = 1

        def look(self, pictures):
            stored.append(len(gallery.embeddings(OTHER)))
            return here.look(pictures)

    doing = Reembedding(gallery, OTHER, Ahead())
    assert [one.subject for one in doing.run(gallery.faces_lacking(OTHER), batch=1)] == ["Anna", "Bert", "Carl"]
    assert stored == [0, 0, 1] and gallery.embeddings(OTHER).missing == 0


def both_pixels(path):
    from facerec import images

    return images.load(path)


def test_somebody_removed_meanwhile_does_not_come_back(gallery):
    doing = work(gallery)
    faces = gallery.faces_lacking(OTHER)
    gallery.forget("Bert")
    list(doing.run(faces))
    assert {one.name for one in gallery.subjects()} == {"Anna", "Carl"}
    assert len(gallery.embeddings(OTHER)) == 2
    must_hold(gallery, [])


@pytest.mark.parametrize("place", ["write.before_commit", "write.after_commit"])
def test_f32_killed_in_the_middle_it_is_gone_on_with(gallery, place):
    def killed():
        failpoint.set_order(f"{place}:kill:2")
        doing = work(open_gallery(str(gallery)))
        list(doing.run(gallery.faces_lacking(OTHER), batch=1))

    child = os.fork()
    if child == 0:
        killed()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    left = 2 if place == "write.before_commit" else 1
    assert gallery.embeddings(OTHER).missing == left and gallery.embeddings(ENCODER).missing == 0
    must_hold(gallery, [])
    assert len(outcomes(gallery)) == left
    assert gallery.embeddings(OTHER).missing == 0
    must_hold(gallery, [])


def test_embeddings_of_the_two_are_never_compared(gallery):
    list(work(gallery).run(gallery.faces_lacking(OTHER)[:1]))
    (found,) = Searcher(gallery, OTHER).search(gallery.embeddings(ENCODER).rows[1:2], 5)
    assert [name for name, _ in found] == ["Anna"]  # the only one with a template of that encoder


def test_what_is_no_embedding_is_refused(gallery):
    with pytest.raises(InvalidInput):
        gallery.add_templates(OTHER, {1: 2 * gallery.embeddings(ENCODER).rows[0]})


def test_which_decisions_change_by_hand(gallery, tmp_path):
    """Two pictures of Anna are alike for the old encoder only, two of Bert for the new one only."""
    from tests.gallery.conftest import template_of

    opened = open_gallery(tmp_path / "changes.db")
    rows = unit(np.random.default_rng(0).standard_normal((8, 128)))
    alike = lambda row: unit((row + 0.01 * rows[7])[None])[0]  # noqa: E731
    old = [("Anna", rows[0]), ("Anna", alike(rows[0])), ("Bert", rows[1]), ("Bert", rows[2])]
    new = [rows[3], rows[4], rows[5], alike(rows[5])]
    for number, (name, row) in enumerate(old):
        template = template_of(name, number, ENCODER)
        object.__setattr__(template, "embedding", row)
        opened.enroll([template])
    opened.add_templates(OTHER, {number + 1: row for number, row in enumerate(new)})
    found = compare_encoders(
        opened, Side(ENCODER, points((1e-6, 0.9))), Side(OTHER, points((1e-6, 0.9), encoder=OTHER)), 0.01
    )
    assert [change.kind for change in found.changes] == ["lost", "lost", "gained", "gained"]
    assert [(change.before.subject, change.after.subject) for change in found.changes] == [
        ("Anna", None), ("Anna", None), (None, "Bert"), (None, "Bert"),
    ]  # fmt: skip
    assert found.faces == found.probes == 4 and found.thresholds == (0.9, 0.9)
    assert found.count("gained") == found.count("lost") == 2 and found.count("other") == 0
