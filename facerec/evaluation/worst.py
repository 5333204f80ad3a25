"""The worst errors of a test, as small pictures: for the user's own eyes, and for no result file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec import images
from facerec.errors import BadImage
from facerec.evaluation.comparisons import Comparisons
from facerec.evaluation.pairs import PicturePairs
from facerec.evaluation.plans import IdentificationPlan, Shown
from facerec.evaluation.searches import GalleryAndProbes, Searches
from facerec.faces.area import shrink
from facerec.metrics.cross_pairs import similarity
from facerec.metrics.identification import NEVER
from facerec.metrics.scores import Bools
from facerec.records import Float32, Int64

SIDE = 160  # pixels, of the longer side


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture by its name; `jpeg` is None where it cannot be read."""

    name: str
    jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class WorstError:
    """Pictures side by side, and how alike the first is to each other one."""

    pictures: tuple[Thumbnail, ...]
    similarities: tuple[float, ...]


WorstErrors = Mapping[str, Sequence[WorstError]]
"""Kind of error -> the worst of it, worst first."""


def thumbnail(path: Path, name: str) -> Thumbnail:
    """A picture reduced to 160 pixels, without metadata."""
    try:
        pixels = images.load(path)
    except BadImage:
        return Thumbnail(name, None)
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    small = shrink(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    return Thumbnail(name, images.encode(small, "JPEG"))


def worst_pairs(folder: Path, pairs: PicturePairs, compared: Comparisons, most: int) -> WorstErrors:
    """The most similar impostors, the least similar genuine pairs, and pictures without a face: `most` of each."""
    scores = compared.similarities
    faceless = [pairs.pictures[row] for row in np.flatnonzero(~compared.found)[:most]]

    def shown(rows: Int64) -> list[WorstError]:
        both = [[thumbnail(folder / name, name) for name in (pairs.first[row], pairs.second[row])] for row in rows]
        return [WorstError(tuple(two), (float(scores[row]),)) for two, row in zip(both, rows, strict=True)]

    return {
        "impostor": shown(_lowest(-scores, compared.made & ~compared.same, most)),
        "genuine": shown(_lowest(scores, compared.made & compared.same, most)),
        "no_face": [WorstError((thumbnail(folder / name, name),), ()) for name in faceless],
    }


def worst_searches(plan: IdentificationPlan, shown: GalleryAndProbes, searches: Searches, most: int) -> WorstErrors:
    """`most` of each: strangers most like somebody, mated probes that did not come first, probes without a face.

    Beside a stranger stands the enrolled picture that it resembles, beside a mated probe the best of its own
    subject and then the one that came out on top.
    """
    behind = searches.mated & (searches.ranks > 1) & (searches.ranks < NEVER)
    faceless = np.flatnonzero(~shown.probes.found)[:most]
    strangers = [_beside(plan, shown, row, False) for row in _lowest(-searches.best, searches.non_mated, most)]
    return {
        "stranger": strangers,
        "missed": [_beside(plan, shown, row, True) for row in _lowest(searches.own, behind, most)],
        "no_face": [WorstError((_of(plan.probes[row]),), ()) for row in faceless],
    }


def _lowest(scores: Float32, among: Bools, most: int) -> Int64:
    """The rows `among` (N,) with the lowest scores (N,), lowest first: at most `most`."""
    rows = np.flatnonzero(among)
    return rows[np.argsort(scores[rows], kind="stable")[:most]]


def _beside(plan: IdentificationPlan, shown: GalleryAndProbes, row: int, own: bool) -> WorstError:
    """A probe, the best template of its own subject where it has one, and the best of all."""
    scores = similarity(shown.probes.rows[row : row + 1], shown.gallery.rows)[0]
    scores = np.where(shown.gallery.found, scores, np.float32(-np.inf))
    mine = np.array([name == shown.probe_subjects[row] for name in shown.gallery_subjects])
    places = [int(np.argmax(np.where(mine, scores, np.float32(-np.inf))))] if own else []
    places.append(int(np.argmax(np.where(mine, np.float32(-np.inf), scores))))
    pictures = _of(plan.probes[row]), *(_of(plan.gallery[place]) for place in places)
    return WorstError(pictures, tuple(float(scores[place]) for place in places))


def _of(shown: Shown) -> Thumbnail:
    return thumbnail(shown.picture, shown.name)
