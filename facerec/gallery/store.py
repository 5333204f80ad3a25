"""The gallery: templates enrolled, looked up, removed. Each change is one transaction, durable when it returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import URL, Connection, Engine

from facerec.errors import GalleryUnusable, InvalidInput
from facerec.failpoint import failpoint
from facerec.gallery import (
    arriving,
    details,
    encryption,
    erasure,
    exchange,
    following,
    integrity,
    loading,
    mending,
    reads,
    repair,
    server_search,
    side_by_side,
    writes,
)  # fmt: skip
from facerec.gallery.again import Interrupted, again
from facerec.gallery.arriving import Arrived
from facerec.gallery.beside import Beside
from facerec.gallery.checks import (
    clean_name,
    clean_refusal,
    clean_template,
    require_calibration,
    require_digest,
    require_operating_point,
)
from facerec.gallery.connect import (
    engine_at,
    explained,
    is_writable,
    locate,
    reading,
    shown,
    target_path,
    undisturbed,
    writing,
)
from facerec.gallery.encryption import Resealed
from facerec.gallery.exchange import Arrival, Exported
from facerec.gallery.kept_index import KeptIndex
from facerec.gallery.keys import KeyRing, find_keys, require_elsewhere
from facerec.gallery.progress import Progress, silent
from facerec.gallery.results import (
    Calibration,
    Changes,
    EnrollResult,
    GalleryStats,
    MendResult,
    Refusal,
    RemoveResult,
    State,
    StoredEmbeddings,
    SubjectDetail,
    SubjectSummary,
)
from facerec.gallery.schema import REVISIONS, prepare
from facerec.gallery.vault import current_vault
from facerec.records import Candidates, Float32, Int64, OperatingPoint, Template, require_embeddings


def utc_now() -> datetime:
    """The moment, with its zone."""
    return datetime.now(UTC)


class Gallery:
    """The enrolled templates of one database. Safe to share between threads, and, in a file, across a fork.

    Every method raises GalleryUnusable, with the reason, when the database does not do what is asked.
    """

    def __init__(self, place: Path | URL, engine: Engine, now: Callable[[], datetime] = utc_now):
        self._place = place
        self._engine = engine
        self._now = now
        self._beside = Beside.of(place)

    @classmethod
    def open(cls, where: str | Path, create: bool = True, now: Callable[[], datetime] = utc_now) -> Gallery:
        """See `facerec.gallery.open_gallery`. `now` is the clock that rows are dated by."""
        place = locate(where)
        prepare(place, create)
        opened = cls(place, engine_at(place), now)
        opened.look_again()
        opened._beside.catch_up(opened._read)
        return opened

    @property
    def url(self) -> URL:
        """Where the gallery is on a server. Raises InvalidInput for one in a file."""
        if isinstance(self._place, Path):
            raise InvalidInput(f"{self} is a file: this is for galleries on a server")
        return self._place

    def __str__(self) -> str:
        return shown(self._place)

    def look_again(self) -> None:
        """Find out whether templates are encrypted, and with which key.

        Raises GalleryUnusable without that key, and InvalidInput where it lies beside the gallery.
        """
        with self._read() as connection:
            vault = encryption.vault_at(connection, self._keys)
        self._engine.update_execution_options(vault=vault)

    def close(self) -> None:
        """Let go of the server's connections; a file holds none between two calls."""
        self._engine.dispose()

    @again
    def enroll(self, templates: Sequence[Template]) -> EnrollResult:
        """Store templates, all or none; the same face of the same picture again is reported and not stored.

        Raises InvalidInput when one of them cannot be stored.
        """
        cleaned = [clean_template(template) for template in templates]
        with self._write() as write:
            stored = [writes.store_template(write, template) for template in cleaned]
            new = Counter(one.subject_id for one in stored if one.is_new)
            for subject_id, number in new.items():
                write.record("enroll", subject_id, number)
        return EnrollResult(
            template_ids=tuple(one.template_id for one in stored),
            is_new=tuple(one.is_new for one in stored),
            generation=write.generation if new else write.generation - 1,
        )

    @again
    def faces_lacking(self, encoder: str) -> tuple[side_by_side.Lacking, ...]:
        """Every face without a template of an encoder, and whose it is, oldest first."""
        with self._read() as connection:
            return side_by_side.lacking(connection, encoder)

    @again
    def add_templates(self, encoder: str, embeddings: Mapping[int, Float32]) -> int:
        """Store the embedding (128,) by an encoder of each face, by its id, that is there and has none; how many were.

        Raises InvalidInput for what is no unit embedding.
        """
        require_digest("encoder", encoder)
        require_embeddings(np.stack(list(embeddings.values())))
        with self._write() as write:
            return side_by_side.add(write, encoder, embeddings)

    @again
    def remove(self, subject: str) -> RemoveResult:
        """Delete a subject with faces, templates and refusals, and overwrite their bytes. Raises NotEnrolled."""
        with self._write() as write:
            faces, templates = writes.remove_subject(write, clean_name(subject))
        return RemoveResult(faces, templates, write.generation, self._beside.leave_no_trace())

    @again
    def forget(self, subject: str) -> RemoveResult:
        """As `remove`, and for good: no backup or export that still holds the subject brings it back.

        Raises NotEnrolled. A person enrolled again later is another subject, whatever the name.
        """
        with self._write() as write:
            faces, templates = erasure.forget_subject(write, clean_name(subject))
        self._beside.write_erasures()
        return RemoveResult(faces, templates, write.generation, self._beside.leave_no_trace())

    @again
    def rename(self, old: str, new: str) -> None:
        """Give a subject another name. Raises NotEnrolled, and InvalidInput when the new name is taken."""
        with self._write() as write:
            writes.rename_subject(write, clean_name(old), clean_name(new))
        self._beside.empty_the_log()

    @again
    def forget_face(self, face_id: int) -> MendResult:
        """Delete one face with its templates, and overwrite their bytes; its subject goes with its last face.

        Raises InvalidInput where there is no such face.
        """
        with self._write() as write:
            mended = mending.forget_face(write, face_id)
        return replace(mended, is_log_empty=self._beside.leave_no_trace())

    @again
    def move_face(self, face_id: int, subject: str) -> MendResult:
        """Give one face to another subject, enrolled or new. Raises InvalidInput where there is no such face."""
        with self._write() as write:
            mended = mending.move_face(write, face_id, clean_name(subject))
        return replace(mended, is_log_empty=self._beside.leave_no_trace())

    @again
    def merge(self, subject: str, into: str) -> MendResult:
        """Give all faces of one subject to another. Raises NotEnrolled, and InvalidInput for one subject twice."""
        with self._write() as write:
            mended = mending.merge(write, clean_name(subject), clean_name(into))
        return replace(mended, is_log_empty=self._beside.leave_no_trace())

    @again
    def uids(self) -> dict[str, str]:
        """Every subject's uid, which copies and exports keep, -> its name."""
        with self._read() as connection:
            return arriving.uids(connection)

    @again
    def take_in(self, arrivals: Sequence[Arrival]) -> Arrived:
        """Store people of an export, all of these or none; see `facerec.gallery.arriving.take_all_in`."""
        with self._write() as write:
            return arriving.take_in(write, arrivals)

    @again
    def export(self, target: Path, progress: Progress = silent) -> Exported:
        """Write everybody into a file of JSON lines, as of one moment; see `facerec.gallery.exchange`."""
        path = target_path(target, self._place, "export")
        with self._read() as connection:
            return exchange.export(connection, path, progress)

    @again
    def remember_refusals(self, refusals: Sequence[Refusal]) -> int:
        """Remember pictures that were looked at and not enrolled; how many of them were not known."""
        cleaned = [clean_refusal(refusal) for refusal in refusals]
        with self._write() as write:
            new = sum(writes.store_refusal(write, refusal) for refusal in cleaned)
            if new:
                write.record("refuse")
        return new

    @again
    def save_operating_point(self, point: OperatingPoint) -> None:
        """Store a measured threshold; it is in use from now on."""
        require_operating_point(point)
        with self._write() as write:
            writes.store_operating_point(write, point)

    @again
    def save_calibration(self, encoder: str, calibration: Calibration) -> None:
        """Store thresholds for searches; they are in use from now on. Raises InvalidInput for one that says nothing."""
        require_calibration(encoder, calibration)
        with self._write() as write:
            writes.store_calibration(write, encoder, calibration)

    @again
    def save_setting(self, name: str, value: str) -> None:
        """Store what was chosen under a name; it is in use from now on, and the one before can be read still."""
        with self._write() as write:
            writes.store_setting(write, name, value)

    @again
    def setting(self, name: str, before: int = 0) -> str | None:
        """What was chosen under a name; with `before`, so many choices back. None where nothing was."""
        with self._read() as connection:
            return reads.setting(connection, name, before)

    @again
    def encrypt(self, progress: Progress = silent) -> Resealed:
        """Encrypt every template from now on, with the newest key at hand; the gallery's files keep nothing plain.

        Unless somebody reads all the while: the answer then says that the log is left.
        One transaction: others wait for it to write. Raises InvalidInput where it is encrypted already, and
        GalleryUnusable where there is no key.
        """
        ring = self._keys()
        with self._write() as write:
            done = encryption.encrypt(write, ring.newest, progress)
        self.look_again()
        return replace(done, is_log_empty=self._beside.leave_no_trace())

    def rotate_key(self, progress: Progress = silent) -> Resealed:
        """Encrypt every template with the newest key at hand. What was stopped is gone on with by calling it again."""
        ring = self._keys()
        self.look_again()
        done = encryption.rotate(self._write_with_any_key, ring, progress)
        self.look_again()
        return replace(done, is_log_empty=self._beside.leave_no_trace())

    @again
    def subjects(self) -> list[SubjectSummary]:
        """Everybody enrolled, by name."""
        with self._read() as connection:
            return reads.subjects(connection)

    @again
    def show(self, subject: str) -> SubjectDetail:
        """One subject with each of its faces. Raises NotEnrolled."""
        with self._read() as connection:
            return reads.show(connection, clean_name(subject))

    @again
    def stats(self) -> GalleryStats:
        """The gallery in numbers."""
        with self._read() as connection:
            return reads.stats(connection, REVISIONS[-1])

    def snapshots(self) -> tuple[str, ...]:
        """The names of the snapshots that lie beside the gallery's file; it takes no look into them."""
        return self._beside.snapshots()

    @again
    def generation(self) -> int:
        """How often the gallery has changed."""
        with self._read() as connection:
            return reads.generation(connection)

    @again
    def state(self) -> State:
        """Which state of which gallery this is: an index made at another one is stale."""
        with self._read() as connection:
            return reads.state(connection)

    @again
    def embeddings(self, encoder: str, subject: str | None = None) -> StoredEmbeddings:
        """The templates made by one encoder, of everybody or of one subject. Raises NotEnrolled."""
        with self._read() as connection:
            return reads.embeddings(connection, encoder, None if subject is None else clean_name(subject))

    @again
    def faces(self, encoder: str) -> details.EnrolledFaces:
        """Every sound template of one encoder with the face that it was made of."""
        with self._read() as connection:
            return details.enrolled_faces(connection, encoder)

    @again
    def load(self, encoder: str) -> StoredEmbeddings:
        """As `embeddings` of everybody; where there are many, by way of a snapshot beside the gallery's file."""
        with self._read() as connection:
            loaded = self._beside.load(connection, encoder)
        self._beside.keep(loaded, self._is_free_of_removed)
        return loaded.stored

    @again
    def may_keep_index(self) -> bool:
        """May an approximate index lie beside the gallery's file? Not where it is encrypted, or on a server."""
        with self._read() as connection:
            return self._beside.may_be_written and not reads.key_id(connection)

    @again
    def kept_index(self, encoder: str, kind: bytes) -> KeptIndex | None:
        """The approximate index that was kept beside the gallery's file; None where none can be trusted."""
        with self._read() as connection:
            return self._beside.kept_index(connection, encoder, kind)

    def keep_index(self, kept: KeptIndex) -> None:
        """Keep an approximate index beside the gallery's file, unless somebody in it has left since it was built."""
        self._beside.keep_index(kept, self._is_free_of_removed)

    @again
    def changes(self, encoder: str, past: State) -> Changes:
        """What brings a copy of the templates from a past state to the present; see `Changes`."""
        with self._read() as connection:
            return following.changes(connection, encoder, past)

    @again
    def owners(self, templates: Sequence[int]) -> dict[int, tuple[int, str]]:
        """Template id -> its subject's id and name, of those that are enrolled."""
        with self._read() as connection:
            return following.owners(connection, templates)

    @again
    def rows_of(self, encoder: str, templates: Int64) -> tuple[Int64, Float32]:
        """Of these templates (N,) those of the encoder that are enrolled: ids (M,) in order, embeddings (M, 128)."""
        with self._read() as connection:
            return following.rows_of(connection, encoder, templates)

    @again
    def search_in_server(self, encoder: str, probes: Float32, k: int, exact: bool = True) -> Candidates:
        """The k best templates per probe, found by PostgreSQL; see `facerec.gallery.server_search`."""
        with self._read() as connection:
            return server_search.search_templates(connection, encoder, probes, k, exact)

    @again
    def enrolled_images(self, encoder: str) -> set[str]:
        """sha256 of the pictures that this encoder has a template of."""
        with self._read() as connection:
            return reads.enrolled_images(connection, encoder)

    @again
    def images_of(self, encoder: str, subjects: Collection[str]) -> dict[str, set[str]]:
        """Name as it is stored -> sha256 of the pictures of that subject that this encoder has a template of.

        Nothing of whoever is not enrolled. Raises InvalidInput for what is no name.
        """
        names = {clean_name(subject) for subject in subjects}
        with self._read() as connection:
            return reads.images_of(connection, encoder, names)

    @again
    def refused_images(self, pipeline: str) -> dict[tuple[str, str], str]:
        """Subject and sha256 of the pictures that this pipeline refused -> the reason."""
        with self._read() as connection:
            return reads.refused_images(connection, pipeline)

    @again
    def operating_point(self, encoder: str) -> OperatingPoint | None:
        """The threshold in use for an encoder; None when none was measured."""
        with self._read() as connection:
            return reads.operating_point(connection, encoder)

    @again
    def calibration(self, encoder: str) -> Calibration | None:
        """The thresholds in use for searches with an encoder; None where this gallery has none of its own."""
        with self._read() as connection:
            return reads.calibration(connection, encoder)

    @again
    def problems(self) -> list[str]:
        """What is wrong with the gallery, one sentence each. Reads every row, and every snapshot."""
        with self._read() as connection:
            return [*integrity.problems(connection), *self._beside.problems(connection)]

    @again
    def repair(self) -> list[str]:
        """Put right what can be without a backup or the pictures; what was done, one sentence each.

        Raises GalleryUnusable where the file itself is damaged.
        """
        with self._write() as write:
            done = repair.repaired(write, self._beside.erased())
        self._beside.write_erasures()
        done += self._beside.tidied()
        removed: tuple[str, ...] = ()
        if done or self.problems():
            removed = self.snapshots()
            self._beside.leave_no_trace()
        with self._read() as connection:
            encoders = list(reads.stats(connection, REVISIONS[-1]).templates)
        for encoder in encoders:
            self.load(encoder)
        there = self.snapshots()
        return done + [f"{name} was removed{' and written again' if name in there else ''}" for name in removed]

    def _keys(self) -> KeyRing:
        """The keys at hand. Raises InvalidInput where they lie beside the gallery."""
        ring = find_keys()
        if ring.keys and ring.path and isinstance(self._place, Path):
            require_elsewhere(ring.path, self._place)
        return ring

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with explained(self._place), undisturbed(self._place), reading(self._engine) as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[writes.Write]:
        if not is_writable(self._place):
            raise GalleryUnusable(f"the gallery {self} cannot be written: the file or its folder is read-only")
        ending: writes.Write | None = None
        try:
            with explained(self._place), writing(self._engine) as connection:
                write = writes.Write.begin(connection, self._now())
                current_vault(connection)
                yield write
                failpoint("write.before_commit")
                ending = write
        except Interrupted:
            if ending is None or not self._is_done(ending):
                raise
        failpoint("write.after_commit")

    def _is_done(self, write: writes.Write) -> bool:
        """Was a change stored whose commit was never answered? Its mark says so."""
        with self._read() as connection:
            state = replace(reads.state(connection), generation=write.generation, mark=write.mark)
            return reads.has_passed(connection, state)

    @contextmanager
    def _write_with_any_key(self) -> Iterator[writes.Write]:
        """As `_write`, for whoever changes the key that is written with."""
        self.look_again()
        with self._write() as write:
            yield write

    def _is_free_of_removed(self, stored: StoredEmbeddings | KeptIndex) -> bool:
        with self._read() as connection:
            return loading.is_free_of_removed(connection, stored.state)
