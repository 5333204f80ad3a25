"""A gallery of any size in minutes: rows written as enrolments would have left them, without enrolling each."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from facerec.gallery import open_gallery
from facerec.gallery.connect import connect_file
from facerec.records import DIM, Float32, unit

ENCODER = hashlib.sha256(b"bench").hexdigest()
PER_SUBJECT = 10
AT = "2026-01-01 00:00:00.000000"
ROWS_AT_ONCE = 20_000
SPREAD = 0.5
"""Length of the noise around a subject's centre, in lengths of the centre: pictures of one person have a cosine of
about 0.8."""


def embeddings(count: int, centres: Float32, rng: np.random.Generator) -> Float32:
    """Unit rows (count, 128), ten around each of many centres, which lie around the given ones (C, 128)."""
    subjects = -(-count // PER_SUBJECT)
    own = centres[rng.integers(len(centres), size=subjects)] + noise(subjects, rng)
    return unit(unit(own)[np.arange(count) // PER_SUBJECT] + SPREAD * noise(count, rng))


def noise(count: int, rng: np.random.Generator) -> Float32:
    """Rows (count, 128) of length about 1."""
    return rng.standard_normal((count, DIM), dtype=np.float32) / np.float32(np.sqrt(DIM))


def fill(path: Path, rows: Float32) -> None:
    """Make a gallery at `path` that holds these embeddings, ten to a subject, and nobody else."""
    open_gallery(path)
    subjects = -(-len(rows) // PER_SUBJECT)
    with closing(connect_file(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        mark = secrets.token_hex(8)
        connection.executemany(
            "INSERT INTO subject (id, uid, name, created_at) VALUES (?, ?, ?, ?)",
            ((n + 1, secrets.token_hex(16), f"subject {n:07d}", AT) for n in range(subjects)),
        )
        for start in range(0, len(rows), ROWS_AT_ONCE):
            write(connection, start, rows[start : start + ROWS_AT_ONCE])
        connection.execute("UPDATE meta SET generation = 1")
        connection.executemany(
            "INSERT INTO audit_event (generation, at, action, subject_id, templates, mark)"
            " VALUES (1, ?, 'enroll', ?, ?, ?)",
            ((AT, n + 1, PER_SUBJECT, mark) for n in range(subjects)),
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write(connection: sqlite3.Connection, start: int, rows: Float32) -> None:
    """Faces and templates numbered from `start`."""
    connection.executemany(
        "INSERT INTO face (id, subject_id, source, image_sha256, x1, y1, x2, y2, score, created_at)"
        " VALUES (?, ?, ?, ?, 0, 0, 50, 50, 1, ?)",
        faces(start, len(rows)),
    )
    connection.executemany(
        "INSERT INTO template (id, face_id, encoder, embedding, generation) VALUES (?, ?, ?, ?, 1)",
        ((start + n + 1, start + n + 1, ENCODER, row.tobytes()) for n, row in enumerate(rows)),
    )


def faces(start: int, count: int) -> Iterator[tuple[int, int, str, str, str]]:
    for n in range(start, start + count):
        digest = hashlib.sha256(str(n).encode()).hexdigest()
        yield n + 1, n // PER_SUBJECT + 1, f"album/{n:08d}.jpg", digest, AT
