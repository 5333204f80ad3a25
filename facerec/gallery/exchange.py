"""A gallery's people as text that can be read without this program: JSON, one subject per line, each with its checksum.

    {"kind": "gallery", "format": 1, "database": ..., "generation": ..., "subjects": ..., "sha256": ...}
    {"kind": "subject", "uid": ..., "name": ..., "created_at": ..., "faces": [...], "sha256": ...}   one per subject
    {"kind": "end", "lines": ..., "sha256": ...}

A face holds source, image_sha256, box, quality, created_at and templates; a template its encoder and the embedding in
base64 (128 little-endian float32). Of an encrypted gallery the embedding is encrypted here too, bound to subject,
picture and encoder: `key_id` and `sealed` take its place, and the format is 2. The checksum of a line is that of the
line without it, the last one that of all lines before. Thresholds stay behind: they were measured for one gallery.
docs/gallery.md describes the format.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from sqlalchemy import Connection, func, select

from facerec.errors import DamagedFile, GalleryUnusable, InvalidInput
from facerec.gallery import reads
from facerec.gallery.checks import QUALITY_FIELDS, clean_template
from facerec.gallery.codec import EMBEDDING_BYTES, from_bytes
from facerec.gallery.connect import require_file
from facerec.gallery.keys import find_keys
from facerec.gallery.progress import Progress, silent
from facerec.gallery.tables import FaceRow, SubjectRow, TemplateRow
from facerec.gallery.vault import Sealer, Vault, current_vault
from facerec.records import Template
from facerec.replacing import replacing

PLAIN_FORMAT, SEALED_FORMAT = 1, 2
HEADS = {("gallery", PLAIN_FORMAT), ("gallery", SEALED_FORMAT)}
LINE_LIMIT = 1 << 28
"""Bytes: some 200,000 templates of one subject. A longer line is no export."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How much was written; `left_out` templates were damaged."""

    subjects: int
    templates: int
    left_out: int


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """One subject of an export, checked: its templates, and when each one's face was first enrolled."""

    uid: str
    name: str
    created_at: datetime
    templates: tuple[tuple[Template, datetime], ...]


def export(connection: Connection, target: Path, progress: Progress = silent) -> Exported:
    """Write everybody into a file that its owner only can read. Raises GalleryUnusable where it cannot be written."""
    subjects = connection.execute(select(func.count()).select_from(SubjectRow)).scalar_one()
    state = reads.state(connection)
    kind = SEALED_FORMAT if current_vault(connection).key_id else PLAIN_FORMAT
    head = {"kind": "gallery", "format": kind, "database": state.database, "generation": state.generation}
    written = left_out = 0
    try:
        with replacing(target) as fresh:
            fresh.touch(0o600)
            with fresh.open("wb") as handle:
                lines = Lines(handle)
                lines.write({**head, "subjects": subjects})
                for done, (subject, stored) in enumerate(_subjects(connection), start=1):
                    sound = sum(len(face["templates"]) for face in subject["faces"])
                    if sound:
                        lines.write(subject)
                    written, left_out = written + sound, left_out + stored - sound
                    progress(done, subjects)
                lines.end()
    except OSError as error:
        raise GalleryUnusable(f"the export {target} cannot be written: {error.strerror}") from error
    return Exported(subjects, written, left_out)


def arrivals(source: Path) -> Iterator[Arrival]:
    """Every subject of an export, each checked as it is read. Whole only if nothing was raised until the end.

    Raises GalleryUnusable where the file cannot be read, DamagedFile for a line that is not what its checksum says or a
    file that ends too early, and InvalidInput for what no gallery could hold.
    """
    require_file(source, "there is no export of a gallery")
    unseal = Unsealing()
    try:
        with source.open("rb") as handle:
            for number, line in _checked(handle, source):
                if line["kind"] == "subject":
                    yield _arrival(line, f"line {number} of {source}", unseal)
    except OSError as error:
        raise GalleryUnusable(f"{source} cannot be read: {error.strerror}") from error


class Lines:
    """Writes lines with their checksums, and keeps that of all."""

    def __init__(self, handle: BinaryIO):
        self._handle, self._all, self._count = handle, hashlib.sha256(), 0

    def write(self, values: dict[str, Any]) -> None:
        line = sealed(values)
        self._handle.write(line)
        self._all.update(line)
        self._count += 1

    def end(self) -> None:
        """The last line: how many there were, and the checksum of all of them."""
        last = {"kind": "end", "lines": self._count, "sha256": self._all.hexdigest()}
        self._handle.write(json.dumps(last).encode() + b"\n")


def sealed(values: dict[str, Any]) -> bytes:
    """A line of JSON whose last key is the checksum of the line without it."""
    body = json.dumps(values, ensure_ascii=False).encode()
    return body[:-1] + f', "sha256": "{hashlib.sha256(body).hexdigest()}"}}\n'.encode()


def unsealed(line: bytes) -> dict[str, Any]:
    """The values of a line. Raises DamagedFile where its checksum is missing or wrong."""
    body, mark, rest = line.rpartition(b', "sha256": "')
    if not mark or rest != hashlib.sha256(body + b"}").hexdigest().encode() + b'"}\n':
        raise DamagedFile("is not what its checksum says")
    values: dict[str, Any] = json.loads(body + b"}")
    return values


def _checked(handle: BinaryIO, source: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered lines but the last, which is compared with them. Raises DamagedFile."""
    whole, number = hashlib.sha256(), 0
    while line := handle.readline(LINE_LIMIT):
        if line.startswith(b'{"kind": "end"'):
            if _end(line) != (number, whole.hexdigest()) or handle.read(1):
                raise DamagedFile(f"{source} is not whole: lines are missing, or there are too many")
            return
        number += 1
        try:
            values = unsealed(line)
        except DamagedFile as error:
            raise DamagedFile(f"line {number} of {source} {error}") from error
        if number == 1 and (values.get("kind"), values.get("format")) not in HEADS:
            raise InvalidInput(f"{source} is no export that this facerec knows: format {values.get('format')}")
        yield number, values
        whole.update(line)
    raise DamagedFile(f"{source} ends too early, or is no export of a gallery")


def _end(line: bytes) -> tuple[object, object]:
    try:
        last = json.loads(line)
    except ValueError:
        return None, None
    return (last.get("lines"), last.get("sha256")) if line.endswith(b"}\n") else (None, None)


def _subjects(connection: Connection) -> Iterator[tuple[dict[str, Any], int]]:
    """Every subject as it is written, and how many templates it has, damaged ones included."""
    vault = current_vault(connection)
    needed = [column for column in vault.columns if column.class_ is TemplateRow and column.key != "encoder"]
    query = (
        select(SubjectRow.uid, SubjectRow.name, SubjectRow.created_at.label("since"), FaceRow)
        .add_columns(TemplateRow.encoder, *needed)
        .join(FaceRow, FaceRow.subject_id == SubjectRow.id)
        .join(TemplateRow, TemplateRow.face_id == FaceRow.id)
        .order_by(SubjectRow.id, FaceRow.id, TemplateRow.encoder)
    )
    rows = connection.execution_options(yield_per=reads.ROWS_AT_ONCE).execute(query).mappings()
    for uid, group in groupby(rows, key=itemgetter("uid")):
        mine = list(group)
        faces = [_face(list(of_face), vault) for _, of_face in groupby(mine, key=itemgetter("id"))]
        person = {"uid": uid, "name": mine[0]["name"], "created_at": mine[0]["since"].isoformat()}
        yield {"kind": "subject", **person, "faces": [face for face in faces if face["templates"]]}, len(mine)


def _face(rows: list[Any], vault: Vault) -> dict[str, Any]:
    """One face from its rows, one per template."""
    first = rows[0]
    contents = vault.opened([[row[column.key] for column in vault.columns] for row in rows])
    sound = from_bytes(contents)[1]
    templates = [
        {
            "encoder": row["encoder"],
            **_written(vault, content, bound_to(row["uid"], row["image_sha256"], row["encoder"])),
        }
        for row, content, is_sound in zip(rows, contents, sound, strict=True)
        if is_sound
    ]
    quality = {name: first[name] for name in sorted(QUALITY_FIELDS) if first[name] is not None}
    return {
        "source": first["source"],
        "image_sha256": first["image_sha256"],
        "box": [first[side] for side in ("x1", "y1", "x2", "y2")],
        "quality": quality,
        "created_at": first["created_at"].isoformat(),
        "templates": templates,
    }


def bound_to(uid: str, image_sha256: str, encoder: str) -> str:
    """What an encrypted embedding of an export belongs to."""
    return f"facerec export.embedding 2|{uid}|{image_sha256}|{encoder}"


def _written(vault: Vault, content: bytes, words: str) -> dict[str, str]:
    """An embedding as it is written: encrypted where it lies encrypted."""
    if vault.key_id is None:
        return {"embedding": base64.b64encode(content).decode()}
    return {"key_id": vault.key_id, "sealed": base64.b64encode(vault.sealed_for(words, content)).decode()}


class Unsealing:
    """Takes an embedding out of a line; keys are looked for when the first encrypted one comes."""

    def __init__(self) -> None:
        self._sealer: Sealer | None = None

    def __call__(self, template: dict[str, Any], words: str) -> bytes:
        """512 bytes. Raises InvalidInput where it is none, and GalleryUnusable where its key is not at hand."""
        if "sealed" not in template:
            content = base64.b64decode(template["embedding"], validate=True)
        else:
            self._sealer = self._sealer or Sealer(find_keys())
            sealed = base64.b64decode(template["sealed"], validate=True)
            content = self._sealer.unseal(template["key_id"], sealed, words)
        if len(content) != EMBEDDING_BYTES:
            raise InvalidInput(f"an embedding has {EMBEDDING_BYTES} bytes, got {len(content)}")
        return content


def _arrival(line: dict[str, Any], where: str, unseal: Unsealing) -> Arrival:
    """Raises InvalidInput where a checked line does not hold what it should: somebody made it by hand, and wrongly."""
    try:
        templates = tuple(
            (_template(line, face, template, unseal), datetime.fromisoformat(face["created_at"]))
            for face in line["faces"]
            for template in face["templates"]
        )
        uid, since = str(line["uid"]), datetime.fromisoformat(line["created_at"])
        if len(uid) != 32 or not templates:
            raise InvalidInput("a subject needs a uid of 32 characters, and a template")
        return Arrival(uid, templates[0][0].subject, since, templates)
    except (KeyError, TypeError, ValueError) as error:  # InvalidInput is a ValueError too
        raise InvalidInput(f"{where}: {error}") from error


def _template(line: dict[str, Any], face: dict[str, Any], template: dict[str, Any], unseal: Unsealing) -> Template:
    name, content = line["name"], unseal(template, bound_to(line["uid"], face["image_sha256"], template["encoder"]))
    x1, y1, x2, y2 = map(float, face["box"])
    embedding = np.frombuffer(content, "<f4").astype(np.float32)
    box, quality = (x1, y1, x2, y2), dict(face["quality"])
    given = Template(name, face["source"], face["image_sha256"], box, quality, template["encoder"], embedding)
    return clean_template(given)
