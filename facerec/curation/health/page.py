"""The health of a gallery as one HTML file, with the pictures where they can still be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facerec.curation.health.findings import KINDS, Finding, Kind, SubjectFace
from facerec.curation.health.report import Health
from facerec.curation.health.thumbnails import thumbnail
from facerec.curation.progress import Progress, silent
from facerec.errors import InvalidInput
from facerec.pages import picture, render
from facerec.records import OperatingPoint
from facerec.replacing import replacing

TITLES: dict[Kind, str] = {
    "same_picture": "One picture, two names",
    "duplicate": "One person, two names",
    "mislabelled": "Filed under the wrong name",
    "outlier": "Unlike the others",
    "low_quality": "Low quality",
    "look_alike": "Look-alikes",
}
SHOWN = 4
"""Faces that are shown of each side of a finding."""

Portrait = dict[str, Any]


def write_page(health: Health, gallery: str, path: Path, progress: Progress = silent) -> None:
    """Write the page, replacing the file whole. Raises InvalidInput where it cannot be written."""
    content = health_page(health, gallery, progress)
    try:
        with replacing(path) as fresh:
            fresh.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def health_page(health: Health, gallery: str, progress: Progress = silent) -> str:
    """The report; `gallery` is what it calls the gallery. Reads the file of every face that it shows."""
    shown: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for done, finding in enumerate(health.findings, start=1):
        shown[finding.kind].append(with_portraits(finding))
        progress(done, len(health.findings))
    return render(
        "gallery_health.html", title=f"Health of {gallery}", health=health, kinds=KINDS, titles=TITLES, shown=shown,
        decided=list(decided(health)),
    )  # fmt: skip


def with_portraits(finding: Finding) -> dict[str, Any]:
    """A finding as the page wants it, each side cut to as many faces as are shown."""
    sides = [side for side in (finding.faces, finding.others) if side]
    return {
        "reason": finding.reason,
        "commands": finding.commands,
        "sides": [
            {"faces": [portrait(face) for face in side[:SHOWN]], "more": max(0, len(side) - SHOWN)} for side in sides
        ],
    }


def portrait(face: SubjectFace) -> Portrait:
    """A face as the page wants it: its picture, or why there is none."""
    small = thumbnail(face.face)
    address = picture(small.jpeg, "jpeg") if small.jpeg else ""
    return {"subject": face.subject, "face": face.face.id, "source": face.face.source, "picture": address,
            "reason": small.reason}  # fmt: skip


def decided(health: Health) -> Iterator[Sequence[str]]:
    """What decided, what that is good for, and what it was measured on: rows of a table."""
    points = health.thresholds
    yield (
        "one person", f"similarity {points.same.threshold:.3f}",
        f"{rate(points.same)}: a search for somebody who is nobody else's points at somebody with a chance of about "
        f"{health.expected_fpir:.1%} among {health.subjects}; of the pairs of names expect {health.expected_wrong:.1f} "
        "that are two people", points.same.evidence,
    )  # fmt: skip
    yield (
        "compared with other names", f"to the core below {points.doubt.threshold:.3f}",
        f"{rate(points.doubt)}: {1 - points.doubt.fmr:.0%} of the pairs of different people are below it",
        points.doubt.evidence,
    )  # fmt: skip
    yield (
        "unlike the others", f"similarity below {points.apart.threshold:.3f}",
        f"{rate(points.apart)}: {1 - points.apart.fmr:.0%} of the pairs of different people are below it",
        points.apart.evidence,
    )  # fmt: skip
    for limit in points.quality:
        yield "low quality", f"{limit.field.replace('_', ' ')} below {limit.least:.3g}", limit.effect, limit.evidence


def rate(point: OperatingPoint) -> str:
    """The false match rate of a point, and whether it was measured."""
    return f"FMR {point.fmr:.2g}{', extrapolated' if point.extrapolated else ''}"
