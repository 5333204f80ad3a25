"""The templates of one encoder in Milvus, in a collection: embedded (a file) or a cluster (a URI).

A collection is a copy of what SQL holds, and says of which state it is: the gallery's id, generation and random mark.
Before a search it is brought up to date by what has changed since, or made anew where that state is not in the
gallery's past, the number of templates does not come out right, or another kind of index is asked for. Names are never
in it, and similarities never come from it: what it names is compared again with the templates in SQL.

Several processes may do so at once, without a lock, for Milvus has none. Each new collection has a name of its own, and
says of which state it is only once it is complete; then its maker drops the others. Who brings one up to date claims it
first, by a word of its own in its properties, and goes on only if that is still there a moment later (Fischer's way to
exclude each other: Lamport, "A fast mutual exclusion algorithm", 1987); meanwhile it is of no state. With every batch
it takes another turn: others wait for as long as the turns go on, and what a killed process left is made anew. Who
searches looks afterwards whether the turn is still the same, and else searches again.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from facerec.errors import GalleryUnusable, InvalidInput, MissingPart
from facerec.gallery.elsewhere import SEARCH_HERE, compared_again
from facerec.gallery.index import require_search
from facerec.gallery.milvus_kinds import FLAT, KINDS, credentials
from facerec.gallery.results import Changes, State
from facerec.records import DIM, Candidates, Float32, Int64
from facerec.settings import milvus_token

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

Done = TypeVar("Done")

AT_ONCE = 1000
"""Templates sent together."""
AT_MOST = 16384
"""Candidates that Milvus answers with."""
TRIES = 8
"""How often a search is begun anew because others wrote meanwhile."""
PATIENCE, PAUSE = 5.0, 0.05
"""Seconds without a turn after which whoever wrote counts as killed, and between two looks."""
CLAIM = 0.02
"""Seconds after which whoever looked at a collection before it was claimed has claimed it too; longer where Milvus is
slow."""
NOWHERE = State("", -1, None)
GONE = 100
"""Milvus's code for a collection that is not there."""

log = logging.getLogger(__name__)


class Disturbed(Exception):
    """Another process wrote to the same collection at the same time."""


class Collection(NamedTuple):
    """A collection by what it says of itself: its state, or NOWHERE; its index; and the turn of who wrote last."""

    name: str
    state: State
    kind: str
    turn: str


class Milvus:
    """One Milvus, by the path of a file that ends in .db, or by the URI of a cluster. Safe to share between threads.

    `kind` is a name in KINDS; FLAT is exact. FACEREC_MILVUS_TOKEN may hold user:password, or a key.
    """

    def __init__(self, uri: str, kind: str = FLAT):
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it reads this once, and tells of every end of a connection
        try:
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            raise MissingPart("searching in Milvus needs pymilvus: pip install 'facerec[milvus]'") from error
        for library in ("pymilvus", "milvus_lite", "grpc"):  # they log URIs, and tracebacks of what is handled here
            logging.getLogger(library).setLevel(logging.CRITICAL + 1)
        self._uri, self._kind, self._failed = uri, KINDS[kind], MilvusException
        self._index = f"{kind} {json.dumps(self._kind.build)}" if self._kind.build else kind
        self._lock = threading.Lock()
        self._loaded: set[str] = set()
        self._last: dict[str, str] = {}
        self._client: Any = self._opened()

    def _opened(self) -> Any:
        from pymilvus import MilvusClient

        try:
            client = MilvusClient(self._uri, token=milvus_token())
            keep_from_others(self._uri)
        except (self._failed, OSError) as error:
            raise GalleryUnusable(f"Milvus at {shown(self._uri)} {reason(error, self._uri)}") from None
        return client

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def follow(self, gallery: Gallery, encoder: str) -> None:
        """Have a collection at the gallery's present state. Raises GalleryUnusable where Milvus refuses."""
        self._until_done(lambda: self._followed(gallery, encoder))

    def settle(self, gallery: Gallery, encoder: str) -> None:
        """Follow, and wait until all is indexed: before that it is scanned. Nobody else may use it meanwhile.

        The embedded form says that it is indexed before it is, but waits where it is closed; so it is opened again.
        """
        there = self._until_done(lambda: self._followed(gallery, encoder))
        if "://" in self._uri:
            while self._client.describe_index(there.name, "embedding").get("pending_index_rows"):
                time.sleep(PAUSE)
            return
        from milvus_lite.server_manager import server_manager_instance as processes

        self._client.close()
        processes.release_server(self._uri)
        self._loaded.clear()
        self._client = self._opened()
        self.follow(gallery, encoder)

    def search(self, gallery: Gallery, encoder: str, probes: Float32, k: int) -> Candidates:
        """(Q, 128) -> (Q, <= k): as many as there are, best first.

        Raises GalleryUnusable where Milvus refuses, or others write to it all the while.
        """
        require_search(probes, k)
        found = self._until_done(lambda: self._searched(gallery, encoder, probes, min(k, AT_MOST)))
        return compared_again(gallery, encoder, probes, found)

    def _until_done(self, work: Callable[[], Done | None]) -> Done:
        """What `work` answers, once it does: it is begun anew where another process replaced what it worked with."""
        for _ in range(TRIES):
            try:
                done = work()
            except Disturbed:
                continue
            except self._failed as error:
                if error.code != GONE:
                    raise GalleryUnusable(f"Milvus at {shown(self._uri)} {reason(error, self._uri)}") from None
            else:
                if done is not None:
                    return done
        raise GalleryUnusable(
            f"Milvus at {shown(self._uri)} was changed by others {TRIES} times while it was searched: try again, and "
            "let everybody name the same index"
        )

    def _searched(self, gallery: Gallery, encoder: str, probes: Float32, limit: int) -> Int64 | None:
        """Template ids (Q, W), 0 where there is none; None where the collection was written to meanwhile."""
        there = self._followed(gallery, encoder)
        if there is None:
            return None
        answers = self._client.search(
            there.name,
            data=list(probes),
            limit=limit,
            output_fields=["id"],
            search_params={"metric_type": "IP", "params": self._kind.searching(limit)},
        )
        if self._look(there.name) != there:
            return None
        ids = np.zeros((len(probes), max((len(answer) for answer in answers), default=0)), np.int64)
        for row, answer in enumerate(answers):
            ids[row, : len(answer)] = [one["id"] for one in answer]
        return ids

    def _followed(self, gallery: Gallery, encoder: str) -> Collection | None:
        """A collection at the gallery's present state; None where it is to be tried again."""
        with self._lock:
            present = gallery.state()
            family = collections_of(present.database, encoder)
            last = self._look(self._last.get(family, family))
            there = last if last and last.state == present else self._settled(family, present)
            if there is None or not self._load(there.name):
                return self._made(gallery, self._changes(gallery, encoder, NOWHERE))
            self._last[family] = there.name
            if there.state == present:
                return there
            began = time.monotonic()
            claim = self._say(there.name, NOWHERE)
            time.sleep(max(CLAIM, 2 * (time.monotonic() - began)))
            if self._look(there.name) != claim:
                return None
            changes = self._changes(gallery, encoder, there.state)
            if changes.touched is None:
                return self._made(gallery, changes)
            done = self._written(claim, changes)
            return done or self._made(gallery, self._changes(gallery, encoder, NOWHERE))

    def _changes(self, gallery: Gallery, encoder: str, past: State) -> Changes:
        """Raises InvalidInput for an encrypted gallery, after dropping what was copied before it was encrypted."""
        changes = gallery.changes(encoder, past)
        if changes.key_id:
            for one in self._all(collections_of(changes.templates.state.database, encoder)):
                self._client.drop_collection(one.name)
            raise InvalidInput(
                f"an encrypted gallery is not searched elsewhere: its templates would lie there in plain: {SEARCH_HERE}"
            )
        return changes

    def _settled(self, family: str, present: State) -> Collection | None:
        """The newest collection with our index that says its state; None where there is none, and nobody is at it."""
        seen: set[Collection] = set()
        since = time.monotonic()
        while True:
            ours = [one for one in self._all(family) if one.kind == self._index]
            ready = [one for one in ours if one.state != NOWHERE]
            if ready:
                return max(ready, key=lambda one: (one.state == present, one.state.generation, one.name))
            if seen != set(ours):
                seen, since = set(ours), time.monotonic()
            if not ours or time.monotonic() - since > PATIENCE:
                return None
            time.sleep(PAUSE)

    def _made(self, gallery: Gallery, changes: Changes) -> Collection | None:
        """A new collection with everything, in the place of all others; None where it did not come out right."""
        family = collections_of(changes.templates.state.database, changes.templates.encoder)
        if others := sorted({one.kind.split()[0] for one in self._all(family) if one.kind not in ("", self._index)}):
            log.warning("what was in Milvus for %s is made anew for %s", " and ".join(others), self._index.split()[0])
        name = f"{family}{secrets.token_hex(4)}"
        made = self._written(self._create(name), changes)
        if made is None:
            self._client.drop_collection(name)
            return None
        now = gallery.state()
        for other in self._all(family):
            if other.name != name and not (other.kind == self._index and stays(other, made, now)):
                self._client.drop_collection(other.name)
        return made

    def _written(self, claim: Collection, changes: Changes) -> Collection | None:
        """Write what has changed; None where the number of templates does not come out right.

        Raises Disturbed where another wrote there at the same time.
        """
        name, stored = claim.name, changes.templates
        for some in parts(sorted(changes.touched or ())):
            self._client.delete(name, filter=f"subject in {some}")
            claim = self._turn(claim)
        for part in parts(range(len(stored))):
            at = slice(part[0], part[-1] + 1)
            columns = (stored.template_ids[at].tolist(), stored.subject_ids[at].tolist(), stored.rows[at])
            rows = [
                {"id": template, "subject": subject, "embedding": row}
                for template, subject, row in zip(*columns, strict=True)
            ]
            self._client.upsert(name, rows)
            claim = self._turn(claim)
        (counted,) = self._client.query(name, filter="", output_fields=["count(*)"])
        if counted["count(*)"] != changes.count - stored.quarantined:
            return None
        done = self._turn(claim, stored.state)
        if len(stored) >= AT_ONCE:
            self._client.flush(name)  # only what is flushed is indexed: the rest is scanned
        return done

    def _turn(self, claim: Collection, state: State = NOWHERE) -> Collection:
        """Say something new of a collection that nobody else has said anything of since.

        Where somebody has, what was written may be wrong: it is of no state then, and Disturbed is raised.
        """
        is_ours = self._look(claim.name) == claim
        said = self._say(claim.name, state if is_ours else NOWHERE)
        if not is_ours:
            raise Disturbed
        return said

    def _create(self, name: str) -> Collection:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("subject", DataType.INT64)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
        indexes = self._client.prepare_index_params()
        kind = self._index.partition(" ")[0]
        indexes.add_index("embedding", index_type=kind, metric_type="IP", params=self._kind.build)
        said = self._said(NOWHERE)
        self._client.create_collection(
            name, schema=schema, index_params=indexes, consistency_level="Strong", properties=said
        )
        self._loaded.add(name)
        return Collection(name, NOWHERE, self._index, said["facerec.turn"])

    def _load(self, name: str) -> bool:
        """A collection that was made by a process before this one lies on the disk, until it is asked for.

        False where the embedded form cannot read its own files: of a process that was killed it leaves half an index.
        """
        if name not in self._loaded:
            try:
                self._client.load_collection(name)
            except self._failed as error:
                if "://" in self._uri or error.code == GONE:
                    raise
                log.warning("what lies in Milvus cannot be read (%s) and is made anew", reason(error, self._uri))
                return False
            self._loaded.add(name)
        return True

    def _all(self, family: str) -> list[Collection]:
        """Every collection of a gallery and an encoder, those that are not complete and old ones included."""
        names = [name for name in self._client.list_collections() if f"{name}_".startswith(family)]
        return [one for one in map(self._look, names) if one]

    def _look(self, name: str) -> Collection | None:
        """None where it is gone."""
        try:
            said = self._client.describe_collection(name).get("properties", {})
        except self._failed as error:
            if error.code == GONE:
                return None
            raise
        database, generation, mark, index, turn = (said.get(f"facerec.{key}", "") for key in SAID)
        state = State(database, int(generation), mark or None) if database else NOWHERE
        return Collection(name, state, index, turn)

    def _said(self, state: State) -> dict[str, str]:
        turn = secrets.token_hex(8)
        values = (state.database, str(state.generation), state.mark or "", self._index, turn)
        return {f"facerec.{key}": value for key, value in zip(SAID, values, strict=True)}

    def _say(self, name: str, state: State) -> Collection:
        """Let a collection say of which state it is, and that it was somebody's turn."""
        said = self._said(state)
        self._client.alter_collection_properties(name, said)
        return Collection(name, state, self._index, said["facerec.turn"])


SAID = ("database", "generation", "mark", "index", "turn")
"""What a collection says, among its properties."""


def stays(other: Collection, made: Collection, present: State) -> bool:
    """Does another complete collection stay beside one that was just made? Both makers come to the same answer."""
    if other.state == made.state:
        return other.name > made.name
    return other.state == present


def parts(numbers: list[int] | range) -> Iterator[list[int]]:
    """As many as may be sent together.

    >>> [len(part) for part in parts(range(2300))]
    [1000, 1000, 300]
    """
    for start in range(0, len(numbers), AT_ONCE):
        yield list(numbers[start : start + AT_ONCE])


def collections_of(database: str, encoder: str) -> str:
    """How the names of a gallery's collections begin: with its own id and the encoder's digest, shortened."""
    return f"facerec_{database}_{encoder[:16]}_"


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


def reason(error: Exception, uri: str) -> str:
    """What Milvus says, which may be long and repeat the URI or parts of it, and what to do about it."""
    if "://" not in uri and "Open local milvus failed" in str(error):
        return (
            "cannot be opened: its folder must be there and yours to write, and one process at a time may have it "
            "open; several share a server: milvus:http://HOST:19530"
        )
    words = shown(str(getattr(error, "message", "") or error).strip().split("\n")[0])
    for secret in [*credentials(uri), *([milvus_token()] if milvus_token() else [])]:
        words = words.replace(secret, "***")
    return f"cannot be used: {words[:200]}"
