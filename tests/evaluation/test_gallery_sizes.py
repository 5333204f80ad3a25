"""Smaller galleries drawn from those at hand: against one loop over galleries, and against what must hold."""

from dataclasses import replace

import numpy as np
import pytest

from facerec.evaluation.embedding import Embedded
from facerec.evaluation.gallery_sizes import measure_gallery_sizes
from facerec.evaluation.searches import GalleryAndProbes
from facerec.metrics.intervals import clopper_pearson
from facerec.records import OperatingPoint
from tests.evaluation.conftest import crowd
from tests.people import clusters

POINT = OperatingPoint(0.2, 1e-2, 10_000, 300, "ab" * 32, "elsewhere")


def one_shot(people: int, strangers: int, spread: float = 0.08) -> GalleryAndProbes:
    """One template and one probe of each of the enrolled, one probe of each stranger."""
    rows, names = clusters(np.random.default_rng(0), [2] * people + [1] * strangers, spread)
    enrolled = np.arange(len(rows)) % 2 == 0
    enrolled[2 * people :] = False

    def part(keep: np.ndarray) -> tuple[Embedded, tuple[str, ...]]:
        return Embedded(rows[keep], np.ones(keep.sum(), bool)), tuple(np.array(names)[keep].tolist())

    return GalleryAndProbes(*part(enrolled), *part(~enrolled))


def test_a_larger_gallery_names_more_strangers_and_misses_more_people() -> None:
    sizes = measure_gallery_sizes(
        one_shot(150, 60, 0.13), (10, 50, 1000), rng=np.random.default_rng(1), points=[POINT], fpir_targets=(0.1,),
        galleries=8,
    )  # fmt: skip
    assert [(row.size, row.galleries) for row in sizes] == [(10, 8), (50, 8), (150, 1)]
    named = [row.points[0].fpir.share for row in sizes if row.points[0].fpir is not None]
    assert named == sorted(named) and named[0] < named[2]
    missed = [row.fnir_at_fpir[0].fnir.share for row in sizes]
    assert missed == sorted(missed) and missed[0] < missed[2]
    assert [row.points[0].expected for row in sizes] == pytest.approx([1 - 0.99**n for n in (10, 50, 150)])
    for row in sizes:
        for rate in (row.points[0].fpir, row.points[0].fnir, row.rank_1_missed, row.fnir_at_fpir[0].fnir):
            assert rate is not None and rate.share in rate.interval and rate.in_error <= rate.probes


def test_rates_agree_with_counting_search_by_search() -> None:
    """The same galleries, drawn from the same seed, searched one pair of pictures at a time."""
    shown, low = one_shot(12, 5, 0.2), replace(POINT, threshold=0.08)
    [small, _] = measure_gallery_sizes(shown, (4,), rng=np.random.default_rng(2), points=[low], galleries=3)
    rng, people = np.random.default_rng(2), sorted(set(shown.gallery_subjects))
    named = strangers = missed = mated = 0
    for chosen in ([people[at] for at in rng.permutation(12)[:4]] for _ in range(3)):
        for probe, who in zip(shown.probes.rows, shown.probe_subjects, strict=True):
            scores = {
                name: float(probe @ row)
                for row, name in zip(shown.gallery.rows, shown.gallery_subjects, strict=True)
                if name in chosen
            }
            best = max(scores, key=lambda name: scores[name])
            if who in chosen:
                mated, missed = mated + 1, missed + (best != who or scores[who] < low.threshold)
            else:
                strangers, named = strangers + 1, named + (scores[best] >= low.threshold)
    assert small.points[0].fpir is not None and small.points[0].fnir is not None
    assert small.points[0].fpir.share == pytest.approx(named / strangers) and 0 < named < strangers
    assert small.points[0].fnir.share == pytest.approx(missed / mated) and 0 < missed < mated


def test_the_size_of_everybody_is_the_test_itself() -> None:
    """With one gallery, probes of independent people, and the same events, the interval is the binomial one."""
    shown = one_shot(200, 400)
    point = OperatingPoint(0.22, 1e-3, 10_000, 300, "ab" * 32, "elsewhere")
    [everybody] = measure_gallery_sizes(shown, (), rng=np.random.default_rng(3), points=[point])
    rate = everybody.points[0].fpir
    assert rate is not None and rate.in_error == round(rate.share * rate.probes) > 30
    naive = clopper_pearson(rate.in_error, rate.probes)
    assert rate.interval.as_list() == pytest.approx(naive.as_list(), abs=0.02)


def test_failures_take_their_place_and_no_stranger_means_no_fpir() -> None:
    people = crowd(5)
    sizes = measure_gallery_sizes(people, (1, 10), rng=np.random.default_rng(4), points=[POINT], galleries=30)
    assert all(row.points[0].fnir is not None for row in sizes)
    closed = one_shot(20, 0)
    [small, everybody] = measure_gallery_sizes(
        closed, (5,), rng=np.random.default_rng(4), points=[POINT], fpir_targets=(0.1,)
    )
    assert small.points[0].fpir is not None  # the fifteen others are strangers to it
    assert everybody.points[0].fpir is None and everybody.fnir_at_fpir == ()
