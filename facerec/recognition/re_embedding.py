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

import numpy as np

from facerec import images
from facerec.digest import sha256
from facerec.errors import BadImage
from facerec.faces.pipeline import FacePipeline
from facerec.geometry import iou
from facerec.records import Faces, Image

if TYPE_CHECKING:
    from facerec.gallery.results import FaceDetail
    from facerec.gallery.side_by_side import Lacking
    from facerec.gallery.store import Gallery

EMBEDDED, GONE, CHANGED, NOT_FOUND = "embedded", "picture_gone", "picture_changed", "face_not_found"
SAME_FACE_IOU = 0.5
"""As in the gallery: two boxes in one picture that overlap at least so much are one face."""


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

    def find(self, face: FaceDetail) -> bytes | tuple[str, str]:
        """The picture's bytes, or an outcome and a reason."""
        outcome, reason = GONE, f"{face.source} cannot be read"
        content = _content(Path(face.source))
        if content is not None:
            if sha256(content) == face.image_sha256:
                return content
            outcome, reason = CHANGED, f"{face.source} is not the picture that was enrolled"
        elsewhere = self._by_digest.get(face.image_sha256) if self.folder else None
        content = _content(elsewhere) if elsewhere else None
        if content is not None and sha256(content) == face.image_sha256:
            return content
        return outcome, reason

    @cached_property
    def _by_digest(self) -> dict[str, Path]:
        return {
            sha256(content): path
            for path in images.find(self.folder or Path())
            if (content := _content(path)) is not None
        }


class Reembedding:
    """Gives faces a template of the pipeline's encoder."""

    def __init__(self, gallery: Gallery, pipeline: FacePipeline, album: Album | None = None):
        self._gallery, self._pipeline, self._album = gallery, pipeline, album or Album()

    def lacking(self) -> Sequence[Lacking]:
        """Faces that are still to be done."""
        return self._gallery.faces_lacking(self._pipeline.embed.digest)

    def run(self, faces: Sequence[Lacking], batch: int = 32) -> Iterator[Reembedded]:
        """Do face after face, a batch a transaction; yields what became of each once its batch is stored."""
        waiting = iter(faces)
        while part := list(islice(waiting, batch)):
            looked = [self._look(one) for one in part]
            found = {one.face.id: got for one, got in zip(part, looked, strict=True) if not isinstance(got, Reembedded)}
            portraits = self._pipeline.describe(list(found.values()))
            rows = {key: one.embeddings[0] for key, one in zip(found, portraits, strict=True)}
            if rows:
                self._gallery.add_templates(self._pipeline.embed.digest, rows)
            for one, got in zip(part, looked, strict=True):
                yield got if isinstance(got, Reembedded) else _outcome(one, EMBEDDED)

    def _look(self, one: Lacking) -> tuple[Image, Faces] | Reembedded:
        found = self._album.find(one.face)
        if isinstance(found, tuple):
            return _outcome(one, *found)
        try:
            pixels = images.decode(found, name=one.face.source)
        except BadImage as error:
            return _outcome(one, error.code, str(error))
        faces = self._pipeline.detect(pixels)
        overlap = iou(faces.boxes, np.array([one.face.box], np.float32)).max(axis=1, initial=0.0)
        if not len(faces) or overlap.max() < SAME_FACE_IOU:
            return _outcome(one, NOT_FOUND, f"no face is found at the enrolled place of {one.face.source}")
        best = int(overlap.argmax())
        return pixels, faces[best : best + 1]


def _outcome(one: Lacking, outcome: str, reason: str = "") -> Reembedded:
    return Reembedded(one.subject, one.face.source, one.face.id, outcome, reason)


def _content(path: Path) -> bytes | None:
    """A file's bytes; None where there is no such file, or none that would be read as a picture."""
    try:
        return images.read_bytes(path)
    except BadImage:
        return None
