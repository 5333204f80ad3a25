"""Pictures of subjects become templates in the gallery: a batch at a time, each batch one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from facerec import images
from facerec.errors import (
    BadImage,
    FacerecError,
    ImageTooLarge,
    InvalidInput,
    ManyFaces,
    NoFace,
    UnsupportedFormat,
)
from facerec.faces.pipeline import FacePipeline, Portraits
from facerec.recognition.choice import choice_named
from facerec.recognition.picture import Picture, Source, name_of, read_picture
from facerec.records import Faces, Image, Template

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

Sample = tuple[str, Source]
"""A subject and a picture of theirs."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What became of one picture.

    outcome  enrolled, already_enrolled, or the `code` of the error that refused it
    reason   why it was refused; empty where it was not
    """

    subject: str
    source: str
    outcome: str
    reason: str = ""

    @property
    def is_refused(self) -> bool:
        return self.outcome not in ("enrolled", "already_enrolled")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A picture with its one meant face, before it has an embedding."""

    subject: str
    picture: Picture
    pixels: Image
    face: Faces


class Enroller:
    """Enrolls through one pipeline and one rule for choosing a face.

    `detector` and `face` name what a refusal depends on: another detector or rule looks at a refused picture again.
    """

    def __init__(self, gallery: Gallery, pipeline: FacePipeline, detector: str, face: str):
        self._gallery, self._pipeline = gallery, pipeline
        self._choose, self._rules = choice_named(face), f"{detector} {face}"[:200]
        self._known: dict[str, set[str]] = {}
        self._refused = gallery.refused_images(self._rules)

    def run(self, samples: Iterable[Sample], batch: int) -> Iterator[Enrollment]:
        """Enroll sample after sample; yields what became of each once its batch is stored."""
        waiting = iter(samples)
        while part := list(islice(waiting, batch)):
            yield from self._enroll(part)

    def _enroll(self, samples: Sequence[Sample]) -> list[Enrollment]:
        looked = [self._look(subject, source) for subject, source in samples]
        found = [one for one in looked if isinstance(one, Found)]
        portraits = self._pipeline.describe([(one.pixels, one.face) for one in found])
        encoder = self._pipeline.embed.digest
        templates = [template(one, portrait, encoder) for one, portrait in zip(found, portraits, strict=True)]
        is_new = iter(self._gallery.enroll(templates).is_new if templates else ())
        for one in found:
            self._images_of(one.subject).add(one.picture.digest)
        return [one if isinstance(one, Enrollment) else enrolled(one, next(is_new)) for one in looked]

    def _look(self, subject: str, source: Source) -> Found | Enrollment:
        """Find the meant face of a picture, or say why there is nothing to do."""
        try:
            picture = read_picture(source)
            known = self._images_of(subject)
        except (BadImage, InvalidInput) as error:  # nothing to remember: no digest, or no name to file it under
            return Enrollment(subject, name_of(source), error.code, str(error))
        if picture.digest in known:
            return Enrollment(subject, picture.name, "already_enrolled")
        if reason := self._refused.get(picture.digest):
            return Enrollment(
                subject,
                picture.name,
                reason,
                "refused by an earlier run with this detector and --face; nothing new was looked at",
            )
        try:
            pixels = picture.decode()
            face = self._choose(self._pipeline.detect(pixels), pixels.shape, picture.name)
        except (BadImage, NoFace, ManyFaces) as error:
            return self._refuse(subject, picture, error)
        return Found(subject, picture, pixels, face)

    def _images_of(self, subject: str) -> set[str]:
        """sha256 of the pictures of a subject that have a template of this encoder."""
        if subject not in self._known:
            self._known[subject] = self._gallery.enrolled_images(self._pipeline.embed.digest, subject)
        return self._known[subject]

    def _refuse(self, subject: str, picture: Picture, error: FacerecError) -> Enrollment:
        """Remember the picture, unless its refusal depends on what is installed and on limits that may change."""
        from facerec.gallery.results import Refusal

        if isinstance(error, UnsupportedFormat | ImageTooLarge):
            return Enrollment(subject, picture.name, error.code, str(error))
        refusal = Refusal(subject, picture.name, picture.digest, error.code, self._rules)
        self._gallery.remember_refusals([refusal])
        self._refused[picture.digest] = error.code
        return Enrollment(subject, picture.name, error.code, str(error))


def enrolled(found: Found, is_new: bool) -> Enrollment:
    """What became of a picture whose template is stored."""
    return Enrollment(found.subject, found.picture.name, "enrolled" if is_new else "already_enrolled")


def template(found: Found, portrait: Portraits, encoder: str) -> Template:
    """What is stored of a picture's one face."""
    x1, y1, x2, y2 = portrait.faces.boxes[0].tolist()
    quality = {name: float(values[0]) for name, values in asdict(portrait.quality).items()}
    return Template(
        found.subject, found.picture.name, found.picture.digest, (x1, y1, x2, y2), quality, encoder,
        portrait.embeddings[0],
    )  # fmt: skip


def folder_samples(folder: Path) -> list[Sample]:
    """(subject, picture) of a folder that holds one folder per subject, in order of path.

    Raises InvalidInput where there is no such picture.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder: give one that holds a folder per subject")
    found: list[Sample] = [
        (path.relative_to(folder).parts[0], path) for path in images.find(folder) if path.parent != folder
    ]
    if not found:
        raise InvalidInput(f"no pictures in {folder}: it must hold one folder per subject, with pictures in each")
    return found
