"""How a gallery is searched from now on: what is chosen, what is said of it, and when it is in force."""

import pytest

from facerec.errors import InvalidInput, TooFewTemplates
from facerec.gallery import choosing, measured
from facerec.gallery.choosing import AUTO, Choosing, Searches
from facerec.gallery.kinds import EXACT, index_in_use
from facerec.gallery.searcher import Searcher
from tests.gallery.test_measured import one


@pytest.fixture
def searches(encoder):
    return Searches(encoder, lambda compared: 0.3)


@pytest.fixture
def people(gallery, make):
    gallery.enroll([make(f"subject {number // 2}", number) for number in range(40)])
    return gallery


def choose(gallery, searches, kind, found=None):
    work = Choosing(gallery, searches, kind)
    return work.settle(list(work.measured()) if found is None else found)


def test_what_is_chosen_is_in_use_and_exact_takes_nothing(people, searches):
    assert choose(people, searches, "SQ8").index == index_in_use(people) == "SQ8"
    assert choose(people, searches, EXACT).remarks == () and index_in_use(people) == EXACT


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, InvalidInput("no")])
def test_what_cannot_be_built_or_is_stopped_on_the_way_is_never_in_use(people, searches, monkeypatch, error):
    choose(people, searches, "Flat")

    def fails(searcher):
        raise error

    monkeypatch.setattr(Searcher, "current", fails)
    with pytest.raises(error if isinstance(error, type) else type(error)):
        choose(people, searches, "SQ8")
    assert index_in_use(people) == "Flat"


@pytest.mark.parametrize("kind, error, words", [
    ("IVF39,Flat", TooFewTemplates, r"^36 rows are too few for 'IVF39,Flat'.* \(one a subject unless --templates"),
    ("nonsense", InvalidInput, "could not parse"), ("half", InvalidInput, "for GPUs"),
])  # fmt: skip
def test_what_a_gallery_cannot_be_searched_by_is_not_chosen(people, searches, kind, error, words):
    with pytest.raises(error, match=words):
        choose(people, searches, kind)
    assert index_in_use(people) == EXACT


def test_a_small_gallery_is_searched_exactly_and_is_told_why(gallery, make, searches):
    gallery.enroll([make("Anna", 1)])  # too few to measure on, and that is not needed
    chosen = choose(gallery, searches, AUTO)
    assert chosen.index == EXACT and "fewer than 20,000 templates" in chosen.remarks[0]


def test_where_no_kind_is_worth_it_that_is_said(people, searches):
    chosen = choose(people, searches, AUTO, [one("SQ8", 1.0, 25.0), one("HNSW32", 0.98, 1.0)])
    assert chosen.index == index_in_use(people) == EXACT
    assert chosen.remarks == ("of 2 kinds none has a recall@1 of 0.99 and is 2 times as fast as exact search",)


@pytest.mark.parametrize("recall, milliseconds, words", [
    (1.0, 1.0, []), (0.33, 1.0, ["recall@1 of 0.3300, less than 0.99"]), (1.0, 40.0, ["no faster"]),
    (0.33, 60.0, ["less than 0.99", "no faster"]),
])  # fmt: skip
def test_an_index_that_misses_people_or_is_slow_is_chosen_with_a_warning(people, searches, recall, milliseconds, words):
    chosen = choose(people, searches, "SQ8", [one("SQ8", recall, milliseconds)])
    assert chosen.index == index_in_use(people) == "SQ8" and len(chosen.remarks) == len(words)
    assert all(word in remark for word, remark in zip(words, chosen.remarks, strict=True))


def test_the_best_of_several_is_chosen_by_itself_in_a_large_gallery(people, searches, monkeypatch):
    monkeypatch.setattr(measured, "EXACT_IS_FAST", 20)
    monkeypatch.setattr(choosing, "chosen", lambda found, least_recall: found[-1].spec)
    work = Choosing(people, searches, AUTO)
    found = list(work.measured())
    assert {one.spec.partition(";")[0] for one in found} == {"IVF16,Flat", "HNSW32", "SQ8"}
    assert work.settle(found).index == index_in_use(people) == "SQ8"
