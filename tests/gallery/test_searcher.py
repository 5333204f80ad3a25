"""Searching while the gallery changes: never stale, never mixed, never across encoders."""

import random
import threading
from contextlib import closing

import numpy as np
import pytest

from facerec.errors import EncoderMismatch, GalleryUnusable, InvalidInput
from facerec.gallery import layered, open_gallery
from facerec.gallery.connect import connect_file
from facerec.gallery.fusion import apart, fused
from facerec.gallery.index import ExactIndex, FaissIndex
from facerec.gallery.searcher import Searcher


class Counting:
    """A gallery that counts how often its embeddings were read."""

    def __init__(self, gallery):
        self.gallery = gallery
        self.loads = self.follows = 0

    def state(self):
        return self.gallery.state()

    def load(self, encoder):
        self.loads += 1
        return self.gallery.load(encoder)

    def changes(self, encoder, past):
        self.follows += 1
        return self.gallery.changes(encoder, past)

    def may_keep_index(self):
        return self.gallery.may_keep_index()

    def kept_index(self, encoder, kind):
        return self.gallery.kept_index(encoder, kind)

    def keep_index(self, kept):
        self.gallery.keep_index(kept)


def probe(template):
    return template.embedding[None]


def test_the_best_subjects_come_by_name(gallery, make, encoder):
    gallery.enroll([make("Anna", 1), make("Anna", 2), make("Ben", 3)])
    two, three = make("", 2).embedding, make("", 3).embedding
    (first, second), (third, _) = Searcher(gallery, encoder).search(np.stack([two, three]), 5)
    assert first == ("Anna", pytest.approx(1, abs=1e-6)) and third == ("Ben", pytest.approx(1, abs=1e-6))
    assert second == ("Ben", pytest.approx(float(two @ three), abs=1e-6))
    assert isinstance(first[1], float)


def test_an_empty_gallery_names_nobody(gallery, make, encoder):
    assert Searcher(gallery, encoder).search(probe(make()), 5) == [()]
    assert Searcher(gallery, encoder).search(np.empty((0, 128), np.float32), 5) == []


def test_the_index_is_kept_until_the_gallery_moves(gallery, make, encoder):
    gallery.enroll([make("Anna", 1)])
    source = Counting(gallery)
    searcher = Searcher(source, encoder)
    for _ in range(3):
        searcher.search(probe(make("", 1)), 1)
    assert (source.loads, source.follows) == (1, 0)
    gallery.enroll([make("Anna", 1)])  # nothing new
    searcher.search(probe(make("", 1)), 1)
    assert (source.loads, source.follows) == (1, 0)
    gallery.enroll([make("Ben", 2)])
    assert searcher.search(probe(make("", 2)), 1)[0][0][0] == "Ben"
    assert (source.loads, source.follows) == (1, 1)
    base = searcher.current().index.base
    gallery.rename("Ben", "Benedict")
    assert searcher.search(probe(make("", 2)), 1)[0][0][0] == "Benedict"
    assert searcher.current().index.base is base and source.loads == 1


def test_f24_what_another_opener_changed_is_seen_at_once(gallery, path, make, encoder, holds):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    searcher = Searcher(gallery, encoder)
    assert searcher.search(probe(make("", 1)), 1)[0][0][0] == "Anna"
    open_gallery(path).rename("Anna", "Anne")
    assert searcher.search(probe(make("", 1)), 1)[0][0][0] == "Anne"
    open_gallery(path).remove("Anne")
    assert [name for name, _ in searcher.search(probe(make("", 1)), 5)[0]] == ["Ben"]
    holds(gallery, [make("Ben", 2)])


def test_a_gallery_restored_from_a_backup_is_read_again(gallery, path, make, encoder):
    gallery.enroll([make("Anna", 1)])
    backup = path.read_bytes()
    gallery.enroll([make("Ben", 2)])
    searcher = Searcher(gallery, encoder)
    assert len(searcher.search(probe(make("", 2)), 5)[0]) == 2
    path.write_bytes(backup)
    assert [name for name, _ in searcher.search(probe(make("", 2)), 5)[0]] == ["Anna"]


def test_f30_embeddings_of_another_encoder_are_never_compared(gallery, make, encoder, other_encoder, holds):
    gallery.enroll([make("Anna", 1)])
    with pytest.raises(EncoderMismatch, match="1 faces are enrolled, none with"):
        Searcher(gallery, other_encoder).search(probe(make("", 1)), 1)
    gallery.enroll([make("Ben", 2, encoder=other_encoder)])
    assert [name for name, _ in Searcher(gallery, other_encoder).search(probe(make("", 1)), 5)[0]] == ["Ben"]
    assert [name for name, _ in Searcher(gallery, encoder).search(probe(make("", 1)), 5)[0]] == ["Anna"]
    holds(gallery, [make("Anna", 1), make("Ben", 2, encoder=other_encoder)])


def test_a_bad_probe_is_refused(gallery, make, encoder):
    gallery.enroll([make("Anna", 1)])
    for bad in (np.zeros((1, 128), np.float32), np.full((1, 128), np.nan, np.float32)):
        with pytest.raises(InvalidInput):
            Searcher(gallery, encoder).search(bad, 1)


@pytest.mark.parametrize("build", [ExactIndex, FaissIndex])
def test_f25_threads_search_while_others_enroll_and_remove(gallery, make, holds, encoder, build):
    """The searched subject is always found, a removed one never again, and nobody is found under a wrong name."""
    gallery.enroll([make("always", 0)])
    searcher = Searcher(gallery, encoder, build)
    wrong: list[object] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            (candidates,) = searcher.search(probe(make("", 0)), 3)
            if candidates[0][0] != "always" or candidates[0][1] < 0.999:
                wrong.append(candidates)

    def change() -> None:
        for number in range(1, 13):
            gallery.enroll([make(f"subject {number}", number)])
            (candidates,) = searcher.search(probe(make("", number)), 1)
            if candidates[0][0] != f"subject {number}":
                wrong.append((number, candidates))
            if number % 3 == 0:
                gallery.remove(f"subject {number}")
                (candidates,) = searcher.search(probe(make("", number)), 20)
                if f"subject {number}" in dict(candidates):
                    wrong.append((number, candidates))

    searchers = [threading.Thread(target=search) for _ in range(3)]
    writer = threading.Thread(target=change)
    for thread in (*searchers, writer):
        thread.start()
    writer.join()
    done.set()
    for thread in searchers:
        thread.join()
    assert wrong == []
    holds(gallery, [make("always", 0)] + [make(f"subject {n}", n) for n in range(1, 13) if n % 3])


def test_a_damaged_template_is_never_found(gallery, path, make, encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    with closing(connect_file(path)) as connection:
        connection.execute("UPDATE template SET embedding = zeroblob(512) WHERE id = 1")
        assert [name for name, _ in Searcher(gallery, encoder).search(probe(make("", 1)), 5)[0]] == ["Ben"]
        assert list(gallery.embeddings(encoder).names.values()) == ["Ben"]
        connection.execute("UPDATE template SET embedding = zeroblob(512)")
    with pytest.raises(GalleryUnusable, match="all 2 templates are damaged"):
        Searcher(gallery, encoder).search(probe(make("", 1)), 5)


@pytest.mark.parametrize("combine", [apart, fused])
def test_following_equals_reading_anew_after_any_history(gallery, make, encoder, combine):
    """Whatever is done to a gallery, who followed it finds what somebody finds who comes new."""
    rng, probes = random.Random(5), np.stack([make("", number).embedding for number in range(0, 60, 7)])
    gallery.enroll([make(f"subject {number % 8}", number) for number in range(30)])
    source = Counting(gallery)
    searcher = Searcher(source, encoder, combine=combine)
    for number in range(100, 140):
        names = [summary.name for summary in gallery.subjects()]
        face = rng.choice(gallery.show(rng.choice(names)).faces).id
        changes = {
            "enroll": lambda number=number: gallery.enroll([make(f"subject {rng.randrange(9)}", number)]),
            "remove": lambda names=names: gallery.remove(rng.choice(names)) if len(names) > 3 else None,
            "rename": lambda names=names, number=number: gallery.rename(rng.choice(names), f"renamed {number}"),
            "face": lambda face=face: gallery.forget_face(face),
            "move": lambda face=face, number=number: gallery.move_face(face, f"moved {number}"),
            "merge": lambda names=names: gallery.merge(*rng.sample(names, 2)) if len(names) > 3 else None,
        }
        changes[rng.choice(["enroll", "enroll", *changes])]()
        if rng.random() < 0.7:
            anew = Searcher(gallery, encoder, combine=combine).search(probes, 100)
            for followed, meant in zip(searcher.search(probes, 100), anew, strict=True):
                assert dict(followed).keys() == dict(meant).keys()
                np.testing.assert_allclose(
                    [dict(followed)[name] for name, _ in meant], [s for _, s in meant], atol=2e-6
                )
    assert source.loads == 1


def test_a_template_that_went_without_an_event_makes_everything_be_read(gallery, path, make, encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    source = Counting(gallery)
    searcher = Searcher(source, encoder)
    searcher.search(probe(make("", 1)), 1)
    with closing(connect_file(path)) as connection:
        connection.execute("DELETE FROM template WHERE id = 1")
    gallery.enroll([make("Carl", 3)])
    assert {name for name, _ in searcher.search(probe(make("", 1)), 5)[0]} == {"Ben", "Carl"}
    assert source.loads == 2


def test_a_damaged_template_costs_nothing_at_later_changes(gallery, path, make, encoder):
    """It is left out, those beside it are found, and once it is put right so is its subject."""
    gallery.enroll([make("Anna", 1), make("Anna", 2), make("Ben", 3)])
    with closing(connect_file(path)) as connection:
        connection.execute("UPDATE template SET embedding = zeroblob(512) WHERE id = 1")
    source = Counting(gallery)
    searcher = Searcher(source, encoder)
    for number in range(4, 9):
        gallery.enroll([make(f"subject {number}", number)])
        assert searcher.search(probe(make("", number)), 1)[0][0][0] == f"subject {number}"
        assert searcher.search(probe(make("", 1)), 1)[0][0][1] < 0.9
    gallery.enroll([make("Anna", 1)])
    assert searcher.search(probe(make("", 1)), 1)[0][0] == ("Anna", pytest.approx(1, abs=1e-6))
    gallery.remove("Anna")
    assert "Anna" not in dict(searcher.search(probe(make("", 1)), 9)[0])
    assert source.loads == 1


def test_templates_of_another_encoder_are_no_change(gallery, make, encoder, other_encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    searcher = Searcher(gallery, encoder)
    before = searcher.current().index
    faces = [face.face.id for face in gallery.faces_lacking(other_encoder)]
    gallery.add_templates(other_encoder, {face: make("", 90 + face).embedding for face in faces})
    gallery.enroll([make("Anna", 7, encoder=other_encoder)])
    after = searcher.current().index
    assert after.base is before.base and not after.is_dead.any() and not len(after.came)


def test_others_search_while_one_thread_builds_anew_and_it_looks_again_afterwards(gallery, make, encoder, monkeypatch):
    monkeypatch.setattr(layered, "AND_AT_LEAST", 3)
    begun, go_on, built = threading.Event(), threading.Event(), []

    def build(ids, rows):
        built.append(len(ids))
        if len(built) > 1:
            begun.set()
            assert go_on.wait(20)
        return ExactIndex(ids, rows)

    gallery.enroll([make(f"subject {number}", number) for number in range(10)])
    searcher = Searcher(gallery, encoder, build)
    searcher.search(probe(make("", 1)), 1)
    gallery.enroll([make(f"new {number}", number) for number in range(20, 24)])
    found = []
    builder = threading.Thread(target=lambda: found.extend(searcher.search(probe(make("", 22)), 14)[0]))
    builder.start()
    assert begun.wait(20)
    assert searcher.search(probe(make("", 21)), 1)[0][0][0] == "new 21"
    gallery.remove("new 22")
    assert "new 22" not in dict(searcher.search(probe(make("", 22)), 14)[0])
    go_on.set()
    builder.join()
    assert "new 22" not in dict(found) and len(found) == 13 and built == [10, 14]


def test_a_change_under_way_and_a_build_do_not_undo_each_other(gallery, make, encoder, monkeypatch):
    """A thread takes in a change while another builds: what was built stays, and who was removed stays away."""
    monkeypatch.setattr(layered, "AND_AT_LEAST", 3)
    reading, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def changes(self, encoder, past):
            found = super().changes(encoder, past)
            if threading.current_thread().name == "slow":
                reading.set()
                assert go_on.wait(20)
            return found

    gallery.enroll([make(f"subject {number}", number) for number in range(10)])
    searcher = Searcher(Slow(gallery), encoder)
    first = searcher.current().index.base
    gallery.enroll([make("new 20", 20), make("new 21", 21)])
    searcher.current()
    gallery.enroll([make("new 22", 22), make("new 23", 23)])
    slow = threading.Thread(target=searcher._followed, name="slow")
    slow.start()
    assert reading.wait(20)
    builder = threading.Thread(target=searcher._build_anew, args=(searcher._current,))
    builder.start()
    gallery.remove("subject 3")
    builder.join(0.5)
    go_on.set()
    slow.join()
    builder.join()
    assert "subject 3" not in searcher._current.names.values()
    assert searcher.current().index.base is not first and not searcher.current().index.is_worn
