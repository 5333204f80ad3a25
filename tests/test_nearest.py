"""Search by torch against the reference, on the processor's own device and, where there is one, on a GPU."""

import subprocess
import sys

import numpy as np
import pytest

from facerec.errors import MissingPart
from facerec.gallery.factory_index import Rescored
from facerec.gallery.index import ExactIndex, KnnIndex
from facerec.nearest import TorchNearest, cuda_devices
from facerec.records import DIM, unit

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not cuda_devices(), reason="there is no CUDA device"))]
IDS = np.random.default_rng(0).permutation(3000)[:1000].astype(np.int64)
ROWS = unit(np.random.default_rng(1).standard_normal((1000, DIM)))
PROBES = unit(ROWS[:300] + 0.05 * np.random.default_rng(2).standard_normal((300, DIM)).astype(np.float32))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("k", [1, 5, 1000])
def test_agrees_with_the_exact_index(device, k, monkeypatch):
    monkeypatch.setattr("facerec.nearest.SCORES_AT_ONCE", 70_000)  # several parts
    index = KnnIndex(IDS, ROWS, lambda rows: TorchNearest(rows, device))
    found, exact = index.search(PROBES, k), ExactIndex(IDS, ROWS).search(PROBES, k)
    np.testing.assert_allclose(found.similarities, exact.similarities, atol=1e-5)
    np.testing.assert_array_equal(found.ids[:, :5], exact.ids[:, :5])


@pytest.mark.parametrize("device", DEVICES)
def test_ties_go_to_the_lower_id(device):
    rows = np.repeat(np.eye(DIM, dtype=np.float32)[:3], 50, axis=0)
    index = KnnIndex(np.arange(150)[::-1].copy(), rows, lambda own: TorchNearest(own, device))
    assert index.search(rows[:1], 3).ids.tolist() == [[100, 101, 102]]


@pytest.mark.parametrize("device", DEVICES)
def test_half_precision_says_where_to_look_and_nothing_more(device):
    index = Rescored(IDS, ROWS, lambda rows: lambda probes, n: TorchNearest(rows, device, half=True)(probes, n)[1])
    found, exact = index.search(PROBES, 3), ExactIndex(IDS, ROWS).search(PROBES, 3)
    np.testing.assert_array_equal(found.ids, exact.ids)
    np.testing.assert_allclose(found.similarities, exact.similarities, atol=1e-6)


@pytest.mark.skipif(cuda_devices() > 0, reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_said():
    with pytest.raises(MissingPart, match="sees no CUDA device"):
        TorchNearest(ROWS, "cuda")


def test_importing_it_does_not_import_torch():
    code = "import sys, facerec.gallery.kinds as k; k.cuda_devices(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
