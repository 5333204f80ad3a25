"""How templates are put into a row and taken out again: as they are, or encrypted and bound to the row.

AES-256-GCM (NIST SP 800-38D) by the package `cryptography`: 12 random bytes nonce, 512 ciphertext, 16 tag. What is
authenticated along with it is which field of which face of which subject by which encoder in which gallery it is, so
that a ciphertext that is moved to another row does not open there. A template's own id need not be in it: a face has
one template of an encoder. With random nonces one key may seal 2^32 templates (section 8.3 of that paper).

Which way a gallery has it travels with its connections, in the execution option `vault`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import Connection, select
from sqlalchemy.orm import InstrumentedAttribute

from facerec.errors import MissingPart
from facerec.gallery.again import Interrupted
from facerec.gallery.keys import Key, KeyRing
from facerec.gallery.tables import EncryptionRow, FaceRow, MetaRow, TemplateRow

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Outdated(Interrupted):
    """Another process has encrypted the gallery, changed its key or restored it, since this one opened it."""


class Place(NamedTuple):
    """Where a template lies."""

    subject_id: int
    face_id: int
    encoder: str


class Vault(Protocol):
    """Puts templates in and takes them out.

    key_id   of the key that new templates are sealed with; None where they are not
    columns  what of a template and its face is needed to open it
    """

    key_id: str | None
    columns: tuple[InstrumentedAttribute[Any], ...]

    def closed(self, embedding: bytes, place: Place) -> dict[str, Any]:
        """512 bytes -> the values of a row's columns."""
        ...

    def opened(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """Rows of `columns` -> 512 bytes each, and none where what lies there was not sealed for that place."""
        ...

    def sealed_for(self, words: str, content: bytes) -> bytes:
        """What leaves the gallery: bound to words in place of a row, and as it is where nothing is sealed."""
        ...

    def is_for(self, database: str, key_id: str | None) -> bool:
        """Do templates lie so in the gallery of that id, where new ones are sealed with that key, or with none?"""
        ...


class Plain:
    """Templates lie as they are."""

    key_id: str | None = None
    columns: tuple[InstrumentedAttribute[Any], ...] = (TemplateRow.embedding,)

    def closed(self, embedding: bytes, place: Place) -> dict[str, Any]:
        return {"embedding": embedding, "sealed": None, "key_id": None}

    def opened(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        contents = [row[0] for row in rows]
        if None in contents:
            raise Outdated("the gallery was encrypted by another process: open it again")
        return contents

    def sealed_for(self, words: str, content: bytes) -> bytes:
        return content

    def is_for(self, database: str, key_id: str | None) -> bool:
        return key_id is None


class Sealed:
    """Templates lie encrypted, each for its row. One that lies plain is taken for what it is: put there by others."""

    key_id: str | None
    columns: tuple[InstrumentedAttribute[Any], ...] = (
        TemplateRow.sealed, TemplateRow.key_id, FaceRow.subject_id, TemplateRow.face_id, TemplateRow.encoder
    )  # fmt: skip

    def __init__(self, database: str, key_id: str, ring: KeyRing):
        self._database, self.key_id, self._sealer = database, key_id, Sealer(ring)
        self._sealer.require(key_id)

    def closed(self, embedding: bytes, place: Place) -> dict[str, Any]:
        sealed = self._sealer.seal(str(self.key_id), embedding, self._bound_to(place))
        return {"embedding": None, "sealed": sealed, "key_id": self.key_id}

    def opened(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        return [
            b"" if sealed is None else self._sealer.unseal(key_id, sealed, self._bound_to(Place(*place)))
            for sealed, key_id, *place in rows
        ]

    def sealed_for(self, words: str, content: bytes) -> bytes:
        return self._sealer.seal(str(self.key_id), content, words)

    def is_for(self, database: str, key_id: str | None) -> bool:
        return (database, key_id) == (self._database, self.key_id)

    def _bound_to(self, place: Place) -> str:
        return f"facerec template.embedding 1|{self._database}|{'|'.join(map(str, place))}"


class Sealer:
    """Encrypts and decrypts under the keys of a ring, bound to words that say what it is."""

    def __init__(self, ring: KeyRing):
        self._ring = ring
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, key_id: str, content: bytes, bound_to: str) -> bytes:
        """Nonce, ciphertext and tag, 28 bytes more than the content."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self.require(key_id).encrypt(nonce, content, bound_to.encode())

    def unseal(self, key_id: str, sealed: bytes, bound_to: str) -> bytes:
        """The content; none where this was not sealed so for those words. Raises GalleryUnusable without the key."""
        from cryptography.exceptions import InvalidTag

        try:
            return self.require(key_id).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a tag
            return b""

    def require(self, key_id: str) -> AESGCM:
        """The cipher of a key. Raises GalleryUnusable naming the key where it is not at hand, and MissingPart."""
        if key_id not in self._ciphers:
            self._ciphers[key_id] = cipher(self._ring.require(key_id, "templates are encrypted"))
        return self._ciphers[key_id]


PLAIN = Plain()

SEALED_WITH = select(MetaRow.database, EncryptionRow.key_id).outerjoin(EncryptionRow, EncryptionRow.id == MetaRow.id)
"""Both tables have one row at most, and its id is 1."""


def vault_of(connection: Connection) -> Vault:
    """How templates lie in the gallery of this connection."""
    vault: Vault = connection.get_execution_options().get("vault", PLAIN)
    return vault


def current_vault(connection: Connection) -> Vault:
    """How templates lie there at this moment. Raises Outdated where that is not what this process knows."""
    vault = vault_of(connection)
    if not vault.is_for(*connection.execute(SEALED_WITH).one()):
        raise Outdated("another process has encrypted the gallery, changed its key or restored it: open it again")
    return vault


def cipher(key: Key) -> AESGCM:
    """Raises MissingPart where the package is not installed."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingPart("encrypted galleries need cryptography: pip install 'facerec[encryption]'") from error
    return AESGCM(key.secret)
