"""Stored embeddings brought up to date by reading only what has changed since."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from facerec.gallery import reads
from facerec.gallery.following import changes
from facerec.gallery.results import Changes, StoredEmbeddings


class Refreshed(NamedTuple):
    """Stored embeddings as they are now, and how many templates came and went on the way."""

    stored: StoredEmbeddings
    added: int
    removed: int


def refreshed(connection: Connection, old: StoredEmbeddings) -> Refreshed | None:
    """What `reads.embeddings` of everybody would answer now, made from what it answered before.

    None where that cannot be vouched for, and everything must be read: the old state is not in this gallery's past, or
    the number of templates does not come out right.
    """
    if old.state == reads.state(connection):
        return Refreshed(old, 0, 0)
    if not reads.has_passed(connection, old.state):
        return None
    found = changes(connection, old.encoder, old.state)
    fresh = _merged(old, found)
    if len(fresh) + fresh.quarantined != found.count:
        return None
    added = len(found.templates) - int(np.isin(found.templates.template_ids, old.template_ids).sum())
    return Refreshed(fresh, added, len(old) + added - len(fresh))


def _merged(old: StoredEmbeddings, found: Changes) -> StoredEmbeddings:
    """The old rows of those whom nothing was done to, and the new ones of the others, in id order."""
    touched, new = found.touched or frozenset(), found.templates
    names = {key: name for key, name in old.names.items() if key not in touched} | new.names
    stays = ~np.isin(old.subject_ids, list(touched))
    ids, owners, rows = old.template_ids, old.subject_ids, old.rows
    if not stays.all():
        ids, owners, rows = ids[stays], owners[stays], rows[stays]
    if len(new):
        ids = np.concatenate([ids, new.template_ids])
        owners = np.concatenate([owners, new.subject_ids])
        rows = np.concatenate([rows, new.rows])
    if (np.diff(ids) <= 0).any():
        order = np.argsort(ids, kind="stable")
        ids, owners, rows = ids[order], owners[order], rows[order]
    damaged = np.concatenate([old.damaged[~np.isin(old.damaged, list(touched))], new.damaged])
    return replace(new, template_ids=ids, subject_ids=owners, rows=rows, names=names, damaged=damaged)
