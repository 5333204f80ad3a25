"""Keys that templates are encrypted with: 32 random bytes, kept apart from the gallery.

They are read from FACEREC_GALLERY_KEY, or from the file that FACEREC_GALLERY_KEY_FILE names, or from `gallery.key` in
the folder of your settings: in base64, one a line, the newest last. Older ones are there to open what they have sealed.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from facerec.errors import GalleryUnusable, InvalidInput
from facerec.replacing import replacing
from facerec.settings import default_key_file

KEY_BYTES = 32
ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Its id says which it is and nothing about it: a digest of 256 random bits cannot be guessed back."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return sha256(b"facerec gallery key\n" + self.secret).hexdigest()[:ID_DIGITS]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id, the newest last; where they come from in words, and the file where it is one."""

    keys: Mapping[str, Key]
    origin: str
    path: Path | None = None

    @property
    def newest(self) -> Key:
        """Raises GalleryUnusable where there is no key at all."""
        if not self.keys:
            raise GalleryUnusable(f"there is no key in {self.origin}: `facerec gallery new-key` makes one")
        return list(self.keys.values())[-1]

    def require(self, key_id: str, what: str) -> Key:
        """The key of that id. Raises GalleryUnusable naming it where it is not at hand."""
        if key_id not in self.keys:
            held = f"holds {', '.join(self.keys)}" if self.keys else "holds none"
            raise GalleryUnusable(
                f"{what} with key {key_id}, and {self.origin} {held}: give the right key by FACEREC_GALLERY_KEY_FILE; "
                "nothing was touched"
            )
        return self.keys[key_id]


def find_keys(environment: Mapping[str, str] = os.environ) -> KeyRing:
    """The keys at hand; none where nothing names any. Raises GalleryUnusable for a file that must not be used."""
    if given := environment.get("FACEREC_GALLERY_KEY"):
        return KeyRing(_parsed(given, "FACEREC_GALLERY_KEY"), "FACEREC_GALLERY_KEY")
    return read_keys(key_file(environment))


def key_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The file that keys are read from and added to."""
    named = environment.get("FACEREC_GALLERY_KEY_FILE")
    return Path(named).expanduser().absolute() if named else default_key_file()


def read_keys(path: Path) -> KeyRing:
    """The keys in a file; none where there is no file. Raises GalleryUnusable where others may read it."""
    try:
        with path.open("rb") as handle:
            state = os.fstat(handle.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_mode & 0o077:
                raise GalleryUnusable(f"the key file {path} can be read by others: chmod 600 {path}")
            content = handle.read(1 << 16).decode("ascii", "replace")
    except FileNotFoundError:
        return KeyRing({}, str(path), path)
    except OSError as error:
        raise GalleryUnusable(f"the key file {path} cannot be read: {error.strerror}") from error
    return KeyRing(_parsed(content, str(path)), str(path), path)


def add_key(path: Path) -> Key:
    """Make a key and write it at the end of a file, which is made for its owner alone where there is none.

    Raises GalleryUnusable where the file cannot be used or written.
    """
    known, key = read_keys(path), Key(secrets.token_bytes(KEY_BYTES))
    lines = [base64.b64encode(one.secret).decode() for one in (*known.keys.values(), key)]
    try:
        with replacing(path) as fresh:
            fresh.touch(0o600)
            fresh.write_text("".join(f"{line}\n" for line in lines), "ascii")
    except OSError as error:
        raise GalleryUnusable(f"the key file {path} cannot be written: {error.strerror}") from error
    return key


def require_elsewhere(path: Path, gallery: Path) -> None:
    """Raise InvalidInput where a key would lie beside what it locks: whoever copies the folder would have both."""
    if path.parent.resolve() == gallery.parent.resolve():
        raise InvalidInput(
            f"the key file {path} lies beside the gallery: keep it elsewhere, named by FACEREC_GALLERY_KEY_FILE"
        )


def _parsed(text: str, origin: str) -> dict[str, Key]:
    keys = [Key(_secret(word, origin)) for line in text.splitlines() for word in line.partition("#")[0].split()]
    return {key.id: key for key in keys}


def _secret(word: str, origin: str) -> bytes:
    try:
        secret = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:  # the word itself is not repeated: it may be most of a key
        raise GalleryUnusable(f"{origin} holds something that is no key: a key is 32 bytes in base64, 44 characters")
    return secret
