"""Pictures of subjects become templates in the gallery: a batch at a time, each batch one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from facerec import images
from facerec.digest import sha256
from facerec.errors import (
    BadImage,
    Conflict,
    ImageTooLarge,
    InvalidInput,
    LowQuality,
    Unfit,
    UnlikeOthers,
    UnsupportedFormat,
)
from facerec.faces.gate import Gate
from facerec.faces.pipeline import Portraits
from facerec.gallery.checks import clean_name
from facerec.recognition.admission import Admission
from facerec.recognition.looking import Looker, Refused, Seen, in_order
from facerec.recognition.picture import Picture, Source, name_of, read_picture
from facerec.records import Template

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

PASSING = {UnsupportedFormat.code, ImageTooLarge.code}
"""Refusals that another installation, or other limits, may take back."""

BY_OTHERS = frozenset({Conflict.code, UnlikeOthers.code})
"""Refusals that depend on who else is enrolled."""

EARLIER = "refused by an earlier run with this detector, --face and limits of quality; nothing new was looked at"
AGAIN = (
    "refused by an earlier run, by the looks of those enrolled then: `facerec precompute DIR --look-again` and "
    "`facerec enroll NAME PHOTO` look again"
)

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


class Opened(NamedTuple):
    """A picture that has been read, and whose it is."""

    subject: str
    picture: Picture


class Enroller:
    """Enrolls what a looker sees; what `gate` or `admission` refuse stays out.

    `rules` name what a refusal depends on: with others a refused picture is looked at again. So is, here and now, one
    that was refused for a reason in `look_again`.
    """

    def __init__(
        self, gallery: Gallery, looker: Looker, encoder: str, rules: str, gate: Gate | None = None,
        admission: Admission | None = None, look_again: Collection[str] = (),
    ):  # fmt: skip
        self._gallery, self._looker, self._gate, self._admission = gallery, looker, gate, admission
        self._encoder, self._rules = encoder, stored_rules(f"{gate or 'no gate'} {rules}")
        self._known: dict[str, set[str]] = {}
        earlier = gallery.refused_images(self._rules).items()
        self._refused = {picture: reason for picture, reason in earlier if reason not in look_again}

    def run(self, samples: Iterable[Sample], batch: int) -> Iterator[Enrollment]:
        """Enroll sample after sample; yields what became of each once its batch is stored.

        Batches are stored in the order given, however many are looked at meanwhile.
        """
        waiting = iter(samples)
        parts = iter(lambda: list(islice(waiting, batch)), [])
        for opened, seen in in_order(self._looker, map(self._opened, parts)):
            yield from self._finish(opened, seen)

    def _opened(self, part: Sequence[Sample]) -> tuple[list[Opened | Enrollment], list[Picture]]:
        """A batch that has been read, and the pictures of it that are to be looked at."""
        self._ask_about(subject for subject, _ in part)
        opened = [self._open(subject, source) for subject, source in part]
        return opened, [one.picture for one in opened if isinstance(one, Opened)]

    def _finish(self, opened: Sequence[Opened | Enrollment], answers: Sequence[Seen]) -> list[Enrollment]:
        new = [one for one in opened if isinstance(one, Opened)]
        seen = list(zip(new, answers, strict=True))
        found = [(one, what) for one, what in seen if isinstance(what, Portraits)]
        refused = [(one, what) for one, what in seen if isinstance(what, Refused)]
        stored = self._store(found)
        refused += [(one, what) for (one, _), what in zip(found, stored, strict=True) if isinstance(what, Refused)]
        self._remember(refused)
        became = iter(stored)
        done = iter([what if isinstance(what, Refused) else next(became) for _, what in seen])
        return [one if isinstance(one, Enrollment) else _became(one, next(done)) for one in opened]

    def _store(self, found: Sequence[tuple[Opened, Portraits]]) -> list[Refused | Enrollment]:
        """Store what may be stored, and say what became of each."""
        templates = [template(one, portrait, self._encoder) for one, portrait in found]
        verdicts = self._verdicts(templates)
        fit = [one for one, verdict in zip(templates, verdicts, strict=True) if verdict is None]
        is_new = iter(self._gallery.enroll(fit).is_new if fit else ())
        done: list[Refused | Enrollment] = []
        for (one, _), verdict in zip(found, verdicts, strict=True):
            if verdict is None:
                self._images_of(one.subject).add(one.picture.digest)
                done.append(enrolled(one, next(is_new)))
            else:
                done.append(Refused.by(verdict))
        return done

    def _verdicts(self, templates: Sequence[Template]) -> list[Unfit | None]:
        """Why each face must not be stored; None where it may."""
        verdicts = [self._too_poor(template) for template in templates]
        good = [template for template, verdict in zip(templates, verdicts, strict=True) if verdict is None]
        judged = iter(self._admission.judge(good) if self._admission and good else [None] * len(good))
        return [next(judged) if verdict is None else verdict for verdict in verdicts]

    def _too_poor(self, template: Template) -> Unfit | None:
        try:
            if self._gate:
                self._gate.require(template.source, template.quality)
        except LowQuality as poor:
            return poor
        return None

    def _open(self, subject: str, source: Source) -> Opened | Enrollment:
        """Read a picture, or say why there is nothing to do."""
        try:
            picture = read_picture(source)
            known = self._images_of(subject)
        except (BadImage, InvalidInput) as error:  # nothing to remember: no digest, or no name to file it under
            return Enrollment(subject, name_of(source), error.code, str(error))
        if picture.digest in known:
            return Enrollment(subject, picture.name, "already_enrolled")
        if reason := self._refused.get((clean_name(subject), picture.digest)):
            return Enrollment(subject, picture.name, reason, AGAIN if reason in BY_OTHERS else EARLIER)
        return Opened(subject, picture)

    def _images_of(self, subject: str) -> set[str]:
        """sha256 of the pictures of a subject that have a template of this encoder."""
        return self._known[clean_name(subject)]

    def _ask_about(self, subjects: Iterable[str]) -> None:
        """Learn of all who were not asked about yet, at once, what `_images_of` answers."""
        new = {name for name in map(name_or_none, subjects) if name is not None} - self._known.keys()
        if new:
            self._known |= self._gallery.images_of(self._encoder, new)

    def _remember(self, refused: Sequence[tuple[Opened, Refused]]) -> None:
        """Remember pictures, but for refusals that depend on what is installed and on limits that may change."""
        from facerec.gallery.results import Refusal

        lasting = [(one, why) for one, why in refused if why.code not in PASSING]
        refusals = [
            Refusal(one.subject, one.picture.name, one.picture.digest, why.code, self._rules) for one, why in lasting
        ]
        if refusals:
            self._gallery.remember_refusals(refusals)
        self._refused |= {(clean_name(one.subject), one.picture.digest): why.code for one, why in lasting}


def stored_rules(rules: str) -> str:
    """What a refusal depends on, as the gallery has room for it: what is longer by its digest, never cut."""
    return rules if len(rules) <= 200 else f"sha256 {sha256(rules.encode())}"


def name_or_none(subject: str) -> str | None:
    """A subject's name as it is stored; None for what is no name, which is said of each picture."""
    try:
        return clean_name(subject)
    except InvalidInput:
        return None


def _became(one: Opened, what: Refused | Enrollment) -> Enrollment:
    if isinstance(what, Enrollment):
        return what
    return Enrollment(one.subject, one.picture.name, what.code, what.reason)


def enrolled(found: Opened, is_new: bool) -> Enrollment:
    """What became of a picture whose template is stored."""
    return Enrollment(found.subject, found.picture.name, "enrolled" if is_new else "already_enrolled")


def template(found: Opened, portrait: Portraits, encoder: str) -> Template:
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
