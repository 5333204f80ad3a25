"""Digests: is this file's content the content that was meant?"""

from __future__ import annotations

import hashlib
from pathlib import Path

from facerec.errors import DamagedFile, MissingPart


def sha256(content: bytes) -> str:
    """The SHA-256 digest, 64 lower-case hex digits.

    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def verify_digest(content: bytes, expected: str, name: str) -> None:
    """Raise DamagedFile unless `content` has the digest `expected` (hex); `name` is what the message calls it."""
    found = sha256(content)
    if found != expected.lower():
        raise DamagedFile(f"{name} is not what was expected: sha256 {found[:12]}..., not {expected[:12]}...")


def read_verified(path: Path, expected: str) -> bytes:
    """The content of a file, once its digest is right: use these bytes, the file may change after the check.

    Raises MissingPart when there is no such file or it cannot be read, and DamagedFile when its digest is another.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingPart(f"{str(path)!r} cannot be read: {error.strerror}") from error
    verify_digest(content, expected, repr(str(path)))
    return content
