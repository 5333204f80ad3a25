"""An approximate index, from the file that was kept beside the gallery where it can be, and kept there once built."""

from __future__ import annotations

import logging
import time
from typing import Protocol

import numpy as np

from facerec.errors import DamagedFile
from facerec.gallery.factory_index import Factory, FactoryIndex
from facerec.gallery.kept_index import KeptIndex, digests_of
from facerec.gallery.layered import Build, Layered
from facerec.gallery.results import StoredEmbeddings
from facerec.records import DIM, Float32, Int64

WORTH_SECONDS = 1.0
"""An index that is built sooner is built again at every start: what lies in a second file must be erased there too."""

log = logging.getLogger(__name__)


class Keeper(Protocol):
    """Where indexes are kept: a `Gallery`."""

    def may_keep_index(self) -> bool: ...

    def kept_index(self, encoder: str, kind: bytes) -> KeptIndex | None: ...

    def keep_index(self, kept: KeptIndex) -> None: ...


def kept_or_built(keeper: Keeper, build: Build, searched: StoredEmbeddings) -> Layered:
    """The index over the rows of `searched`: the kept one with what has changed since, or a new one, and then kept."""
    ids, rows = searched.template_ids, searched.rows
    if not isinstance(build, Factory):
        return Layered.over(build, ids, rows)
    if found := _kept(keeper, build, searched):
        return found
    started = time.monotonic()
    index = build(ids, rows)
    took = time.monotonic() - started
    if isinstance(index, FactoryIndex) and took >= WORTH_SECONDS and keeper.may_keep_index():
        _keep(keeper, build, index, searched)
    return Layered.over(lambda *_: index, ids, rows)


def over_kept(kept: KeptIndex, spec: str, ids: Int64, rows: Float32) -> Layered | None:
    """The index over ids (N,), ascending, and rows (N, 128); None where too much of it has changed since it was kept.

    Whoever left, or has another row, is a tombstone over zeros. Raises DamagedFile for what is no such index.
    """
    is_same, places = still_the_same(kept, ids, rows)
    is_new = np.ones(len(ids), bool)
    is_new[places[is_same]] = False
    if is_same.all() and not is_new.any():
        own = rows
    else:
        own = np.zeros((len(kept.ids), DIM), np.float32)
        own[is_same] = rows[places[is_same]]
    whole = Layered.over(lambda ids, rows: FactoryIndex(ids, rows, spec, kept.content), kept.ids, own)
    found = whole.after(kept.ids[~is_same], ids[is_new], rows[is_new])
    return None if found.is_worn else found


def still_the_same(kept: KeptIndex, ids: Int64, rows: Float32) -> tuple[np.ndarray, Int64]:
    """Which rows of a kept index are there still, as they were (K,), and where in `rows` those are (K,)."""
    places = np.minimum(np.searchsorted(ids, kept.ids), len(ids) - 1)
    is_same = ids[places] == kept.ids
    is_same[is_same] = digests_of(rows, places[is_same]) == kept.digests[is_same]
    return is_same, places


def _kept(keeper: Keeper, build: Factory, searched: StoredEmbeddings) -> Layered | None:
    kept = keeper.kept_index(searched.encoder, build.kind) if len(searched) else None
    if kept is None:
        return None
    try:
        found = over_kept(kept, build.spec, searched.template_ids, searched.rows)
    except DamagedFile as error:
        log.warning("the kept index is not used: %s; it is built anew", error)
        return None
    if found is None:
        log.info("too much has changed since the index was kept: it is built anew")
    return found


def _keep(keeper: Keeper, build: Factory, index: FactoryIndex, searched: StoredEmbeddings) -> None:
    ids = searched.template_ids
    try:
        content = index.in_bytes()
    except (RuntimeError, MemoryError) as error:
        log.warning("the index is not kept, and built again by the next process: %s", error)
        return
    digests = digests_of(searched.rows, np.arange(len(ids)))
    keeper.keep_index(KeptIndex(searched.state, searched.encoder, build.kind, ids, digests, content))
