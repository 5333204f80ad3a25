"""Everybody's embeddings at the start: from a snapshot and what changed since, or from every row."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from facerec.errors import DamagedFile
from facerec.gallery import reads, snapshots
from facerec.gallery.refresh import Refreshed, refreshed
from facerec.gallery.results import State, StoredEmbeddings
from facerec.gallery.snapshot import EMBEDDINGS, read_header
from facerec.gallery.snapshots import Snapshots, open_plain
from facerec.gallery.vault import vault_of

STALE_SHARE = 1 / 16
"""Of the templates: where so many came since the snapshot, a new one is written. Reading one from the gallery costs
about ten times what reading it from a snapshot does, so a start never takes much longer than it must."""


class Loaded(NamedTuple):
    """What was loaded, and what is to be done about the snapshot: write it, or remove one that holds too much."""

    stored: StoredEmbeddings
    is_to_be_kept: bool
    is_to_be_discarded: bool


def load(connection: Connection, kept: Snapshots, encoder: str) -> Loaded:
    """What `reads.embeddings` of everybody answers, sooner where there is a snapshot to be trusted."""
    if vault_of(connection).key_id:  # embeddings of an encrypted gallery lie in no file but its own
        return Loaded(reads.embeddings(connection, encoder, None), False, any(kept))
    done = _from_snapshot(connection, kept, encoder)
    stored = done.stored if done else reads.embeddings(connection, encoder, None)
    is_worth = len(stored) >= snapshots.WORTH_FROM and not stored.quarantined
    is_fresh = done is not None and done.added <= STALE_SHARE * len(stored) and not done.removed
    is_outdated = kept.of(encoder).exists() and (not is_worth or done is None or done.removed > 0)
    return Loaded(stored, is_worth and not is_fresh, is_outdated)


def is_free_of_removed(connection: Connection, state: State) -> bool:
    """Is everybody who was enrolled at that state still, and is it a state of this gallery at all?

    False of an encrypted gallery: what was in plain there at that state is nowhere now.
    """
    if not reads.has_passed(connection, state) or reads.key_id(connection):
        return False
    return not reads.removed_since(connection, state.generation)


def holds_removed(connection: Connection, kept: Snapshots) -> bool:
    """Is somebody in a snapshot who was removed since, for all that its header says?"""
    return any(not is_free_of_removed(connection, state) for state in map(_state_of, kept))


def _state_of(path: Path) -> State:
    """The state that a snapshot says it is of; one that no gallery was ever in, where it says nothing."""
    try:
        with open_plain(path) as handle:
            return read_header(handle).state
    except (OSError, DamagedFile):
        return State("", 0, None)


def is_right(connection: Connection, kept: Snapshots, path: Path) -> bool:
    """Does a snapshot, brought up to date, hold what the gallery holds, bit for bit?

    Of an approximate index: is it whole, and is everybody in it here?
    """
    try:
        with open_plain(path) as handle:
            header = read_header(handle)
    except (OSError, DamagedFile):
        return False
    encoder = header.encoder
    if header.kind != EMBEDDINGS:
        is_trusted = partial(is_free_of_removed, connection)
        return kept.of_index(encoder) == path and kept.kept_index(encoder, header.kind, is_trusted) is not None
    done = _from_snapshot(connection, kept, encoder) if kept.of(encoder) == path else None
    if done is None:
        return False
    stored = reads.embeddings(connection, encoder, None)
    pairs = zip(_arrays(done.stored), _arrays(stored), strict=True)
    return done.stored.names == stored.names and all(np.array_equal(found, meant) for found, meant in pairs)


def _arrays(stored: StoredEmbeddings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return stored.template_ids, stored.subject_ids, stored.rows


def _from_snapshot(connection: Connection, kept: Snapshots, encoder: str) -> Refreshed | None:
    found = kept.read(encoder, partial(reads.has_passed, connection))
    if found is None:
        return None
    names = reads.names(connection)
    present = np.unique(found.subject_ids).tolist()
    return refreshed(connection, replace(found, names={key: names[key] for key in present if key in names}))
