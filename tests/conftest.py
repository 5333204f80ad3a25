"""What every test may ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real pictures named by FACEREC_DATA; the test is skipped, and counted, where there is none."""
    folder = os.environ.get("FACEREC_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs FACEREC_DATA")
    return Path(folder)
