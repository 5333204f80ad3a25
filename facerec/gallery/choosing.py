"""How a gallery is searched from now on: measured on its own templates, built, and only then kept as its choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facerec.gallery.elsewhere import elsewhere_named
from facerec.gallery.fusion import apart
from facerec.gallery.kinds import EXACT, INDEX_SETTING, index_builder
from facerec.gallery.measured import (
    EXACT_IS_FAST,
    LEAST_RECALL,
    WORTH,
    Measured,
    candidates,
    chosen,
    measure,
    trial,
)
from facerec.gallery.measured_elsewhere import LEAST, measure_elsewhere
from facerec.gallery.milvus_kinds import MILVUS, to_be_kept
from facerec.gallery.progress import Progress, silent
from facerec.gallery.searcher import Combine, Searcher

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Searches:
    """Those that an index is chosen for: by which encoder, among which rows, at which threshold among so many rows."""

    encoder: str
    threshold: Callable[[int], float]
    combine: Combine = apart


@dataclass(frozen=True, slots=True)
class Choice:
    """The index in use from now on, and what is to be known of it, a sentence each."""

    index: str
    remarks: tuple[str, ...] = ()


class Choosing:
    """A kind of index on its way to being the one that a gallery is searched by; AUTO is whichever is best."""

    def __init__(self, gallery: Gallery, searches: Searches, kind: str):
        """Raises InvalidInput for a kind that there is not, and what a search elsewhere raises that is not there."""
        self.kind = to_be_kept(kind) if kind.startswith(MILVUS) else kind
        self._gallery, self._searches = gallery, searches
        self._elsewhere = elsewhere_named(self.kind)
        if self._elsewhere is None:
            index_builder(self.kind)

    def measured(self, progress: Progress = silent) -> Iterator[Measured]:
        """What it costs and saves; AUTO: each kind that may pay. Nothing where that is known, or nothing shows it.

        A search elsewhere has been shown to work by then. Raises InvalidInput for what faiss does not know, and
        TooFewTemplates.
        """
        encoder, threshold = self._searches.encoder, self._searches.threshold
        if self._elsewhere:
            compared = self._gallery.stats().templates.get(encoder, 0)
            found = measure_elsewhere(
                self._gallery, encoder, self._elsewhere, self.kind, threshold(compared), progress=progress
            )  # fmt: skip
            yield from [found] if found else []
        elif self.kind != EXACT:
            stored = self._gallery.load(encoder)
            if self.kind != AUTO or candidates(len(stored)):
                compared = len(self._searches.combine(stored))
                on = trial(stored, threshold(compared), self._searches.combine)
                del stored
                yield from measure(on, candidates(len(on.searched)) if self.kind == AUTO else (self.kind,), progress)

    def settle(
        self, found: Sequence[Measured], least_recall: float = LEAST_RECALL, progress: Progress = silent
    ) -> Choice:
        """Search so from now on, once it is built: what cannot be built, or is stopped on the way, is never in use."""
        used = chosen(found, least_recall) if self.kind == AUTO else self.kind
        if used != EXACT and self._elsewhere is None and self._gallery.may_keep_index():
            progress(0, 1)
            Searcher(self._gallery, self._searches.encoder, index_builder(used), self._searches.combine).current()
            progress(1, 1)
        self._gallery.save_setting(INDEX_SETTING, used)
        return Choice(used, tuple(self._remarks(found, used, least_recall)))

    def _remarks(self, found: Sequence[Measured], used: str, least_recall: float) -> Iterator[str]:
        if self._elsewhere:
            yield "each template of a subject is compared by itself there"
            if not found:
                yield f"it answers; not measured: that takes a gallery of {LEAST} templates and more"
        if self.kind == AUTO and used == EXACT:
            yield why_exact(found, least_recall)
        for one in found:
            if one.spec == used:
                yield from doubts(one, least_recall)


def why_exact(found: Sequence[Measured], least_recall: float) -> str:
    """Why nothing was chosen in its place."""
    if not found:
        return f"fewer than {EXACT_IS_FAST:,} templates are searched exactly in about a millisecond"
    return (
        f"of {len(found)} kinds none has a recall@1 of {least_recall:g} and is {WORTH:g} times as fast as exact search"
    )


def doubts(one: Measured, least_recall: float) -> Iterator[str]:
    """Why an index had better not be used."""
    if one.recall < least_recall:
        words = f"less than {least_recall:g}: people are missed whom exact search finds"
        yield f"{one.spec} has a recall@1 of {one.recall:.4f}, {words}"
    if one.times_as_fast <= 1:
        yield f"{one.spec} is no faster than exact search here: `facerec gallery index exact` goes back to that"
