"""What the gallery answers: frozen records, without a trace of the database in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facerec.metrics.operating_points import OperatingPoints
from facerec.records import Float32, Int64


@dataclass(frozen=True, slots=True)
class EnrollResult:
    """What became of the templates that were given, in the order given.

    template_ids  of the stored template, new or old
    is_new        False where the same face of the same picture was enrolled before: nothing was stored
    generation    of the gallery afterwards
    """

    template_ids: tuple[int, ...]
    is_new: tuple[bool, ...]
    generation: int

    @property
    def stored(self) -> int:
        return sum(self.is_new)

    @property
    def already_enrolled(self) -> int:
        return len(self.is_new) - sum(self.is_new)


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """How much went with a removed subject.

    is_log_empty  False where somebody was reading all the while: the database's log keeps what was deleted until the
                  last of them is done
    """

    faces: int
    templates: int
    generation: int
    is_log_empty: bool


@dataclass(frozen=True, slots=True)
class MendResult:
    """What became of one or several faces of a subject.

    subject    whose they were
    into       whose they are now; None where they were deleted
    is_gone    True where the subject had no other face and is no longer enrolled
    is_log_empty  as of RemoveResult
    """

    subject: str
    into: str | None
    faces: int
    templates: int
    is_gone: bool
    generation: int
    is_log_empty: bool = True


@dataclass(frozen=True, slots=True)
class SubjectSummary:
    """One enrolled subject, in a line."""

    name: str
    faces: int
    templates: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FaceDetail:
    """One enrolled face.

    box       x1 y1 x2 y2, pixels
    quality   field of `Quality` -> value, of those that were known
    encoders  sha256 of each encoder that has a template of it
    """

    id: int
    source: str
    image_sha256: str
    box: tuple[float, float, float, float]
    quality: dict[str, float]
    encoders: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SubjectDetail:
    """One enrolled subject with every face of it, oldest first."""

    name: str
    created_at: datetime
    faces: tuple[FaceDetail, ...]


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """The gallery in numbers.

    database   the gallery's own id, in hex: it tells one gallery from another
    schema     revision of the tables
    templates  sha256 of each encoder -> how many templates of it
    refusals   pictures that were looked at and not enrolled
    key_id     of the key that templates are encrypted with; None where they are not
    """

    database: str
    schema: str
    generation: int
    subjects: int
    faces: int
    templates: dict[str, int]
    refusals: int
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """One state of one gallery: two that are equal hold the same.

    database    the gallery's own id, in hex
    generation  how often it had changed
    mark        of the last change: a gallery restored from a backup reaches the same generation with another mark.
                None where there was no change yet
    """

    database: str
    generation: int
    mark: str | None


@dataclass(frozen=True, slots=True, eq=False)
class StoredEmbeddings:
    """Every sound template of one encoder at one state of the gallery, in id order. N may be 0.

    encoder       sha256 of the encoder, hex
    template_ids  (N,) int64, ascending
    subject_ids   (N,) int64
    rows          (N, 128) float32, unit rows
    names         subject id -> name, of the ids in `subject_ids` and no others
    damaged       (D,) int64: whose the templates are that were left out because their bytes are no unit embedding
    missing       faces that have no template of this encoder
    """

    state: State
    encoder: str
    template_ids: Int64
    subject_ids: Int64
    rows: Float32
    names: dict[int, str]
    damaged: Int64
    missing: int

    @property
    def quarantined(self) -> int:
        """Templates that were left out."""
        return len(self.damaged)

    def __len__(self) -> int:
        return len(self.template_ids)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What brings a copy of one encoder's templates from a past state of the gallery to its present one.

    touched    subjects that something was done to since: whatever the copy has of them goes first. None where nothing
               of the copy counts
    templates  the sound ones that those subjects have now; with None, those of everybody
    count      templates that there are in all, damaged ones included
    key_id     of the key that they are encrypted with in the gallery; None where they are not
    """

    touched: frozenset[int] | None
    templates: StoredEmbeddings
    count: int
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A picture that was looked at and not enrolled, remembered so that it is not looked at again.

    subject   whose picture it was meant to be
    reason    `code` of the error, such as no_face
    pipeline  what the refusal depends on, in the caller's words: the detector's digest and the rules for
              choosing a face. Another pipeline may accept the same picture.
    """

    subject: str
    source: str
    image_sha256: str
    reason: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `identify` decides by in this gallery: the share of strangers who may get a name, and the thresholds."""

    target_fpir: float
    points: OperatingPoints
