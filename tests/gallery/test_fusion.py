"""Several templates as one: against the definition, subject by subject."""

import numpy as np
import pytest

from facerec.gallery.fusion import SHORTENED, apart, fuse, fused
from facerec.gallery.index import FaissIndex
from facerec.gallery.searcher import Searcher
from facerec.records import DIM, unit
from tests.people import clusters


def test_one_template_stays_what_it_is():
    row = unit(np.random.default_rng(0).standard_normal((1, DIM)))
    np.testing.assert_array_equal(fuse(row), row[0])


def test_the_mean_keeps_its_direction_and_a_root_of_its_length():
    rows, _ = clusters(np.random.default_rng(1), [4], spread=0.1)
    mean = rows.mean(axis=0)
    length = np.linalg.norm(mean)
    assert 0.5 < length < 0.9
    np.testing.assert_allclose(fuse(rows), mean / length * length**SHORTENED, atol=1e-6)


def test_opposite_templates_are_alike_to_nobody():
    row = unit(np.random.default_rng(2).standard_normal((1, DIM)))
    assert np.abs(fuse(np.concatenate([row, -row]))).max() < 1e-6


def test_every_subject_is_fused_by_itself_whatever_the_order_of_its_templates(gallery, make, encoder):
    order = ["Anna", "Ben", "Anna", "Carl", "Ben", "Anna"]
    gallery.enroll([make(name, number) for number, name in enumerate(order)])
    one = fused(stored := gallery.load(encoder))
    assert [one.names[owner] for owner in one.subject_ids.tolist()] == ["Anna", "Ben", "Carl"]
    assert one.template_ids.tolist() == stored.template_ids[[0, 1, 3]].tolist()
    for name, row in zip(["Anna", "Ben", "Carl"], one.rows, strict=True):
        own = stored.rows[[place for place, owner in enumerate(order) if owner == name]]
        np.testing.assert_allclose(row, fuse(own), atol=1e-6)


def test_a_gallery_of_single_templates_is_searched_as_it_is(gallery, make, encoder):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    stored = gallery.load(encoder)
    assert fused(stored) is stored and apart(stored) is stored


@pytest.mark.parametrize("build", [None, FaissIndex])
def test_a_search_of_fused_templates_follows_the_gallery(gallery, make, encoder, build):
    parts = {"build": build} if build else {}
    searcher = Searcher(gallery, encoder, combine=fused, **parts)
    gallery.enroll([make("Anna", 1), make("Ben", 3)])
    asked = make("", 1).embedding[None]
    assert searcher.search(asked, 2)[0][0] == ("Anna", pytest.approx(1, abs=1e-6))
    gallery.enroll([make("Anna", 2)])
    expected = float(fuse(np.stack([make("", 1).embedding, make("", 2).embedding])) @ asked[0])
    assert searcher.search(asked, 2)[0][0] == ("Anna", pytest.approx(expected, abs=1e-6))
    gallery.rename("Anna", "Anne")
    assert [name for name, _ in searcher.search(asked, 5)[0]] == ["Anne", "Ben"]
    gallery.remove("Anne")
    assert [name for name, _ in searcher.search(asked, 5)[0]] == ["Ben"]


def test_strangers_are_taken_for_a_fused_subject_about_as_often_as_for_a_single_picture():
    """Made-up people whose differences lie in fewer directions than their pictures' do."""
    rng = np.random.default_rng(3)
    people, pictures = 150, 6
    centres = np.zeros((people, DIM))
    centres[:, :32] = rng.normal(size=(people, 32)) * 2
    rows = unit(np.repeat(centres, pictures, axis=0) + rng.normal(size=(people * pictures, DIM)) * 0.75)
    by_subject = rows.reshape(people, pictures, DIM)
    probes = by_subject[:, 0]
    others = ~np.eye(people, dtype=bool)
    single = (probes @ by_subject[:, 1].T)[others]
    threshold = np.quantile(single, 0.999)
    shortened = np.stack([fuse(own[1:]) for own in by_subject])
    share = float(((probes @ shortened.T)[others] >= threshold).mean())
    stretched = float(((probes @ unit(shortened).T)[others] >= threshold).mean())
    assert stretched > 1.5 * share and share < 1.5e-3
