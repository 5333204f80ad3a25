"""What every test may ask for."""

import os
from pathlib import Path

import pytest

FORKING = ("tests/learning/test_batches.py", "tests/training/test_pictures.py")
"""Copies of a process in which MKL has kept many threads' memory for long may wait for ever in its allocator."""

THREADED = ("tests/gallery/test_elsewhere.py", "tests/gallery/test_milvus.py")
"""Milvus's threads stay until the process ends: nothing is copied after them."""

os.environ.setdefault("MKL_DISABLE_FAST_MM", "1")  # before anybody multiplies: the allocator that does so


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that copy this process come first, as training does in a process of its own; those with threads last."""
    items.sort(key=lambda item: (item.nodeid.startswith(THREADED), not item.nodeid.startswith(FORKING)))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real pictures named by FACEREC_DATA; the test is skipped, and counted, where there is none."""
    folder = os.environ.get("FACEREC_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs FACEREC_DATA")
    return Path(folder)
