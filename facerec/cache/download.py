"""Weights from the network: over https, of a known digest, kept in the cache."""

from __future__ import annotations

import logging
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from facerec.cache.kept import keep, recall
from facerec.digest import verify_digest
from facerec.errors import InvalidInput, MissingPart

LIMIT = 1 << 30  # bytes; no weights of ours are near it
TIMEOUT = 30  # seconds without a byte
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
log = logging.getLogger(__name__)


def fetch(url: str, digest: str) -> bytes:
    """The content of `url`, whose SHA-256 is `digest` (64 hex digits); from the cache where it is there.

    Raises InvalidInput for an address that is not https (file: and this machine's own http are let through),
    MissingPart when it cannot be had, and DamagedFile when its content is another.
    """
    require_safe(url)
    content = recall("fetched", digest.lower())
    if content is None:
        log.warning("fetching %s, once", url)
        content = _read(url)
        verify_digest(content, digest, url)
        keep("fetched", content)
    return content


def require_safe(url: str) -> None:
    """Raise InvalidInput unless nobody on the way could read or change what `url` brings."""
    parts = urlsplit(url)
    here = parts.scheme == "file" or (parts.scheme == "http" and parts.hostname in THIS_MACHINE)
    if not (here or (parts.scheme == "https" and parts.hostname)):
        raise InvalidInput(f"weights are fetched over https only, not from {url}")


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirect only to where a direct address might point too."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(url: str) -> bytes:
    try:
        with build_opener(_SafeRedirects).open(url, timeout=TIMEOUT) as answer:
            content: bytes = answer.read(LIMIT + 1)
    except (URLError, HTTPException, OSError) as error:
        raise MissingPart(f"{url} cannot be fetched: {error}") from error
    if len(content) > LIMIT:
        raise MissingPart(f"{url} is larger than {LIMIT} bytes, no weights are")
    return content
