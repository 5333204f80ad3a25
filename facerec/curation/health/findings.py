"""What somebody should look at in a gallery, each with its reason and the commands that put it right."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Literal

from facerec.gallery.results import FaceDetail

Kind = Literal["same_picture", "duplicate", "mislabelled", "outlier", "low_quality", "look_alike"]

KINDS: dict[Kind, str] = {
    "same_picture": "One face of one picture, enrolled under two names.",
    "duplicate": "Two names that are one person, or two people whom a search takes for each other: look which.",
    "mislabelled": "Pictures that are not like the others of their subject, and like those of another one.",
    "outlier": "Pictures that are not like the others of their subject, and like nobody's else.",
    "low_quality": "Pictures of a quality at which people are missed more often.",
    "look_alike": "Two subjects who differ as a whole, of whom single pictures are as alike as those of one person.",
}
"""What can be found, most certain first."""


@dataclass(frozen=True, slots=True)
class SubjectFace:
    """An enrolled face and whose it is said to be."""

    subject: str
    face: FaceDetail

    def as_dict(self) -> dict[str, Any]:
        return {"subject": self.subject, "face": self.face.id, "source": self.face.source, "box": list(self.face.box)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    subjects    whom it is about; of a mislabelled picture the one it is filed under first, then whose it seems to be
    faces       the faces in question
    others      faces to compare them with
    similarity  how alike, where that was compared; and the threshold that decided
    reason      in words
    commands    lines for a shell, any of which puts it right; what they do is for a person to decide
    """

    kind: Kind
    subjects: tuple[str, ...]
    faces: tuple[SubjectFace, ...]
    others: tuple[SubjectFace, ...]
    similarity: float | None
    threshold: float | None
    reason: str
    commands: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "subjects": list(self.subjects), "faces": [face.as_dict() for face in self.faces],
            "others": [face.as_dict() for face in self.others], "similarity": self.similarity,
            "threshold": self.threshold, "reason": self.reason, "commands": list(self.commands),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shell:
    """Writes command lines that act on one gallery. `options` name it, where it is not the default."""

    options: tuple[str, ...] = ()

    def remove_face(self, face: SubjectFace) -> str:
        return self._line("remove-face", face.face.id)

    def move_face(self, face: SubjectFace, to: str) -> str:
        return self._line("move-face", face.face.id, to)

    def merge(self, subject: str, into: str) -> str:
        return self._line("merge", subject, into)

    def show(self, subject: str) -> str:
        return self._line("show", subject)

    def _line(self, *words: object) -> str:
        """Quoted for a shell; a name that begins with a dash is kept from being an option.

        >>> Shell(("--gallery", "my.db")).merge("Ann O'Neill", "-x")
        'facerec gallery merge --gallery my.db -- \\'Ann O\\'"\\'"\\'Neill\\' -x'
        """
        command, *rest = map(str, words)
        dashed = ["--"] if any(word.startswith("-") for word in rest) else []
        return shlex.join(["facerec", "gallery", command, *self.options, *dashed, *rest])
