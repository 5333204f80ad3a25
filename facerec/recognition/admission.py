"""Whether a new face may join its subject, by the looks of everybody who is enrolled and of those it came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facerec.errors import Conflict, NotEnrolled, Unfit, UnlikeOthers
from facerec.gallery.checks import clean_name
from facerec.gallery.fusion import fused
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for, search_calibration
from facerec.records import Template

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

Alike = Sequence[tuple[str, float]]
"""Subjects and how like them a face is."""


class Admission:
    """Follows who is enrolled from one batch to the next.

    A face is in conflict where somebody else is more like it than its own subject is, and so much that a search among
    those enrolled now would name them. It is unlike the others where it is less like its subject than the measured
    share of strangers is at the most permissive threshold (one in ten, for the packaged encoder).
    """

    def __init__(self, gallery: Gallery, encoder: str, points: OperatingPoints):
        from facerec.gallery.searcher import Searcher

        self._gallery, self._encoder, self._points = gallery, encoder, points
        self._used = search_calibration(gallery.calibration(encoder), points)
        self._searcher = Searcher(gallery, encoder, combine=fused)

    def judge(self, templates: Sequence[Template]) -> list[Unfit | None]:
        """Why each must not be stored; None where it may. Those that may count for those after them."""
        if not templates:
            return []
        templates = [replace(one, subject=clean_name(one.subject)) for one in templates]
        enrolled = self._searcher.current()
        nearest = enrolled.search(np.stack([template.embedding for template in templates]), 2)
        known = {template.subject for template in templates}.intersection(enrolled.names.values())
        admitted: list[Template] = []
        joined: set[str] = set()
        verdicts: list[Unfit | None] = []
        for template, found in zip(templates, nearest, strict=True):
            own = self._own(template, found) if template.subject in known else []
            new = [(one.subject, float(one.embedding @ template.embedding)) for one in admitted]
            verdicts.append(self._verdict(template, [*own, *found, *new], len(enrolled.names) + len(joined)))
            if verdicts[-1] is None:
                admitted.append(template)
                joined |= set() if own else {template.subject}
        return verdicts

    def _own(self, template: Template, found: Alike) -> Alike:
        """How like its own subject a face is; nothing where that is gone by now."""
        if own := [(name, alike) for name, alike in found if name == template.subject]:
            return own
        try:
            rows = fused(self._gallery.embeddings(self._encoder, template.subject)).rows
        except NotEnrolled:
            return []
        return [(template.subject, float(row @ template.embedding)) for row in rows]

    def _verdict(self, template: Template, known: Alike, subjects: int) -> Unfit | None:
        own = max((alike for name, alike in known if name == template.subject), default=None)
        others = [(alike, name) for name, alike in known if name != template.subject]
        similarity, other = max(others, default=(-1.0, ""))
        if others and similarity > (-1.0 if own is None else own):
            point = point_for(self._used.points.extended(), subjects, self._used.target_fpir)
            if similarity >= point.threshold:
                return Conflict(template.source, template.subject, other, similarity, point.threshold)
        least = self._points.rows[0].point.threshold
        if own is not None and own < least:
            return UnlikeOthers(template.source, template.subject, own, least)
        return None
