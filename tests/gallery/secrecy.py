"""V6: no key and no template in what a process says, none in a file where it does not belong, nobody in the log.

Heard is every line of the log, every message of an error of this package, and what is written to stderr: by this
process, and by those that are forked from it and may be killed.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from unittest import mock

import numpy as np

from facerec.errors import FacerecError
from facerec.gallery import vault
from facerec.gallery.keys import Key, find_keys

WINDOW = 26
"""Bytes of a template that give it away, wherever it was cut."""

HOLDS_TEMPLATES = re.compile(r"|-wal|\.[0-9a-f]{16}\.snapshot|\.damaged-\w+(-wal|-shm)?").fullmatch
"""What the gallery's file name is followed by in files where plain templates belong, unless they are encrypted."""


@dataclass
class Ear:
    """What was said since it was opened, and the keys that were used meanwhile.

    log   lines of the log, which may name nobody
    said  messages of errors and stderr, which answer somebody who gave a name
    """

    log: Path
    said: Path
    keys: set[bytes] = field(default_factory=set)


heard: list[Ear] = []
"""The ears that are open; the last one counts."""


@contextmanager
def hearing(folder: Path) -> Iterator[Ear]:
    """Listen within the block, with the package's own log at its loudest."""
    ear = Ear(folder / "log", folder / "said")
    handler, package = logging.FileHandler(ear.log), logging.getLogger("facerec")
    before = package.level
    logging.getLogger().addHandler(handler)
    package.setLevel(logging.DEBUG)
    heard.append(ear)
    real_init, real_cipher = FacerecError.__init__, vault.cipher

    def error(self: FacerecError, *words: Any) -> None:
        noted(" ".join(map(str, words)))
        real_init(self, *words)

    def cipher(key: Key) -> Any:
        ear.keys.add(key.secret)
        return real_cipher(key)

    with ear.said.open("ab", buffering=0) as file:

        def noted(words: str) -> None:
            os.write(file.fileno(), f"{words}\n".encode("utf-8", "replace"))

        try:
            with (
                mock.patch.object(FacerecError, "__init__", error),
                mock.patch.object(vault, "cipher", cipher),
                mock.patch.object(sys, "stderr", Both(sys.stderr, noted)),
            ):
                yield ear
        finally:
            heard.remove(ear)
            package.setLevel(before)
            logging.getLogger().removeHandler(handler)
            handler.close()


class Both:
    """A stream that also notes what is written to it."""

    def __init__(self, stream: TextIO, noted: Any):
        self._stream, self._noted = stream, noted

    def write(self, words: str) -> int:
        self._noted(words)
        return self._stream.write(words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def nothing_was_said(embeddings: Iterable[bytes], people: Iterable[str]) -> None:
    """Fail where a key or one of the embeddings was said, or one of the people (names, paths, digests) was logged."""
    if not heard:
        return
    ear = heard[-1]
    log, said = ear.log.read_bytes(), ear.said.read_bytes()
    forms = [form for key in keys() for form in forms_of_key(key)]
    forms += [form for embedding in embeddings for form in forms_in_words(embedding)]
    assert [form for form in forms if form in log or form in said] == []
    words = log.decode("utf-8", "replace")
    assert [one for one in people if one in words and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", words)] == []


def nothing_lies_about(path: Path, embeddings: Sequence[bytes], is_sealed: bool) -> None:
    """Fail where a key lies in the gallery's folder, or a plain template in a file of the gallery that has no right to.

    Files that a damaged gallery was moved to are what they were, and others in the folder are for whoever made them.
    """
    forms = [form for key in keys() for form in forms_of_key(key)]
    parts = [embedding[at : at + WINDOW] for embedding in embeddings for at in range(0, len(embedding), 2 * WINDOW)]
    for file in path.parent.iterdir():
        ending = file.name.removeprefix(path.name)
        is_own = ending != file.name or file.name.startswith(f".{path.name}")
        may_hold = ".damaged-" in ending or (HOLDS_TEMPLATES(ending) is not None and not is_sealed)
        needles = forms + (parts if is_own and not may_hold else [])
        if needles and file.is_file():
            content = file.read_bytes()
            assert not any(needle in content for needle in needles), file.name


def keys() -> set[bytes]:
    """Those at hand, and those that were used since somebody listens."""
    return {key.secret for key in find_keys().keys.values()} | (heard[-1].keys if heard else set())


def forms_of_key(secret: bytes) -> list[bytes]:
    """As it is, in hex, in both alphabets of base64, and as Python shows bytes."""
    hexadecimal = secret.hex()
    encoded = [base64.b64encode(secret), base64.urlsafe_b64encode(secret)]
    return [
        secret,
        hexadecimal.encode(),
        hexadecimal.upper().encode(),
        *(one.rstrip(b"=") for one in encoded),
        shown(secret),
    ]


def forms_in_words(embedding: bytes) -> list[bytes]:
    """The beginning of 512 bytes as they are, in hex, in base64, as Python shows bytes, and its first number."""
    start = embedding[: WINDOW + 1]  # a multiple of three, so that base64 goes on as it begins
    number = str(float(np.frombuffer(embedding[:4], "<f4")[0]))[:9]
    return [
        start,
        start.hex().encode(),
        base64.b64encode(start),
        base64.urlsafe_b64encode(start),
        shown(start),
        number.encode(),
    ]


def shown(content: bytes) -> bytes:
    return repr(content)[2:-1].encode()
