"""The user's cache: files that can be made or fetched again, each checked against its digest when read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from facerec.digest import sha256

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where made and fetched files are kept: FACEREC_CACHE, or the system's place for caches."""
    named = os.environ.get("FACEREC_CACHE")
    if named:
        return Path(named)
    import platformdirs  # not needed where the folder is named

    return Path(platformdirs.user_cache_dir("facerec"))


def recall(stem: str, digest: str = "*") -> bytes | None:
    """The content of the cached file named `stem`-`digest` (any digest: "*"); None where there is no such file.

    A file with another content than its name says is passed over: the caller makes it again.
    """
    for path in sorted(cache_folder().glob(f"{stem}-{digest}")):
        content = path.read_bytes()
        if path.name == _name(stem, content):
            return content
    return None


def keep(stem: str, content: bytes) -> None:
    """Put a file into the cache for `recall`. Where that is impossible, say so in the log and go on."""
    path = cache_folder() / _name(stem, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, content)
    except OSError as error:
        log.warning("%s cannot be kept for the next run (%s): name another folder in FACEREC_CACHE", path, error)


def _name(stem: str, content: bytes) -> str:
    return f"{stem}-{sha256(content)}"


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
