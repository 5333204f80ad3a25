"""What lies beside a gallery's database file: its log, snapshots, the list of erasures. A server has none of them."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection

from facerec.errors import GalleryUnusable
from facerec.gallery import erasure, loading, reads
from facerec.gallery.connect import begin_writing, connect_file, explained, is_owner, is_writable
from facerec.gallery.kept_index import KeptIndex
from facerec.gallery.loading import Loaded
from facerec.gallery.results import StoredEmbeddings
from facerec.gallery.snapshots import Snapshots

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beside:
    """The files beside the gallery in `path`; None for a gallery on a server, where there is nothing to do."""

    path: Path | None

    @classmethod
    def of(cls, place: Path | URL) -> Beside:
        """Beside a file, or beside nothing."""
        return cls(place if isinstance(place, Path) else None)

    def load(self, connection: Connection, encoder: str) -> Loaded:
        """Everybody's embeddings, by way of a snapshot where there is one to be trusted."""
        if self.path is None:
            return Loaded(reads.embeddings(connection, encoder, None), False, False)
        snapshots = Snapshots(self.path)
        snapshots.tidy()
        return loading.load(connection, snapshots, encoder)

    def snapshots(self) -> tuple[str, ...]:
        """The names of the snapshots that there are; none where the folder cannot be listed."""
        try:
            return tuple(path.name for path in Snapshots(self.path)) if self.path else ()
        except GalleryUnusable:
            return ()

    def keep(self, loaded: Loaded, is_free_of_removed: Callable[[StoredEmbeddings], bool]) -> None:
        """Bring the snapshot in line with what was loaded; what cannot be done is said and stops nobody."""
        if self.path is None or not is_writable(self.path):
            return
        snapshots = Snapshots(self.path)
        try:
            if loaded.is_to_be_discarded:
                snapshots.discard()
        except GalleryUnusable as error:
            log.warning("%s", error)
        if loaded.is_to_be_kept and self.may_be_written:
            snapshots.save(loaded.stored, lambda: is_free_of_removed(loaded.stored))

    @property
    def may_be_written(self) -> bool:
        """Is there a place for other files, and may this process write there what the gallery's owner can read?"""
        return self.path is not None and is_writable(self.path) and is_owner(self.path)

    def kept_index(self, connection: Connection, encoder: str, kind: bytes) -> KeptIndex | None:
        """The approximate index of a kind that was kept for an encoder, if everybody in it is still here."""
        if self.path is None:
            return None
        return Snapshots(self.path).kept_index(encoder, kind, partial(loading.is_free_of_removed, connection))

    def keep_index(self, kept: KeptIndex, is_free_of_removed: Callable[[KeptIndex], bool]) -> None:
        """Write an index that was built; what cannot be done is said and stops nobody."""
        if self.path is not None and self.may_be_written:
            Snapshots(self.path).save_index(kept, lambda: is_free_of_removed(kept))

    def leave_no_trace(self) -> bool:
        """Remove what was deleted from the database from the other files; False where the log had to be left."""
        if self.path is None:
            return True
        is_log_empty = self.empty_the_log()
        Snapshots(self.path).discard()
        return is_log_empty

    def empty_the_log(self) -> bool:
        """Copy SQLite's log into the file and cut it, so that what was deleted is not left in it; False where it is.

        It waits for readers at work; what they hold up is emptied when the last connection is closed.
        """
        if self.path is None:
            return True
        with explained(self.path), closing(connect_file(self.path)) as connection:
            is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy

    def write_erasures(self) -> None:
        """Bring the list outside the database up to it. Raises GalleryUnusable where it cannot be written.

        One process at a time: whoever writes it holds the database's lock for writing. Nobody may wait for that lock
        within a read: who empties the log holds it too, and waits for the reads.
        """
        if self.path is None:
            return
        half = erasure.half_written(self.path)
        try:
            with explained(self.path), closing(connect_file(self.path)) as connection:
                if _erased_in(connection) <= erasure.read_list(self.path) and not half.exists():
                    return
                begin_writing(connection)
                half.unlink(missing_ok=True)  # nobody else is writing: whoever was has been killed
                erasure.write_list(self.path, _erased_in(connection))
        except OSError as error:
            words = f"{erasure.list_beside(self.path)}: {error.strerror}"
            raise GalleryUnusable(f"the erasure is done, but its list cannot be written: {words}") from error

    def catch_up(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Finish an erasure that a process was killed in: its list may not be written, snapshots not removed.

        What cannot be done is said and stops nobody.
        """
        if self.path is None or not is_writable(self.path):
            return
        try:
            self.write_erasures()
            Snapshots(self.path).tidy()
            with reading() as connection:
                is_outdated = loading.holds_removed(connection, Snapshots(self.path))
            if is_outdated:
                Snapshots(self.path).discard()
        except GalleryUnusable as error:
            log.warning("%s", error)

    def erased(self) -> set[str]:
        """Digests of everybody erased, by the list outside the database."""
        return erasure.read_list(self.path) if self.path else set()

    def tidied(self) -> list[str]:
        """Remove what killed processes left half written; a sentence where there was any."""
        found = Snapshots(self.path).tidy() if self.path else []
        return [f"{len(found)} half-written files were removed"] if found else []

    def problems(self, connection: Connection) -> Iterator[str]:
        """What is wrong with the files beside the database, one sentence each."""
        if self.path is None:
            return
        if erasure.erased(connection) - self.erased():
            yield f"{erasure.list_beside(self.path).name} lacks erasures: `facerec doctor --repair` writes them"
        if back := erasure.returned(connection, self.erased() | erasure.erased(connection)):
            yield f"{len(back)} subjects are here who were erased: `facerec doctor --repair` removes them again"
        snapshots = Snapshots(self.path)
        for path in snapshots:
            if not loading.is_right(connection, snapshots, path):
                words = "`facerec doctor --repair` removes it, and it is made again when it is needed"
                yield f"{path.name} is no snapshot of this gallery: {words}"


def _erased_in(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT digest FROM erasure")}
