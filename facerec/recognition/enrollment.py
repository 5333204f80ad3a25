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
    LowQuality,
    ManyFaces,
    NoFace,
    Unfit,
    UnsupportedFormat,
)
from facerec.faces.gate import Gate
from facerec.faces.pipeline import FacePipeline, Portraits
from facerec.recognition.admission import Admission
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
    """Enrolls through one pipeline and one rule for choosing a face; what `gate` or `admission` refuse stays out.

    `detector`, `face` and `gate` name what a refusal depends on: another of them looks at a refused picture again.
    """

    def __init__(
        self, gallery: Gallery, pipeline: FacePipeline, detector: str, face: str, gate: Gate | None = None,
        admission: Admission | None = None,
    ):  # fmt: skip
        self._gallery, self._pipeline, self._gate, self._admission = gallery, pipeline, gate, admission
        self._choose, self._rules = choice_named(face), f"{gate or 'no gate'} {face} {detector}"[:200]
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
        done = iter(self._store(found, templates))
        return [one if isinstance(one, Enrollment) else next(done) for one in looked]

    def _store(self, found: Sequence[Found], templates: Sequence[Template]) -> list[Enrollment]:
        """Store what may be stored, and say what became of each."""
        verdicts = self._verdicts(found, templates)
        fit = [one for one, verdict in zip(templates, verdicts, strict=True) if verdict is None]
        is_new = iter(self._gallery.enroll(fit).is_new if fit else ())
        done = []
        for one, verdict in zip(found, verdicts, strict=True):
            if verdict is None:
                self._images_of(one.subject).add(one.picture.digest)
                done.append(enrolled(one, next(is_new)))
            elif isinstance(verdict, LowQuality):
                done.append(self._refuse(one.subject, one.picture, verdict))
            else:  # that depends on who is enrolled, and may change
                done.append(Enrollment(one.subject, one.picture.name, verdict.code, str(verdict)))
        return done

    def _verdicts(self, found: Sequence[Found], templates: Sequence[Template]) -> list[Unfit | None]:
        """Why each face must not be stored; None where it may."""
        verdicts = [self._too_poor(one, template) for one, template in zip(found, templates, strict=True)]
        good = [template for template, verdict in zip(templates, verdicts, strict=True) if verdict is None]
        judged = iter(self._admission.judge(good) if self._admission and good else [None] * len(good))
        return [next(judged) if verdict is None else verdict for verdict in verdicts]

    def _too_poor(self, found: Found, template: Template) -> Unfit | None:
        try:
            if self._gate:
                self._gate.require(found.picture.name, template.quality)
        except LowQuality as poor:
            return poor
        return None

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
                "refused by an earlier run with this detector, --face and limits of quality; nothing new was looked at",
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
