"""Findings about pictures: filed under the wrong name, unlike everybody, of low quality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facerec.curation.health.belonging import Likeness, best_other, mean_similarity
from facerec.curation.health.case import Case
from facerec.curation.health.findings import Finding, SubjectFace
from facerec.curation.health.quality_limits import shortcomings
from facerec.records import Int64


def strays(case: Case) -> Iterator[Finding]:
    """Parts of subjects that are not like the core: whose they seem to be, or that they are like nobody."""
    bests = best_other(case.enrolled.rows, case.parts)
    for (subject, part), best in zip(case.parts.loose, bests, strict=True):
        if best and best.similarity >= case.thresholds.same.threshold:
            yield mislabelled(case, subject, part, best)
        elif likeness_to_rest(case, subject, part) < case.thresholds.apart.threshold:
            yield outlier(case, subject, part)


def mislabelled(case: Case, subject: int, part: Int64, best: Likeness) -> Finding:
    """Pictures of a subject that are like another one's."""
    name, to, threshold = case.name(subject), case.name(best.second), case.thresholds.same.threshold
    faces = case.enrolled.faces_at(part)
    return Finding(
        "mislabelled", (name, to), faces, case.core(best.second), best.similarity, threshold,
        f"{numbered(faces)} of {name} {be(faces)} like {to}: similarity {best.similarity:.2f}, threshold "
        f"{threshold:.2f}{to_rest(case, subject, part)}",
        (*(case.shell.move_face(face, to) for face in faces), *map(case.shell.remove_face, faces)),
    )  # fmt: skip


def outlier(case: Case, subject: int, part: Int64) -> Finding:
    """Pictures of a subject that are like nobody's."""
    name, faces, threshold = case.name(subject), case.enrolled.faces_at(part), case.thresholds.apart.threshold
    doubt = "" if subject in case.parts.cores else "; which of them are right cannot be told"
    return Finding(
        "outlier", (name,), faces, case.enrolled.faces_at(case.rest(subject, part)),
        likeness_to_rest(case, subject, part), threshold,
        f"{numbered(faces)} of {name} {be(faces)} unlike the others{to_rest(case, subject, part)}, threshold "
        f"{threshold:.2f}{doubt}",
        (case.shell.show(name), *map(case.shell.remove_face, faces)),
    )  # fmt: skip


def to_rest(case: Case, subject: int, part: Int64) -> str:
    """How like a part is to what else its subject has, in words."""
    return f"; to {case.name(subject)}'s others {likeness_to_rest(case, subject, part):.2f}"


def likeness_to_rest(case: Case, subject: int, part: Int64) -> float:
    """Mean similarity of a loose part to everything else that its subject has, which is never nothing."""
    return mean_similarity(case.enrolled.rows, part, case.rest(subject, part))


def poor(case: Case) -> Iterator[Finding]:
    """Faces below a measured limit of quality."""
    for face in case.enrolled.faces:
        if wrong := list(shortcomings(face.face.quality, case.thresholds.quality)):
            yield Finding(
                "low_quality", (face.subject,), (face,), (), None, None,
                f"face {face.face.id} of {face.subject}: {'; '.join(wrong)}", (case.shell.remove_face(face),),
            )  # fmt: skip


def numbered(faces: Sequence[SubjectFace]) -> str:
    """`face 3` or `faces 3, 4`."""
    return f"face{'s' * (len(faces) > 1)} {', '.join(str(face.face.id) for face in faces)}"


def be(faces: Sequence[SubjectFace]) -> str:
    return "is" if len(faces) == 1 else "are"
