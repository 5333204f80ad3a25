"""Several templates of a subject made into one to search for: the mean, kept a little short.

The mean of k unit rows has a length L below 1: the lower, the less the pictures resemble each other. A search among
means that were stretched to length 1 again takes strangers for somebody more often than one among single templates
does, for a mean holds more of what faces differ in and less of what pictures differ in. Of length L^(1/3) instead, it
does so about as often, however many pictures there are, so that a threshold measured on pairs of pictures keeps the
rate that is stated for it: figures in docs/results/decisions.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facerec.gallery.results import StoredEmbeddings
from facerec.records import DIM, Float32, Int64

SHORTENED = 1 / 3
"""Exponent of the mean's length. 0 would be length 1, and 1 the mean itself."""


SUBJECTS_AT_ONCE = 1024
"""Fused together: what lies in the processor's cache is averaged several times as fast as a copy of everybody."""


def fuse(rows: Float32) -> Float32:
    """The one template of a subject: (k, 128) unit rows, k >= 1 -> (128,), of length 0 to 1, and 1 where k is 1."""
    one: Float32 = fuse_each(rows, np.zeros(1, np.int64))[0]
    return one


def fuse_each(rows: Float32, starts: Int64) -> Float32:
    """The template of each subject: (N, 128), and where each subject's begin (S,), rising from 0 -> (S, 128)."""
    counts = np.diff(np.append(starts, len(rows)))[:, None]
    mean = np.add.reduceat(rows.astype(np.float64), starts) / counts
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    stretched = mean * np.maximum(length, np.finfo(np.float64).tiny) ** (SHORTENED - 1)
    return np.where(counts == 1, rows[starts], stretched).astype(np.float32)


def fused(stored: StoredEmbeddings) -> StoredEmbeddings:
    """One row per subject, under the lowest of its template ids."""
    if len(stored) == len(stored.names):
        return stored
    order = np.argsort(stored.subject_ids, kind="stable")
    subjects, starts = np.unique(stored.subject_ids[order], return_index=True)
    first = stored.template_ids[order][starts]
    by_id = np.argsort(first)
    rows = np.empty((len(subjects), DIM), np.float32)
    ends = np.append(starts, len(order))
    for begin in range(0, len(subjects), SUBJECTS_AT_ONCE):
        own = ends[begin : begin + SUBJECTS_AT_ONCE + 1]
        rows[begin : begin + SUBJECTS_AT_ONCE] = fuse_each(stored.rows[order[own[0] : own[-1]]], own[:-1] - own[0])
    return replace(stored, template_ids=first[by_id], subject_ids=subjects[by_id], rows=rows[by_id])


def apart(stored: StoredEmbeddings) -> StoredEmbeddings:
    """Every template by itself: a subject is then as alike as its most alike template."""
    return stored


FUSED, EACH = "fused", "each"
COMBINED = {FUSED: fused, EACH: apart}
"""How several templates of a subject are searched, by name."""
