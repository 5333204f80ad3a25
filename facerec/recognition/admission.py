"""Whether a new face may join its subject, by the looks of everybody who is enrolled and of those it came with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facerec.errors import Conflict, Unfit, UnlikeOthers
from facerec.gallery.fusion import fused
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for, search_calibration
from facerec.records import Float32, Template

if TYPE_CHECKING:
    from facerec.gallery.results import StoredEmbeddings
    from facerec.gallery.store import Gallery


class Admission:
    """Remembers who is enrolled from one batch to the next, and reads only what has changed since.

    A face is in conflict where somebody else is more like it than its own subject is, and so much that a search among
    those enrolled now would name them. It is unlike the others where it is less like its subject than the measured
    share of strangers is at the most permissive threshold (one in ten, for the packaged encoder).
    """

    def __init__(self, gallery: Gallery, encoder: str, points: OperatingPoints):
        self._gallery, self._encoder, self._points = gallery, encoder, points
        self._used = search_calibration(gallery.calibration(encoder), points)
        self._stored: StoredEmbeddings | None = None

    def judge(self, templates: Sequence[Template]) -> list[Unfit | None]:
        """Why each must not be stored; None where it may. Those that may count for those after them."""
        known = self._known()
        verdicts: list[Unfit | None] = []
        for template in templates:
            verdicts.append(self._verdict(template, known))
            if verdicts[-1] is None:
                known.add(template)
        return verdicts

    def _known(self) -> Known:
        before = self._stored
        self._stored = self._gallery.refresh(before) if before else self._gallery.load(self._encoder)
        searched = fused(self._stored)
        return Known([searched.names[one] for one in searched.subject_ids.tolist()], searched.rows)

    def _verdict(self, template: Template, known: Known) -> Unfit | None:
        own, other, similarity = known.nearest(template)
        if other is not None and similarity > (-1.0 if own is None else own):
            point = point_for(self._used.points.extended(), known.subjects, self._used.target_fpir)
            if similarity >= point.threshold:
                return Conflict(template.source, template.subject, other, similarity, point.threshold)
        least = self._points.rows[0].point.threshold
        if own is not None and own < least:
            return UnlikeOthers(template.source, template.subject, own, least)
        return None


class Known:
    """Everybody enrolled, one row each, and the new faces of a batch."""

    def __init__(self, names: list[str], rows: Float32):
        self._names, self._rows = np.array(names, object), rows
        self._new: list[Template] = []
        self._all = set(names)

    @property
    def subjects(self) -> int:
        return len(self._all)

    def add(self, template: Template) -> None:
        """One more that will be stored."""
        self._new.append(template)
        self._all.add(template.subject)

    def nearest(self, template: Template) -> tuple[float | None, str | None, float]:
        """How like its own subject it is (None where that is new), who else is most like it, and how much."""
        rows, names = self._rows, self._names
        if self._new:
            rows = np.concatenate([rows, [new.embedding for new in self._new]])
            names = np.concatenate([names, np.array([new.subject for new in self._new], object)])
        likeness = rows @ template.embedding
        mine = names == template.subject
        own = float(likeness[mine].max()) if mine.any() else None
        if mine.all():
            return own, None, -1.0
        best = int(np.argmax(np.where(mine, -2.0, likeness)))
        return own, str(names[best]), float(likeness[best])
