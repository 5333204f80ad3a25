"""Faces that are enrolled get a template of another encoder as well, from the pictures that they were enrolled from.

Only pictures with the digest that was enrolled are looked at, and only the face at the place that was enrolled. What is
there already is passed over, so a run that was stopped is gone on with by starting it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from facerec import images
from facerec.digest import sha256
from facerec.errors import BadImage
from facerec.faces.pipeline import Portraits
from facerec.recognition.looking import Looker, Refused, Seen, in_order
from facerec.recognition.picture import Picture

if TYPE_CHECKING:
    from facerec.gallery.results import FaceDetail
    from facerec.gallery.side_by_side import Lacking
    from facerec.gallery.store import Gallery

EMBEDDED, GONE, CHANGED = "embedded", "picture_gone", "picture_changed"
"""Outcomes; a picture that is there may also be refused by what looks at it."""


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What became of one enrolled face: outcome and, where there is no template, the reason."""

    subject: str
    source: str
    face: int
    outcome: str
    reason: str = ""


class Album:
    """Where the pictures are: at the paths that they were enrolled from, or anywhere in a folder, by their digest."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder

    def find(self, face: FaceDetail) -> Picture | Refused:
        """The picture, or why there is none."""
        from_here = "" if Path(face.source).is_absolute() else " from this folder"
        outcome, reason = GONE, f"{face.source} cannot be read{from_here}"
        content = _content(Path(face.source))
        if content is not None:
            if sha256(content) == face.image_sha256:
                return _picture(face, content)
            outcome, reason = CHANGED, f"{face.source} is not the picture that was enrolled"
        elsewhere = self._by_digest.get(face.image_sha256) if self.folder else None
        content = _content(elsewhere) if elsewhere else None
        if content is not None and sha256(content) == face.image_sha256:
            return _picture(face, content)
        return Refused(outcome, reason)

    @cached_property
    def _by_digest(self) -> dict[str, Path]:
        return {
            sha256(content): path
            for path in images.find(self.folder or Path())
            if (content := _content(path)) is not None
        }


class Reembedding:
    """Gives faces a template of another encoder, the one that a looker embeds with."""

    def __init__(self, gallery: Gallery, encoder: str, looker: Looker, album: Album | None = None):
        self._gallery, self._encoder, self._looker, self._album = gallery, encoder, looker, album or Album()

    def run(self, faces: Sequence[Lacking], batch: int = 32) -> Iterator[Reembedded]:
        """Do face after face, a batch a transaction; yields what became of each once its batch is stored."""
        waiting = iter(faces)
        parts = iter(lambda: list(islice(waiting, batch)), [])
        for opened, seen in in_order(self._looker, map(self._opened, parts)):
            yield from self._finish(opened, seen)

    def _opened(self, part: Sequence[Lacking]) -> tuple[list[tuple[Lacking, Picture | Refused]], list[Picture]]:
        """A batch with its pictures, or why there is none, and those that are to be looked at."""
        opened = [(one, self._album.find(one.face)) for one in part]
        return opened, [picture for _, picture in opened if isinstance(picture, Picture)]

    def _finish(self, opened: Sequence[tuple[Lacking, Picture | Refused]], seen: Sequence[Seen]) -> list[Reembedded]:
        answers = iter(seen)
        done = [(one, what if isinstance(what, Refused) else next(answers)) for one, what in opened]
        rows = {one.face.id: what.embeddings[0] for one, what in done if isinstance(what, Portraits)}
        if rows:
            self._gallery.add_templates(self._encoder, rows)
        return [_became(one, what) for one, what in done]


def _became(one: Lacking, what: Seen) -> Reembedded:
    outcome, reason = (what.code, what.reason) if isinstance(what, Refused) else (EMBEDDED, "")
    return Reembedded(one.subject, one.face.source, one.face.id, outcome, reason)


def _picture(face: FaceDetail, content: bytes) -> Picture:
    """What is to be looked at: the face at the place that was enrolled, and no other."""
    x1, y1, x2, y2 = face.box
    return Picture(face.source, face.image_sha256, content, (x1, y1, x2, y2))


def _content(path: Path) -> bytes | None:
    """A file's bytes; None where there is no such file, or none that would be read as a picture."""
    try:
        return images.read_bytes(path)
    except BadImage:
        return None
