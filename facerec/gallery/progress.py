"""How far something has come, told to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much is done, of how much."""


def silent(done: int, total: int) -> None:
    """Say nothing."""
