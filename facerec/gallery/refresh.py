"""Stored embeddings brought up to date by reading only what has changed since.

What was added carries its generation, and what was removed has left an audit event with the subject's id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from facerec.gallery import reads
from facerec.gallery.results import StoredEmbeddings
from facerec.gallery.tables import TemplateRow


class Refreshed(NamedTuple):
    """Stored embeddings as they are now, and how many templates came and went on the way."""

    stored: StoredEmbeddings
    added: int
    removed: int


def refreshed(connection: Connection, old: StoredEmbeddings) -> Refreshed | None:
    """What `reads.embeddings` of everybody would answer now, made from what it answered before.

    None where that cannot be vouched for, and everything must be read: the old state is not in this gallery's past, it
    held damaged templates, or the number of templates does not come out right.
    """
    now = reads.state(connection)
    if old.state == now:
        return Refreshed(old, 0, 0)
    if old.quarantined or not reads.has_passed(connection, old.state):
        return None
    since = old.state.generation
    gone = reads.removed_since(connection, since)
    added = reads.templates(connection, (TemplateRow.encoder == old.encoder) & (TemplateRow.generation > since))
    merged = _merged(old, gone, added)
    names = _names(connection, old, gone, added)
    quarantined = int((~added.sound).sum())
    stored = reads.count_templates(connection, old.encoder)
    if len(merged.template_ids) + quarantined != stored:
        return None
    missing = reads.count_faces(connection) - stored
    fresh = replace(merged, state=now, names=names, quarantined=quarantined, missing=missing)
    return Refreshed(fresh, len(added.ids), len(old) + int(added.sound.sum()) - len(fresh))


def _merged(old: StoredEmbeddings, gone: set[int], added: reads.Templates) -> StoredEmbeddings:
    """The old rows of those who stayed, and the sound new ones, in id order."""
    stays = ~np.isin(old.template_ids, added.ids)  # a template that was put right has a new generation and its old id
    if gone:
        stays &= ~np.isin(old.subject_ids, list(gone))
    ids, owners, rows = old.template_ids, old.subject_ids, old.rows
    if not stays.all():
        ids, owners, rows = ids[stays], owners[stays], rows[stays]
    if added.sound.any():
        ids = np.concatenate([ids, added.ids[added.sound]])
        owners = np.concatenate([owners, added.owners[added.sound]])
        rows = np.concatenate([rows, added.rows[added.sound]])
    if (np.diff(ids) <= 0).any():
        order = np.argsort(ids)
        ids, owners, rows = ids[order], owners[order], rows[order]
    return replace(old, template_ids=ids, subject_ids=owners, rows=rows)


def _names(connection: Connection, old: StoredEmbeddings, gone: set[int], added: reads.Templates) -> dict[int, str]:
    """Names of everybody with a template, as they are now."""
    touched = reads.touched_since(connection, old.state.generation)
    names = {key: name for key, name in old.names.items() if key not in gone} if gone else dict(old.names)
    names |= {key: name for key, name in touched.items() if key in names}
    return names | {key: touched[key] for key in np.unique(added.owners[added.sound]).tolist()}
