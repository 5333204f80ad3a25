"""A file is replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from facerec.replacing import replacing


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a.txt"
    for content in ("old", "new"):
        with replacing(path) as fresh:
            fresh.write_text(content)
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_a_failure_while_writing_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as fresh:
        fresh.write_text("half of the ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
