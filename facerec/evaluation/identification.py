"""1:N identification as planned, end to end: from pictures to error rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from facerec.errors import InvalidInput
from facerec.evaluation.data_digest import digest_shown
from facerec.evaluation.embedding import Embedded, PictureEmbedder, Progress, embed_pictures, silent
from facerec.evaluation.findings import NO_MORE, Findings, Wanted
from facerec.evaluation.gallery_sizes import measure_gallery_sizes
from facerec.evaluation.groups import GroupTable, searches_by_group
from facerec.evaluation.plans import IdentificationPlan
from facerec.evaluation.search_errors import FPIR_TARGETS, IdentificationResult, measure_identification
from facerec.evaluation.searches import GalleryAndProbes, Searches, search
from facerec.evaluation.worst import worst_searches
from facerec.metrics.identification import expected_fpir
from facerec.records import OperatingPoint


def evaluate_identification(
    plan: IdentificationPlan,
    embed: PictureEmbedder,
    *,
    rng: np.random.Generator,
    points: Sequence[OperatingPoint] = (),
    sizes: Sequence[int] = (),
    wanted: Wanted = NO_MORE,
    progress: Progress = silent,
) -> IdentificationResult:
    """Enroll and search as planned, and, where `sizes` are given, in smaller galleries too.

    Raises InvalidInput where no face is found in any picture to enroll.
    """
    if wanted.labels is not None:
        wanted.labels.require_names([one.name for one in plan.probes], [one.subject for one in plan.probes])
    shown = embed_plan(plan, embed, progress)
    result = measure_identification(shown, rng=rng, points=points)
    grown = measure_gallery_sizes(
        shown, sizes, rng=rng, points=points, fpir_targets=FPIR_TARGETS, progress=progress
    ) if sizes else ()  # fmt: skip
    return replace(result, sizes=grown, findings=_findings(plan, shown, points, wanted, rng))


def _findings(
    plan: IdentificationPlan,
    shown: GalleryAndProbes,
    points: Sequence[OperatingPoint],
    wanted: Wanted,
    rng: np.random.Generator,
) -> Findings:
    searches = search(shown)
    return Findings(
        data={"gallery_sha256": digest_shown(plan.gallery), "probes_sha256": digest_shown(plan.probes)},
        groups=_groups(plan, shown, searches, points, wanted, rng),
        worst=worst_searches(plan, shown, searches, wanted.pictures) if wanted.pictures else {},
    )


def _groups(
    plan: IdentificationPlan,
    shown: GalleryAndProbes,
    searches: Searches,
    points: Sequence[OperatingPoint],
    wanted: Wanted,
    rng: np.random.Generator,
) -> tuple[GroupTable, ...]:
    if wanted.labels is None:
        return ()
    point = point_for(points, searches.gallery_size) if wanted.at is None else wanted.at
    names = tuple(one.name for one in plan.probes)
    return searches_by_group(shown, names, searches, wanted.labels, point, rng)


def point_for(points: Sequence[OperatingPoint], gallery_size: int, fpir: float = FPIR_TARGETS[0]) -> OperatingPoint:
    """The most permissive point expected to keep that FPIR in this gallery; where none is, the strictest.

    Raises InvalidInput where there is no point at all.
    """
    if not points:
        raise InvalidInput("groups are compared at a measured threshold, and this encoder has none")
    strict = [point for point in points if expected_fpir(point.fmr, gallery_size) <= fpir]
    return max(strict, key=lambda point: point.fmr) if strict else min(points, key=lambda point: point.fmr)


def embed_plan(plan: IdentificationPlan, embed: PictureEmbedder, progress: Progress = silent) -> GalleryAndProbes:
    """Embed every picture of a plan once."""
    shown = plan.gallery + plan.probes
    embedded = embed_pictures([one.picture for one in shown], embed, progress)
    cut = len(plan.gallery)
    return GalleryAndProbes(
        Embedded(embedded.rows[:cut], embedded.found[:cut]),
        tuple(one.subject for one in plan.gallery),
        Embedded(embedded.rows[cut:], embedded.found[cut:]),
        tuple(one.subject for one in plan.probes),
    )
