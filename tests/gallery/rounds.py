"""F7: rounds in which two writers and two readers are killed at a random moment, and everything is looked at after."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import tempfile
import termios
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facerec.gallery import open_gallery
from facerec.gallery.index import build_index, faiss_library
from facerec.gallery.searcher import Searcher
from facerec.gallery.store import Gallery
from facerec.records import Template
from tests.gallery.invariants import must_hold
from tests.gallery.lives import APPROXIMATE
from tests.gallery.secrecy import hearing

WRITERS, READERS = 2, 2
BEGIN_WITHIN = 20.0
"""Seconds that a round waits for a writer to have done something, on a machine that has other things to do."""

FIRST_WORDS = 24
"""Bytes that a writer has said when it has done one thing and begun the next."""

People = dict[str, tuple[int, ...]]
"""Name -> numbers of the pictures."""


@dataclass
class Tally:
    """What the rounds came to."""

    rounds: int = 0
    acknowledged: int = 0
    in_doubt: int = 0
    searches: int = 0
    wrong_answers: int = 0
    refusals: list[str] = field(default_factory=list)


@dataclass
class Rounds:
    """Rounds over one gallery; it goes on from where the killed left it."""

    path: Path
    template: Callable[[str, int], Template]
    encoder: str
    rng: random.Random
    tally: Tally = field(default_factory=Tally)
    people: People = field(default_factory=dict)
    serial: int = 0

    def run(self, longest: float) -> None:
        """Start everybody, kill everybody within so many seconds from the first write, and look.

        Raises AssertionError.
        """
        faiss_library()  # each child would import it anew
        with tempfile.TemporaryDirectory() as folder, hearing(Path(folder)):
            self._run(longest)

    def _run(self, longest: float) -> None:
        writers = [Child.start(self._write, number) for number in range(WRITERS)]
        readers = [Child.start(self._read, number) for number in range(READERS)]
        deadline = time.monotonic() + BEGIN_WITHIN
        while not any(writer.has_said(FIRST_WORDS) for writer in writers) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(self.rng.uniform(0, longest))
        for child in self.rng.sample(writers + readers, WRITERS + READERS):
            os.kill(child.pid, signal.SIGKILL)
        doubts = [doubt for child in writers if (doubt := self._take(child.said()))]
        for reader in readers:
            self._count(reader.said())
        self.serial += 10_000
        self._look(doubts)
        self.tally.rounds += 1

    def _write(self, number: int, say: Callable[[str], object]) -> None:
        """Enroll, rename and remove people of one's own, saying what is begun and what is done."""
        gallery, rng = open_gallery(self.path), random.Random(self.serial + number)
        mine = [name for name in self.people if name.startswith(f"w{number}-")]
        for serial in range(self.serial, self.serial + 10_000):
            word = rng.choice(["enroll", "enroll", "enroll", "rename", "remove", "forget"]) if mine else "enroll"
            name = f"w{number}-{serial}" if word == "enroll" else mine.pop(rng.randrange(len(mine)))
            say(f"?{word} {name}\n")
            change(gallery, word, name, self.template)
            say("!\n")
            if word in ("enroll", "rename"):
                mine.append(name if word == "enroll" else renamed(name))

    def _read(self, number: int, say: Callable[[str], object]) -> None:
        """Search for people and say how it went; now and then as a process that has just started. All readers but the
        first search by an index that is kept."""
        rng, build = random.Random(self.serial + number), APPROXIMATE if number else build_index
        gallery = open_gallery(self.path)
        searcher = Searcher(gallery, self.encoder, build)
        while True:
            if rng.random() < 0.2:
                gallery = open_gallery(self.path)
                searcher = Searcher(gallery, self.encoder, build)
            stored = gallery.embeddings(self.encoder)
            if len(stored):
                row = rng.randrange(len(stored))
                found = searcher.search(stored.rows[row : row + 1], 1)[0]
                meant = person(stored.names[int(stored.subject_ids[row])])
                is_right = not found or found[0][1] < 0.999 or person(found[0][0]) == meant
                say("s" if is_right else "W")

    def _take(self, said: str) -> tuple[str, str] | None:
        """Note what a writer did; what it had begun and not acknowledged."""
        for refusal in (line for line in said.splitlines() if line.startswith("X")):
            self.tally.refusals.append(refusal)
        lines = [line for line in said.splitlines() if line[:1] in "?!"]
        for begun, done in zip(lines[::2], lines[1::2], strict=False):
            word, name = begun[1:].split(" ")
            assert done == "!"
            self.people = after(self.people, word, name)
            self.tally.acknowledged += 1
        if len(lines) % 2 == 0:
            return None
        word, name = lines[-1][1:].split(" ")
        self.tally.in_doubt += 1
        return word, name

    def _count(self, said: str) -> None:
        self.tally.searches += said.count("s") + said.count("W") if "X" not in said else 0
        self.tally.wrong_answers += said.count("W") if "X" not in said else 0
        self.tally.refusals += [line for line in said.splitlines() if line.startswith("X")]

    def _look(self, doubts: list[tuple[str, str]]) -> None:
        """Everything acknowledged is there once and whole, and what was under way is done or not done."""
        gallery = open_gallery(self.path)
        there = {summary.name for summary in gallery.subjects()}
        for word, name in doubts:
            done = after(self.people, word, name)
            self.people = (
                done if (set(done) ^ set(self.people)) & there == set(done) - set(self.people) else self.people
            )
        assert there == set(self.people), sorted(there ^ set(self.people))[:5]
        must_hold(gallery, [self.template(name, one) for name, numbers in self.people.items() for one in numbers])


@dataclass(frozen=True)
class Child:
    """A forked process, and the end of a pipe into which it speaks."""

    pid: int
    receiver: int

    @classmethod
    def start(cls, work: Callable[[int, Callable[[str], object]], None], number: int) -> Child:
        receiver, sender = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                work(number, lambda word: os.write(sender, word.encode()))
            except BaseException as error:  # the parent must hear of anything
                os.write(sender, f"\nX {error!r}\n".encode())
            finally:
                os._exit(0)
        os.close(sender)
        return cls(pid, receiver)

    def has_said(self, length: int) -> bool:
        """So many bytes at least, and not yet heard."""
        waiting = array("i", [0])
        fcntl.ioctl(self.receiver, termios.FIONREAD, waiting)
        return waiting[0] >= length

    def said(self) -> str:
        with open(self.receiver) as reports:
            words = reports.read()
        os.waitpid(self.pid, 0)
        return words


def change(gallery: Gallery, word: str, name: str, template: Callable[[str, int], Template]) -> None:
    """Do what the word says."""
    if word == "enroll":
        gallery.enroll([template(name, number) for number in numbers_of(name)])
    elif word == "rename":
        gallery.rename(name, renamed(name))
    else:
        getattr(gallery, word)(name)


def after(people: People, word: str, name: str) -> People:
    """Who is there once it is done."""
    others = {other: numbers for other, numbers in people.items() if other != name}
    if word == "enroll":
        return {**others, name: numbers_of(name)}
    return {**others, renamed(name): people[name]} if word == "rename" else others


def numbers_of(name: str) -> tuple[int, int]:
    """Pictures of a person: the same for its other names."""
    writer, serial = person(name)
    first = 2 * (int(serial) * WRITERS + int(writer[1:]))
    return first, first + 1


def renamed(name: str) -> str:
    return name.removesuffix("-r") if name.endswith("-r") else f"{name}-r"


def person(name: str) -> tuple[str, str]:
    """Who it is under any of their names."""
    writer, serial, *_ = name.split("-")
    return writer, serial


def picture_of(name: str, number: int) -> Template:
    """A template that says whose it is by its number."""
    from tests.gallery.conftest import template_of

    assert number in numbers_of(name) and np.isfinite(number)
    return template_of(name, number)
