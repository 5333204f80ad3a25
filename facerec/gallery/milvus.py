"""The templates of one encoder in Milvus, in one collection: embedded (a file) or a cluster (a URI).

A collection is a copy of what SQL holds, and says of which state it is: the gallery's id, generation and random mark.
Before a search it is brought up to date by what has changed since, or made anew where that state is not in the
gallery's past or the number of templates does not come out right. While it is written to it says that it is of no
state, so what a killed process left is made anew. Names are never in it.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from facerec.errors import GalleryUnusable, InvalidInput, MissingPart
from facerec.gallery.index import require_search
from facerec.gallery.results import Changes, State
from facerec.records import DIM, Candidates, Float32

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

AT_ONCE = 1000
"""Templates sent together."""
AT_MOST = 16384
"""Candidates that Milvus answers with."""
NOWHERE = State("", -1, None)


class Milvus:
    """One Milvus, by the path of a file that ends in .db, or by the URI of a cluster. Safe to share between threads.

    `index` and `metric` are Milvus's own words; FLAT is exact.
    """

    def __init__(self, uri: str, index: str = "FLAT"):
        try:
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            raise MissingPart("searching in Milvus needs pymilvus: pip install 'facerec[milvus]'") from error
        self._uri, self._index, self._failed = uri, index, MilvusException
        self._lock = threading.Lock()
        try:
            self._client: Any = MilvusClient(uri)
            keep_from_others(uri)
        except (MilvusException, OSError) as error:
            raise GalleryUnusable(f"Milvus at {shown(uri)} does not answer: {first_line(error, uri)}") from None

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def follow(self, gallery: Gallery, encoder: str) -> None:
        """Bring the collection to the gallery's present state. Raises GalleryUnusable where Milvus refuses."""
        with self._lock:
            try:
                self._follow(gallery, encoder)
            except self._failed as error:
                raise GalleryUnusable(f"Milvus at {shown(self._uri)}: {first_line(error, self._uri)}") from None

    def search(self, gallery: Gallery, encoder: str, probes: Float32, k: int) -> Candidates:
        """(Q, 128) -> (Q, <= k): as many as there are, best first."""
        require_search(probes, k)
        name = collection_of(gallery.state().database, encoder)
        try:
            answers = self._client.search(
                name,
                data=list(probes),
                limit=min(k, AT_MOST),
                output_fields=["id"],
                search_params={"metric_type": "IP"},
            )
        except self._failed as error:
            raise GalleryUnusable(f"Milvus at {shown(self._uri)}: {first_line(error, self._uri)}") from None
        widest = max((len(answer) for answer in answers), default=0)
        ids, alike = np.zeros((len(probes), widest), np.int64), np.full((len(probes), widest), -1, np.float32)
        for row, answer in enumerate(answers):
            ids[row, : len(answer)] = [one["id"] for one in answer]
            alike[row, : len(answer)] = [one["distance"] for one in answer]
        return Candidates(ids, np.clip(alike, -1, 1))

    def _follow(self, gallery: Gallery, encoder: str) -> None:
        present = gallery.state()
        name = collection_of(present.database, encoder)
        known = self._state_of(name)
        if known == present:
            return
        changes = gallery.changes(encoder, known)
        if not self._apply(name, changes):
            self._apply(name, gallery.changes(encoder, NOWHERE))

    def _apply(self, name: str, changes: Changes) -> bool:
        """Write what has changed; False where the number of templates does not come out right."""
        stored = changes.templates
        if changes.key_id:
            raise InvalidInput(
                "an encrypted gallery is searched in this process only: elsewhere its templates lay in plain"
            )
        if changes.touched is None:
            self._make(name)
        self._say(name, NOWHERE)
        touched = sorted(changes.touched or ())
        for start in range(0, len(touched), AT_ONCE):
            self._client.delete(name, filter=f"subject in {touched[start : start + AT_ONCE]}")
        for start in range(0, len(stored), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            columns = (stored.template_ids[part].tolist(), stored.subject_ids[part].tolist(), stored.rows[part])
            rows = [
                {"id": template, "subject": subject, "embedding": row}
                for template, subject, row in zip(*columns, strict=True)
            ]
            self._client.upsert(name, rows)
        (counted,) = self._client.query(name, filter="", output_fields=["count(*)"])
        if counted["count(*)"] != changes.count:
            return False
        self._say(name, stored.state)
        return True

    def _make(self, name: str) -> None:
        from pymilvus import DataType

        if self._client.has_collection(name):
            self._client.drop_collection(name)
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("subject", DataType.INT64)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
        indexes = self._client.prepare_index_params()
        indexes.add_index("embedding", index_type=self._index, metric_type="IP")
        self._client.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")

    def _state_of(self, name: str) -> State:
        if not self._client.has_collection(name):
            return NOWHERE
        said = self._client.describe_collection(name).get("properties", {})
        if not {"facerec.database", "facerec.generation", "facerec.mark"} <= said.keys():
            return NOWHERE
        return State(said["facerec.database"], int(said["facerec.generation"]), said["facerec.mark"] or None)

    def _say(self, name: str, state: State) -> None:
        said = {"database": state.database, "generation": str(state.generation), "mark": state.mark or ""}
        self._client.alter_collection_properties(name, {f"facerec.{key}": value for key, value in said.items()})


def collection_of(database: str, encoder: str) -> str:
    """The collection's name: the gallery's and the encoder's digests, shortened."""
    return f"facerec_{database}_{encoder[:16]}"


def keep_from_others(uri: str) -> None:
    """The embedded form, a file or a folder by its version, is for its owner alone; a cluster looks after itself."""
    place = Path(uri)
    if "://" not in uri and place.exists():
        place.chmod(0o700 if place.is_dir() else 0o600)


def shown(uri: str) -> str:
    """The URI in words that may be printed: without user and password.

    >>> shown("https://anna:secret@milvus.example:19530")
    'https://***@milvus.example:19530'
    """
    return re.sub(r"://.*@", "://***@", uri)


def first_line(error: Exception, uri: str) -> str:
    """Of what Milvus says, which may be long and repeat the URI or parts of it."""
    words = shown(str(error).strip().split("\n")[0])
    given = uri.partition("://")[2].rpartition("@")[0]
    password = given.partition(":")[2]
    for secret in (given, unquote(given), password, unquote(password)):
        words = words.replace(secret, "***") if secret else words
    return words[:200]
