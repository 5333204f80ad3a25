"""F42: where a search runs, by name; a GPU that is not there or fails is said."""

import logging

import numpy as np
import pytest

from facerec import nearest
from facerec.errors import InvalidInput, MissingPart
from facerec.gallery import kinds
from facerec.gallery.factory_index import FactoryIndex
from facerec.gallery.index import ExactIndex, KnnIndex, faiss_knn
from facerec.gallery.kinds import index_builder
from facerec.records import DIM, unit

IDS = np.arange(300)
ROWS = unit(np.random.default_rng(0).standard_normal((300, DIM)))
NO_GPU = pytest.mark.skipif(nearest.cuda_devices() > 0, reason="there is a CUDA device")
GPU = pytest.mark.skipif(nearest.cuda_devices() == 0, reason="there is no CUDA device")


def test_names_on_the_processor():
    assert isinstance(index_builder()(IDS, ROWS), ExactIndex)
    assert isinstance(index_builder("SQ8")(IDS, ROWS), FactoryIndex)


def test_what_there_is_not_is_refused():
    with pytest.raises(InvalidInput, match="no device"):
        index_builder("exact", "tpu")
    with pytest.raises(InvalidInput, match="for GPUs"):
        index_builder("half", "cpu")
    with pytest.raises(InvalidInput, match="an index has a name: exact"):
        index_builder(" ")


@NO_GPU
def test_a_gpu_that_is_asked_for_and_not_there_is_an_error():
    with pytest.raises(MissingPart, match="no CUDA device"):
        index_builder("exact", "cuda")
    assert isinstance(index_builder("exact", "auto")(IDS, ROWS), ExactIndex)


def test_a_gpu_that_nothing_can_use_is_said(monkeypatch, caplog):
    monkeypatch.setattr(kinds, "cuda_devices", lambda: 1)
    monkeypatch.setattr(kinds, "gpu_faiss", lambda: None)
    with caplog.at_level(logging.WARNING):
        assert isinstance(index_builder("SQ8", "auto")(IDS, ROWS), FactoryIndex)
    assert "the processor searches" in caplog.text
    with pytest.raises(MissingPart, match="needs faiss for GPUs"):
        index_builder("SQ8", "cuda")


@pytest.mark.parametrize("answers", [0, 2])
def test_f42_a_gpu_that_is_lost_is_said_once_and_the_answers_stay_the_same(caplog, answers):
    """It fails when it is filled, or after some searches."""
    left = [answers]

    def lost(rows):
        if not answers:
            raise RuntimeError("CUDA error: out of memory\nand a long story")
        sound = faiss_knn(rows)

        def knn(probes, k):
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("CUDA error: device lost")
            return sound(probes, k)

        return knn

    with caplog.at_level(logging.WARNING):
        index = KnnIndex(IDS, ROWS, lambda rows: kinds.safely(lost, faiss_knn, rows))
        for _ in range(5):
            assert index.search(ROWS[:20], 1).ids[:, 0].tolist() == list(range(20))
    assert caplog.text.count("the processor goes on") == 1


@GPU
@pytest.mark.parametrize("spec", ["exact", "half"])
def test_a_gpu_gives_the_answers_of_the_exact_index(spec):
    found, exact = index_builder(spec, "cuda")(IDS, ROWS).search(ROWS, 5), ExactIndex(IDS, ROWS).search(ROWS, 5)
    np.testing.assert_array_equal(found.ids, exact.ids)
    np.testing.assert_allclose(found.similarities, exact.similarities, atol=1e-5)


@pytest.mark.skipif(not nearest.cuda_devices() or kinds.gpu_faiss() is None, reason="there is no faiss for GPUs")
def test_an_inverted_file_on_a_gpu_that_looks_everywhere_gives_the_answers_of_the_exact_index():
    index = index_builder("IVF4,Flat;nprobe=4", "cuda")(IDS, ROWS)
    np.testing.assert_array_equal(index.search(ROWS, 3).ids, ExactIndex(IDS, ROWS).search(ROWS, 3).ids)
