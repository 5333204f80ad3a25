"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from facerec.replacing import Disk, replacing


class Diary(Disk):
    """Does what is asked and remembers in which order; fails at the n-th call where told to."""

    def __init__(self, failing: int = 0):
        self.calls: list[str] = []
        self._failing = failing

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self._failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def sync(self, descriptor: int) -> None:
        self._note("sync")
        super().sync(descriptor)

    def replace(self, fresh: Path, path: Path) -> None:
        self._note("replace")
        super().replace(fresh, path)

    def sync_folder(self, folder: Path) -> None:
        self._note("sync folder")
        super().sync_folder(folder)


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


def test_content_is_on_the_disk_before_it_has_the_name_and_the_name_before_the_end(tmp_path: Path) -> None:
    disk = Diary()
    with replacing(tmp_path / "a.txt", disk) as fresh:
        fresh.write_text("new")
        assert disk.calls == []
    assert disk.calls == ["sync", "replace", "sync folder"]


@pytest.mark.parametrize("failing, left", [(1, "old"), (2, "old"), (3, "new")])
def test_a_disk_that_refuses_leaves_one_whole_file_and_is_heard(tmp_path: Path, failing: int, left: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="Input/output error"), replacing(path, Diary(failing)) as fresh:
        fresh.write_text("new")
    assert path.read_text() == left and list(tmp_path.iterdir()) == [path]


def test_a_long_content_is_written_in_as_many_calls_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:3]))
    with (tmp_path / "a").open("wb") as handle:
        Disk().write(handle.fileno(), b"more than three bytes")
    assert (tmp_path / "a").read_bytes() == b"more than three bytes"
