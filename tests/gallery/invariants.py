"""What must hold of a gallery whatever happened to it, V1 to V6, looked at by other means than the package's own.

V1  the file is sound and every reference leads somewhere
V2  every acknowledged write is there exactly once, and nothing is there by half
V3  what is searched is what is stored, bit for bit
V4  the best answer to a stored probe is that of brute force
V5  the next commands work with no manual step
V6  no temporary file is left; no key and no template is said or lies where it does not belong, nobody is in the log
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facerec.gallery import open_gallery
from facerec.gallery.keys import find_keys
from facerec.gallery.searcher import Searcher
from facerec.gallery.store import Gallery
from facerec.records import DIM, Template, unit
from tests.gallery.secrecy import nothing_lies_about, nothing_was_said

MAY_LIE_THERE = re.compile(r"|-wal|-shm|\.erased|\.[0-9a-f]{16}\.snapshot|\.damaged-\w+(-wal|-shm)?").fullmatch
"""What a gallery's file name may be followed by."""


class Stored(NamedTuple):
    """One template as SQL has it; the embedding in plain, and how it lies."""

    id: int
    subject_id: int
    name: str
    encoder: str
    embedding: bytes
    source: str
    image_sha256: str
    is_sealed: bool


def must_hold(gallery: Gallery, acknowledged: Iterable[Template]) -> None:
    """Fail unless V1 to V6 hold of the gallery in a file."""
    path = Path(str(gallery))
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        is_sound(connection)
        stored = whole_and_once(connection, acknowledged)
    is_searched_as_stored(gallery, stored)
    next_command_works(path, stored)
    left = leftovers(path)
    assert left == [], left
    keeps_secrets(stored)
    nothing_lies_about(path, [one.embedding for one in stored], any(one.is_sealed for one in stored))


def must_hold_on_server(gallery: Gallery, acknowledged: Iterable[Template]) -> None:
    """Fail unless V2 to V4 hold of a gallery on a server, V5 in place, and V6 of what was said.

    V1 and the files are the server's.
    """
    import psycopg

    url = gallery.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        stored = whole_and_once(connection, acknowledged)
    is_searched_as_stored(gallery, stored)
    next_command_works_here(gallery, stored)
    keeps_secrets(stored)


def is_searched_as_stored(gallery: Gallery, stored: Sequence[Stored]) -> None:
    """V3, V4, and nothing that the gallery itself finds wrong."""
    for encoder in {template.encoder for template in stored}:
        mine = [template for template in stored if template.encoder == encoder]
        searcher = Searcher(gallery, encoder)
        is_what_is_stored(searcher, mine)
        answers_as_brute_force(searcher, mine)
    problems = gallery.problems()
    assert problems == [], problems


def is_sound(connection: sqlite3.Connection) -> None:
    """V1."""
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def whole_and_once(connection: Any, acknowledged: Iterable[Template]) -> list[Stored]:
    """V2; everything that is stored."""
    halves = (
        "SELECT * FROM subject WHERE id NOT IN (SELECT subject_id FROM face)",
        "SELECT * FROM face WHERE id NOT IN (SELECT face_id FROM template)",
        "SELECT * FROM meta WHERE generation != (SELECT coalesce(max(generation), 0) FROM audit_event)",
    )
    assert [row for half in halves for row in connection.execute(half).fetchall()] == []
    rows = connection.execute(
        "SELECT template.id, subject_id, name, encoder, embedding, sealed, face_id, key_id, source, image_sha256 "
        "FROM template JOIN face ON face_id = face.id JOIN subject ON subject_id = subject.id ORDER BY template.id"
    ).fetchall()
    (database,) = connection.execute("SELECT database FROM meta").fetchone()
    stored = [
        Stored(*row[:4], in_bytes(row[4]) if row[4] else unsealed(database, row), *row[8:], row[4] is None)
        for row in rows
    ]
    there = Counter((one.name, one.encoder, one.embedding) for one in stored)
    for template in acknowledged:
        meant = (template.subject, template.encoder, template.embedding.astype("<f4").tobytes())
        assert there[meant] == 1, f"{template.subject} {template.source} is there {there[meant]} times"
    return stored


def in_bytes(embedding: bytes | str) -> bytes:
    """An embedding as a file has it, or in the words of a server."""
    return embedding if isinstance(embedding, bytes) else np.array(embedding[1:-1].split(","), "<f4").tobytes()


def unsealed(database: str, row: tuple[Any, ...]) -> bytes:
    """What lies encrypted in a row, by the layout that docs/gallery.md tells."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    _, subject_id, _, encoder, _, sealed, face_id, key_id, *_ = row
    bound_to = f"facerec template.embedding 1|{database}|{subject_id}|{face_id}|{encoder}"
    secret = find_keys().keys[key_id].secret
    return AESGCM(secret).decrypt(sealed[:12], sealed[12:], bound_to.encode())


def is_what_is_stored(searcher: Searcher, stored: Sequence[Stored]) -> None:
    """V3."""
    found = searcher.current()
    assert found.ids.tolist() == [one.id for one in stored]
    assert found.owners.tolist() == [one.subject_id for one in stored]
    assert found.names == {one.subject_id: one.name for one in stored}
    rows = np.frombuffer(b"".join(one.embedding for one in stored), "<f4").reshape(-1, DIM)
    for one, row in zip(stored, rows, strict=True):
        best = found.index.search(row[None], len(stored))
        assert best.similarities[0, best.ids[0].tolist().index(one.id)] > 1 - 1e-6


def answers_as_brute_force(searcher: Searcher, stored: Sequence[Stored]) -> None:
    """V4, of up to 100 stored probes."""
    rows = np.frombuffer(b"".join(one.embedding for one in stored), "<f4").reshape(-1, DIM)
    alike_of = np.einsum("pd,rd->pr", rows[:100].astype(np.float64), rows.astype(np.float64))
    for similarities, found in zip(alike_of.tolist(), searcher.search(rows[:100], 1), strict=True):
        best = max(similarities)
        names = {one.name for one, alike in zip(stored, similarities, strict=True) if alike > best - 1e-6}
        assert found[0][0] in names and abs(found[0][1] - min(best, 1)) < 1e-5


def next_command_works(path: Path, stored: Sequence[Stored]) -> None:
    """V5, on a copy, so that a test may go on."""
    with tempfile.TemporaryDirectory() as folder:
        for file in path.parent.glob(f"*{path.name}*"):
            shutil.copy(file, folder)
        next_command_works_here(open_gallery(Path(folder) / path.name, create=False), stored)


def next_command_works_here(gallery: Gallery, stored: Sequence[Stored]) -> None:
    """V5; it leaves the gallery with the same people."""
    embedding = unit(np.random.default_rng(10**9).standard_normal((1, DIM)))[0]
    encoder = stored[0].encoder if stored else "0" * 64
    newcomer = Template("Newcomer", "new.jpg", "f" * 64, (0.0, 0.0, 9.0, 9.0), {}, encoder, embedding)
    assert gallery.enroll([newcomer]).stored == 1
    assert Searcher(gallery, encoder).search(embedding[None], 1)[0][0][0] == "Newcomer"
    gallery.remove("Newcomer")
    left = {name for row in Searcher(gallery, encoder).search(embedding[None], 1000) for name, _ in row}
    assert left == {one.name for one in stored if one.encoder == encoder}


def keeps_secrets(stored: Sequence[Stored]) -> None:
    """V6, of what was said."""
    people = {word for one in stored for word in (one.name, one.source, one.image_sha256)}
    nothing_was_said([one.embedding for one in stored], people)


def leftovers(path: Path) -> list[str]:
    """V6: files beside a gallery that should not be there."""
    names = [file.name for file in path.parent.iterdir()]
    mine = [name for name in names if name.startswith((path.name, f".{path.name}"))]
    return [name for name in mine if name[0] == "." or not MAY_LIE_THERE(name[len(path.name) :])]
