"""The kinds of index that Milvus may build over the templates, and where a name says which: `milvus:URI#KIND`.

Each is known to the embedded form and to a cluster alike. FLAT compares everything; the others say where to look, and
what they name is compared again with the templates in SQL, so a similarity is never approximate: what they cost is
people missed. Others are refused here, for the embedded form takes any word and builds nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from facerec.errors import InvalidInput

MILVUS = "milvus:"
FLAT = "FLAT"
BREADTH = 200
"""Candidates that HNSW follows at a time, unless more are asked for."""


class Kind(NamedTuple):
    """Milvus's own settings: for building it, and for a search that asks for `limit` templates."""

    build: dict[str, int]
    search: dict[str, int]

    def searching(self, limit: int) -> dict[str, int]:
        """HNSW must follow at least as many as are asked for."""
        return {name: max(value, limit) if name == "ef" else value for name, value in self.search.items()}


KINDS = {
    FLAT: Kind({}, {}),
    "HNSW": Kind({"M": 32, "efConstruction": 200}, {"ef": BREADTH}),
    "IVF_FLAT": Kind({"nlist": 1024}, {"nprobe": 64}),
    "IVF_SQ8": Kind({"nlist": 1024}, {"nprobe": 64}),
}


class Place(NamedTuple):
    """Where a Milvus is, and by which kind of index it is searched."""

    uri: str
    kind: str


def milvus_place(name: str) -> Place:
    """What `milvus:URI#KIND` says; FLAT where it names no kind.

    Raises InvalidInput for a kind that there is not, and for a URI that is none: that may hold a password, so neither
    is said back then.

    >>> milvus_place("milvus:http://milvus.example:19530#HNSW")
    Place(uri='http://milvus.example:19530', kind='HNSW')
    >>> milvus_place("milvus:/var/lib/faces.db").kind
    'FLAT'
    """
    uri, _, kind = name.removeprefix(MILVUS).partition("#")
    kind = kind.upper() or FLAT
    if "://" in uri and not is_uri(name.removeprefix(MILVUS)):
        raise InvalidInput(
            "the URI of the Milvus cannot be read: expected milvus:http://HOST:PORT, the port from 1 to 65535; in a "
            "password # / and [ are written %23 %2F and %5B"
        )
    if kind not in KINDS:
        raise InvalidInput(f"Milvus has no index {kind!r} here; known: {', '.join(KINDS)}: milvus:URI#HNSW")
    if "://" not in uri and not uri.endswith(".db"):
        raise InvalidInput("Milvus is a file that ends in .db, or a URI: milvus:faces.db, milvus:http://HOST:19530")
    return Place(uri if "://" in uri else str(Path(uri).expanduser().absolute()), kind)


def is_uri(uri: str) -> bool:
    """Can it be taken apart, into a host and a port that there may be? Milvus's own client ends in a traceback.

    >>> [is_uri(f"http://{rest}") for rest in ("anna:secret@[::1]:19530", "127.0.0.1:99999", "h:port", "[::1", "a#b@h")]
    [True, False, False, False, False]
    """
    try:
        parts = urlsplit(uri)
        return parts.port != 0 and "@" not in parts.fragment + parts.path
    except ValueError:
        return False


def to_be_kept(name: str) -> str:
    """`milvus:URI#KIND` as a gallery keeps it: a file by its whole path.

    Raises InvalidInput where it holds a password, which would get into backups.
    """
    if credentials(name):
        raise InvalidInput(
            "a password is not stored in a gallery, for it would get into backups: name the Milvus without it, and put "
            "user:password into FACEREC_MILVUS_TOKEN"
        )
    place = milvus_place(name)
    return f"{MILVUS}{place.uri}#{place.kind}"


def credentials(uri: str) -> list[str]:
    """What must never be printed of a URI: user and password together, and the password, also as they are meant.

    >>> credentials("http://anna:sec%3Fret@milvus.example:19530")
    ['anna:sec%3Fret', 'anna:sec?ret', 'sec%3Fret', 'sec?ret']
    """
    given = uri.partition("://")[2].rpartition("@")[0]
    password = given.partition(":")[2]
    return [secret for secret in (given, unquote(given), password, unquote(password)) if secret]
