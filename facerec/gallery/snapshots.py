"""Snapshots beside a gallery's file: trusted only after every check, and never longer than anybody in them may be kept.

A snapshot saves the reading of every row at the start, or the building of an approximate index, and nothing else:
without it, or with any doubt about it, the gallery itself is read and the index is built. Only a folder's lock holder
writes or removes snapshots, so that nobody who was erased comes back by a snapshot that was begun before.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from facerec.digest import sha256
from facerec.errors import DamagedFile, GalleryUnusable
from facerec.failpoint import failpoint
from facerec.gallery.kept_index import KeptIndex, read_kept
from facerec.gallery.results import State, StoredEmbeddings
from facerec.gallery.snapshot import BLOCK, SIZE, blocks, read_header, read_payload
from facerec.replacing import DISK, Disk, part_of, put_in_place

WORTH_FROM = 50_000
"""Templates. Fewer are read from the gallery in a fifth of a second: docs/results/gallery.md. Embeddings that lie in a
second file must be erased there too, so a small gallery has none."""

WAIT = 30.0
"""Seconds that an erasure waits for another process to finish its snapshot."""

SUFFIX = ".snapshot"

log = logging.getLogger(__name__)

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of the gallery in one file: `gallery.db.<first of a digest>.snapshot`.

    There may be two of an encoder: its embeddings, and the approximate index that was built last.
    """

    gallery: Path
    disk: Disk = field(default=DISK, repr=False)

    def of(self, encoder: str) -> Path:
        """Where the embeddings of an encoder are, or would be."""
        return self.gallery.with_name(f"{self.gallery.name}.{encoder[:16]}{SUFFIX}")

    def of_index(self, encoder: str) -> Path:
        """Where the approximate index over the embeddings of an encoder is, or would be."""
        return self.of(sha256(f"index {encoder}".encode()))

    def __iter__(self) -> Iterator[Path]:
        """Every snapshot that there is. Raises GalleryUnusable where the folder cannot be listed."""
        return self._named(f"{self.gallery.name}.", SUFFIX)

    def leftovers(self) -> Iterator[Path]:
        """What killed processes left half written, and what living ones are writing now."""
        return self._named(f".{self.gallery.name}.", f"{SUFFIX}.part")

    def read(self, encoder: str, has_passed: Callable[[State], bool]) -> StoredEmbeddings | None:
        """What the snapshot of an encoder holds, without names; None where there is none that can be trusted.

        `has_passed` says whether a state is in the gallery's past.
        """
        read = partial(read_snapshot, encoder=encoder, has_passed=has_passed)
        return trusted(self.of(encoder), read, "the gallery itself is read")

    def kept_index(self, encoder: str, kind: bytes, is_trusted: Callable[[State], bool]) -> KeptIndex | None:
        """The index of a kind that was kept over the embeddings of an encoder; None where none can be trusted."""
        read = partial(read_kept, encoder=encoder, kind=kind, is_trusted=is_trusted)
        return trusted(self.of_index(encoder), read, "the index is built anew")

    def save(self, stored: StoredEmbeddings, is_wanted: Callable[[], bool]) -> bool:
        """Write embeddings; as `write`."""
        return self.write(self.of(stored.encoder), blocks(stored), is_wanted)

    def save_index(self, kept: KeptIndex, is_wanted: Callable[[], bool]) -> bool:
        """Write an index in the place of the one before; as `write`."""
        return self.write(self.of_index(kept.encoder), kept.blocks(), is_wanted)

    def write(self, path: Path, content: Iterable[bytes | memoryview], is_wanted: Callable[[], bool]) -> bool:
        """Write a file; False where another process is at it, where it is not wanted any more, or the disk refuses.

        `is_wanted` is asked once nobody else can erase: it must know of everybody who was removed until then.
        """
        try:
            with self._alone(wait=0) as alone:
                if not alone or not is_wanted():
                    return False
                self._write(path, content)
        except OSError as error:
            log.warning("%s was not written: %s", path.name, _words(error))
            return False
        return True

    def tidy(self) -> list[Path]:
        """Remove what killed processes left half written; nothing while another process is writing."""
        try:
            if not any(self.leftovers()):
                return []
            with self._alone(wait=0) as alone:
                return self._remove_leftovers() if alone else []
        except (OSError, GalleryUnusable) as error:
            log.warning("files that a killed process left beside %s remain: %s", self.gallery.name, _words(error))
            return []

    def discard(self) -> list[Path]:
        """Overwrite and remove every snapshot, since somebody in them is no longer enrolled; those that there were.

        Raises GalleryUnusable where one cannot be removed: it must be removed by hand then.
        """
        with usable(self.gallery.parent), self._alone(wait=WAIT) as alone:
            if not alone:
                raise GalleryUnusable(f"another process has been writing a snapshot of {self.gallery} for {WAIT:.0f} s")
            self._remove_leftovers()
            found = list(self)
            for path in found:
                failpoint("snapshot.before_shred")
                self._shred(path)
        return found

    def _write(self, path: Path, content: Iterable[bytes | memoryview]) -> None:
        fresh = part_of(path)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            for block in content:
                self.disk.write(descriptor, block)
                failpoint("snapshot.mid_write")
            put_in_place(fresh, descriptor, path, self.disk)
        finally:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)

    def _shred(self, path: Path) -> None:
        """Zeros over a file, header first, before its name goes."""
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                self._overwrite(path)
            path.unlink()
            self.disk.sync_folder(path.parent)
        except OSError as error:
            raise GalleryUnusable(
                f"{path} must not be kept and cannot be removed: {_words(error)}; delete it"
            ) from error

    def _overwrite(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            for block in zeros(os.fstat(descriptor).st_size):
                self.disk.write(descriptor, block)
                failpoint("snapshot.mid_shred")
            self.disk.sync(descriptor)
        finally:
            os.close(descriptor)

    def _remove_leftovers(self) -> list[Path]:
        found = list(self.leftovers())
        for path in found:
            path.unlink(missing_ok=True)
        return found

    def _named(self, start: str, end: str) -> Iterator[Path]:
        with usable(self.gallery.parent), os.scandir(self.gallery.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(start) and entry.name.endswith(end)]
        return (self.gallery.with_name(name) for name in sorted(names) if len(name) == len(start) + 16 + len(end))

    @contextmanager
    def _alone(self, wait: float) -> Iterator[bool]:
        """The folder's lock, or False where another holds it for longer than `wait` seconds. A kill lets go of it.

        It is the folder's because a lock on the gallery's own file would disturb those of SQLite.
        """
        descriptor = os.open(self.gallery.parent, os.O_RDONLY)
        try:
            yield _locked(descriptor, time.monotonic() + wait)
        finally:
            os.close(descriptor)


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the folder refuses into GalleryUnusable."""
    try:
        yield
    except OSError as error:
        words = "snapshots of the gallery may lie there, so its owner must be able to list it"
        raise GalleryUnusable(f"the folder {folder} cannot be used: {_words(error)}; {words}") from error


def trusted(path: Path, read: Callable[[BinaryIO], Content], instead: str) -> Content | None:
    """What `read` finds in a file; None where there is none, and, which is said, where it raises DamagedFile."""
    try:
        with open_plain(path) as handle:
            return read(handle)
    except FileNotFoundError:
        return None
    except (OSError, DamagedFile) as error:
        log.warning("%s is not used: %s; %s", path.name, _words(error), instead)
        return None


def read_snapshot(handle: BinaryIO, encoder: str, has_passed: Callable[[State], bool]) -> StoredEmbeddings:
    """What an open snapshot holds, without names. Raises DamagedFile unless it is whole and of this gallery's past."""
    header = read_header(handle)
    if header.encoder != encoder or not has_passed(header.state):
        raise DamagedFile("it belongs to another encoder, another gallery, or a state that this one was never in")
    ids, owners, rows = read_payload(handle, header)
    return StoredEmbeddings(header.state, encoder, ids, owners, rows, names={}, damaged=ids[:0], missing=0)


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading, and nothing that only looks like one: a pipe would wait for ever. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a file")
    return open(descriptor, "rb", buffering=0)


def zeros(length: int) -> Iterator[memoryview]:
    """As many zero bytes, in blocks; those of a header first."""
    blank = memoryview(bytes(BLOCK))
    yield blank[: min(length, SIZE)]
    for start in range(SIZE, length, BLOCK):
        yield blank[: min(BLOCK, length - start)]


def _locked(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
