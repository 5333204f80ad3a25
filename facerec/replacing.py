"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facerec.failpoint import failpoint


class Disk:
    """The calls that put a file on a disk for good; a test gives one that fails, forgets, or remembers their order."""

    def write(self, descriptor: int, content: bytes | memoryview) -> None:
        """All of it."""
        rest = memoryview(content).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Come back when what was written is on the disk."""
        os.fsync(descriptor)

    def replace(self, fresh: Path, path: Path) -> None:
        """Give `fresh` the name of `path`, in one step."""
        os.replace(fresh, path)

    def sync_folder(self, folder: Path) -> None:
        """Come back when the names in a folder are on the disk; nothing to do where a folder cannot be opened."""
        if not hasattr(os, "O_DIRECTORY"):
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


DISK = Disk()


@contextmanager
def replacing(path: Path, disk: Disk = DISK) -> Iterator[Path]:
    """A name beside `path` to write to; when the block ends well, that file is flushed to disk and takes path's place.

    When it does not, the old file stays as it was. The folder is made where it is missing. One writer at a time: what a
    killed one left half written is written over by the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = part_of(path)
    try:
        yield fresh
        with fresh.open("rb") as handle:
            put_in_place(fresh, handle.fileno(), path, disk)
    finally:
        fresh.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """The name beside `path` under which it is written."""
    return path.with_name(f".{path.name}.part")


def put_in_place(fresh: Path, descriptor: int, path: Path, disk: Disk = DISK) -> None:
    """Flush a written file, give it its name and flush the folder: after a power cut there is the old file or the new.

    Raises OSError where the disk refuses; a file whose flushing failed may be incomplete, and never takes a name.
    """
    disk.sync(descriptor)
    failpoint("replacing.before_replace")
    disk.replace(fresh, path)
    failpoint("replacing.after_replace")
    disk.sync_folder(path.parent)
