"""Whether a new face may join its subject, by the looks of everybody who is enrolled and of those it came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facerec.errors import Conflict, NotEnrolled, Unfit, UnlikeOthers
from facerec.gallery.checks import clean_name
from facerec.gallery.fusion import fuse, fused
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import point_for, search_calibration
from facerec.records import DIM, Float32, Template

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
        """Why each must not be stored; None where it may. Those that may count for those after them.

        The verdicts are those that as many batches of one would get, with each stored before the next.
        """
        if not templates:
            return []
        templates = [replace(one, subject=clean_name(one.subject)) for one in templates]
        enrolled, names = self._searcher.current(), {template.subject for template in templates}
        nearest = enrolled.search(np.stack([template.embedding for template in templates]), len(names) + 1)
        there = ((name, self._rows(name)) for name in sorted(names.intersection(enrolled.names.values())))
        joining = {name: Joining(rows) for name, rows in there if rows}
        known, verdicts = len(enrolled.names), list[Unfit | None]()
        for template, found in zip(templates, nearest, strict=True):
            own = [(name, float(one.fused @ template.embedding)) for name, one in joining.items()]
            others = [one for one in found if one[0] not in names]
            verdicts.append(self._verdict(template, [*own, *others], known))
            if verdicts[-1] is None:
                known += template.subject not in joining
                joining.setdefault(template.subject, Joining()).add(template)
        return verdicts

    def _rows(self, name: str) -> list[Float32]:
        try:
            return list(self._gallery.embeddings(self._encoder, name).rows)
        except NotEnrolled:  # removed since
            return []

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


class Joining:
    """A subject that faces are joining: its embeddings (128,), and what they are fused into."""

    def __init__(self, rows: Sequence[Float32] = ()):
        self._rows, self._pictures = list(rows), set[str]()
        self.fused: Float32 = fuse(np.stack(rows)) if rows else np.zeros(DIM, np.float32)

    def add(self, template: Template) -> None:
        """One more that will be stored, unless it is of the same picture as one before."""
        if template.image_sha256 not in self._pictures:
            self._pictures.add(template.image_sha256)
            self._rows.append(template.embedding)
            self.fused = fuse(np.stack(self._rows))
