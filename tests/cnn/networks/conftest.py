"""What the tests of the networks share."""

from collections.abc import Iterator

import pytest
import torch

from tests.cnn.networks.pictures import china_and_flower


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small inputs run no faster on several threads, and waiting threads take the processor from others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pictures() -> torch.Tensor:
    """scikit-learn's china and flower, in -1..1: (2, 3, 427, 640)."""
    return china_and_flower()
