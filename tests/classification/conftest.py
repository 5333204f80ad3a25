"""What the tests of classifiers share."""

from tests.cnn.networks.conftest import one_thread

__all__ = ["one_thread"]
