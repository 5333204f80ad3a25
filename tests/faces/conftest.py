"""Pictures and detectors that the tests of faces share."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data as pictures

from facerec.faces.mtcnn import Mtcnn
from facerec.records import Image


@pytest.fixture(scope="session")
def mtcnn() -> Mtcnn:
    """The detector as a user gets it."""
    return Mtcnn()


@pytest.fixture(scope="session")
def portrait() -> Image:
    """A public-domain portrait of one woman, (512, 512, 3); her face is about 80 pixels wide, left of centre."""
    return np.ascontiguousarray(pictures.astronaut())
