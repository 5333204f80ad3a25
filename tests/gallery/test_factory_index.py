"""Approximate indexes: what they find has its true similarity, and how much they find is measured."""

import logging

import numpy as np
import pytest

from facerec.errors import InvalidInput, TooFewTemplates
from facerec.gallery.factory_index import Factory, FactoryIndex
from facerec.gallery.index import ExactIndex
from facerec.records import DIM, unit

COUNT = 4000
IDS = np.random.default_rng(1).permutation(3 * COUNT)[:COUNT].astype(np.int64)
ROWS = unit(np.random.default_rng(2).standard_normal((COUNT, DIM)))
PROBES = unit(ROWS[:200] + 0.03 * np.random.default_rng(3).standard_normal((200, DIM)).astype(np.float32))


@pytest.mark.parametrize("spec", ["Flat", "SQ8", "IVF16,Flat;nprobe=16", "IVF16,SQ8;nprobe=16"])
def test_one_that_looks_everywhere_gives_the_answers_of_the_exact_one(spec):
    found, exact = FactoryIndex(IDS, ROWS, spec).search(PROBES, 3), ExactIndex(IDS, ROWS).search(PROBES, 3)
    np.testing.assert_array_equal(found.ids[:, 0], exact.ids[:, 0])
    np.testing.assert_allclose(found.similarities, exact.similarities, atol=1e-6)


@pytest.mark.parametrize("spec", ["HNSW16;efSearch=64", "IVF16,Flat;nprobe=4", "PCA64,IVF16,Flat;nprobe=8"])
def test_most_are_found_and_each_with_its_true_similarity(spec):
    found, exact = FactoryIndex(IDS, ROWS, spec).search(PROBES, 5), ExactIndex(IDS, ROWS).search(PROBES, 5)
    assert (found.ids[:, 0] == exact.ids[:, 0]).mean() > 0.9
    row_of = dict(zip(IDS.tolist(), ROWS, strict=True))
    for probe, ids, similarities in zip(PROBES, found.ids, found.similarities, strict=True):
        np.testing.assert_allclose(similarities, [row_of[key] @ probe for key in ids.tolist()], atol=1e-5)
        assert (np.diff(similarities) <= 0).all() and len(set(ids.tolist())) == 5


def test_where_the_lists_that_were_looked_at_are_too_short_everybody_is_compared():
    index, exact = FactoryIndex(IDS, ROWS, "IVF64,Flat"), ExactIndex(IDS, ROWS)
    found = index.search(PROBES[:5], 500)  # a list holds about 60
    np.testing.assert_array_equal(found.ids, exact.search(PROBES[:5], 500).ids)


def test_ties_go_to_the_lower_id():
    rows = np.repeat(np.eye(DIM, dtype=np.float32)[:3], 4, axis=0)
    found = FactoryIndex(np.arange(12)[::-1].copy(), rows, "Flat").search(rows[:1], 4)
    assert found.ids.tolist() == [[8, 9, 10, 11]]


def test_no_probes_and_fewer_embeddings_than_asked_for():
    assert FactoryIndex(IDS, ROWS, "SQ8").search(np.empty((0, DIM), np.float32), 3).ids.shape == (0, 3)
    assert FactoryIndex(IDS[:2], ROWS[:2], "Flat").search(PROBES, 7).ids.shape == (200, 2)


@pytest.mark.parametrize("spec", [
    "nonsense", "HNSW16;nprobe=4", "IVF16,Flat;nprobe", "", "IVF16,Flat;nprobe=0", "IVF16,Flat;nprobe=-1",
    "IVF4,PQ8x4,RFlat;k_factor_rf=0",
])  # fmt: skip
def test_a_name_that_faiss_makes_nothing_of_is_refused(spec):
    with pytest.raises(InvalidInput, match=r"faiss makes no index|cannot be searched with"):
        FactoryIndex(IDS[:500], ROWS[:500], spec)


@pytest.mark.parametrize(
    "spec, too_few", [("IVF8,Flat", 7), ("SQ8", 0), ("PCA32,Flat", 31), ("IVF8,PQ16x4;nprobe=2", 15)]
)
def test_of_too_few_an_index_is_exact_and_that_is_logged(caplog, spec, too_few):
    with pytest.raises(TooFewTemplates, match=f"^{too_few} rows are too few for"):
        FactoryIndex(IDS[:too_few], ROWS[:too_few], spec)
    with caplog.at_level(logging.INFO):
        found = Factory(spec)(IDS[:too_few], ROWS[:too_few]).search(PROBES, 3)
    exact = ExactIndex(IDS[:too_few], ROWS[:too_few]).search(PROBES, 3)
    np.testing.assert_array_equal(found.ids, exact.ids)
    np.testing.assert_array_equal(found.similarities, exact.similarities)
    assert [record.levelname for record in caplog.records] == ["INFO"] and "everybody is compared" in caplog.text
    assert isinstance(Factory(spec)(IDS[: too_few + 1], ROWS[: too_few + 1]), FactoryIndex)


def test_a_name_that_faiss_makes_nothing_of_is_refused_however_few_there_are():
    for spec in ("nonsense", "PQ17", "LSH", ""):
        with pytest.raises(InvalidInput, match="faiss makes no index"):
            Factory(spec)(IDS[:0], ROWS[:0])


@pytest.mark.parametrize("spec, count", [
    ("IVF16,Flat", 60), ("PCA64,IVF16,PQ32x4", 80), ("PQ8x4", 60), ("IVF4,PQ8x4,RFlat", 60), ("IVF8_HNSW8,SQ8", 60),
])  # fmt: skip
def test_faiss_prints_nothing_about_few(capfd, spec, count):
    FactoryIndex(IDS[:count], ROWS[:count], spec)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("spec, words", [
    ("HNSW16;efsearch=bla", "this index cannot be searched with 'efsearch=bla': could not interpret parameter"),
    ("nonsense", "faiss makes no index 'nonsense': could not parse index string nonsense"),
    ("LSH", "faiss makes no index 'LSH'"),
    ("IMI2x4,Flat", "faiss makes no index 'IMI2x4,Flat': MultiIndex not implemented for inner prod search"),
    ("IVF9999,Flat", "500 rows are too few for 'IVF9999,Flat': Number of training points"),
])  # fmt: skip
def test_what_faiss_says_comes_without_the_places_in_its_source(spec, words):
    with pytest.raises(InvalidInput) as refused:
        FactoryIndex(IDS[:500], ROWS[:500], spec)
    said = str(refused.value)
    assert said.startswith(words) and not any(inner in said for inner in ("failed", "Error", ".cpp", ".h:"))
