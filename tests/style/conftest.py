"""Small pictures to paint."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from facerec import images
from facerec.records import Image


@pytest.fixture(scope="session")
def photo() -> Image:
    """A cup of coffee, (40, 60, 3)."""
    return images.resize(data.coffee(), (40, 60))


@pytest.fixture(scope="session")
def texture() -> Image:
    """Bricks, tinted, (48, 48, 3)."""
    grey = images.resize(np.repeat(data.brick()[..., None], 3, axis=2), (48, 48))
    return np.asarray(grey * np.array([1.0, 0.7, 0.4]), np.uint8)
