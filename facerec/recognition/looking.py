"""From pictures to their one meant face with its embedding: here, or in processes of their own, in the order given.

Each worker opens the detector and the encoder for itself, with one thread, and answers for a batch at a time. On a GPU
the workers decode, and this process detects and embeds: graphs on one device gain nothing from more processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from facerec import runtime
from facerec.errors import BadImage, FacerecError, InvalidInput, ManyFaces, NoFace
from facerec.faces.encoder import PACKAGED
from facerec.faces.pipeline import FacePipeline, Portraits
from facerec.recognition.choice import at_place, choice_named
from facerec.recognition.picture import Picture
from facerec.records import Faces, Image

NOT_FOUND = "face_not_found"
"""There is no face at the place where one is meant."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a picture has no one face: the error's code, and its words."""

    code: str
    reason: str

    @classmethod
    def by(cls, error: FacerecError) -> Refused:
        return cls(error.code, str(error))


BATCH = 32
"""Pictures that are looked at and stored together."""

HELD = 4_000_000
"""Pixels from which on decoded pictures are looked at and let go of, before another is decoded. A detector's own groups
are no larger, so nothing is lost; a batch of photos of 12 million pixels each would take a gigabyte.
"""

T = TypeVar("T")
Batch = TypeVar("Batch")

Seen = Portraits | Refused
"""The one face of a picture, or why there is none."""

Answer = Callable[[], list[Seen]]
"""Waits for what became of each picture of a batch, in order."""


class Looker(Protocol):
    """Looks at batches of pictures: of `batch` at best, and `ahead` of them given before the first is fetched."""

    ahead: int
    batch: int

    def look(self, pictures: Sequence[Picture]) -> Answer: ...

    def close(self) -> None: ...


def in_order(looker: Looker, batches: Iterable[tuple[Batch, Sequence[Picture]]]) -> Iterator[tuple[Batch, list[Seen]]]:
    """Batch after batch with what was seen on its pictures: in the order given, others being looked at meanwhile."""
    under_way: deque[tuple[Batch, Answer]] = deque()
    for batch, pictures in batches:
        under_way.append((batch, looker.look(pictures) if pictures else list))
        if len(under_way) > looker.ahead:
            yield _fetched(*under_way.popleft())
    while under_way:
        yield _fetched(*under_way.popleft())


def _fetched(batch: Batch, answer: Answer) -> tuple[Batch, list[Seen]]:
    return batch, answer()


class Here:
    """In this process, one batch after the other."""

    ahead = 0
    batch = BATCH

    def __init__(self, pipeline: FacePipeline, face: str):
        self._pipeline, self._choose = pipeline, choice_named(face)

    def look(self, pictures: Sequence[Picture]) -> Answer:
        seen = self.seen(pictures, map(decoded, pictures))
        return lambda: seen

    def seen(self, pictures: Sequence[Picture], pixels: Iterable[Image | Refused]) -> list[Seen]:
        """What is on decoded pictures: as many at a time as have `HELD` pixels, the same as one by one."""
        waiting, found = iter(pictures), list[Seen]()
        for group in in_portions(pixels, HELD):
            found += self._seen(list(islice(waiting, len(group))), group)
            del group  # or it would be held while the next one is decoded
        return found

    def _seen(self, pictures: Sequence[Picture], pixels: Sequence[Image | Refused]) -> list[Seen]:
        """The same of a group: faces found together and embedded together."""
        faces = iter(self._pipeline.detect.detect_all([one for one in pixels if not isinstance(one, Refused)]))
        found = [
            one if isinstance(one, Refused) else self._meant(picture, one, next(faces))
            for picture, one in zip(pictures, pixels, strict=True)
        ]
        portraits = iter(self._pipeline.describe([one for one in found if not isinstance(one, Refused)]))
        return [one if isinstance(one, Refused) else next(portraits) for one in found]

    def close(self) -> None:
        """Nothing to let go of."""

    def _meant(self, picture: Picture, pixels: Image, faces: Faces) -> tuple[Image, Faces] | Refused:
        if picture.place is not None:
            there = at_place(faces, picture.place)
            gone = Refused(NOT_FOUND, f"no face is found at the enrolled place of {picture.name}")
            return (pixels, there) if len(there) else gone
        try:
            return pixels, self._choose(faces, pixels.shape, picture.name)
        except (NoFace, ManyFaces) as error:
            return Refused.by(error)


def in_portions(pictures: Iterable[Image | Refused], pixels: int) -> Iterator[list[Image | Refused]]:
    """Pictures in order as they come, cut behind each that brings a portion to so many pixels or more."""
    portion: list[Image | Refused] = []
    held = 0
    for one in pictures:
        portion.append(one)
        held += 0 if isinstance(one, Refused) else one.shape[0] * one.shape[1]
        del one
        if held >= pixels:
            yield portion
            portion, held = [], 0
    if portion:
        yield portion


def decoded(picture: Picture) -> Image | Refused:
    """The pixels of a picture, or why it has none."""
    try:
        return picture.decode()
    except BadImage as error:
        return Refused.by(error)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker opens: by name, since what is open does not travel between processes.

    Paths become absolute: a worker may have another working directory.
    """

    detector: str
    encoder: str | Path
    face: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "detector", with_absolute_source(self.detector))
        if str(self.encoder) not in PACKAGED:
            object.__setattr__(self, "encoder", absolute(str(self.encoder)))


def with_absolute_source(detector: str) -> str:
    """A detector's NAME or NAME:SOURCE, its file or folder as an absolute path, with the digest that is behind it."""
    name, colon, source = detector.partition(":")
    place, *digest = source.partition("#sha256=")
    return "".join((name, colon, absolute(place) if place else "", *digest))


def absolute(place: str) -> str:
    """The absolute path of what is there, anything else as it is."""
    return str(Path(place).absolute()) if Path(place).exists() else place


class Workers:
    """Whole batches in processes of their own: for processors."""

    batch = BATCH

    def __init__(self, recipe: Recipe, count: int):
        self.ahead = count + 1
        self._pool = pool(count, recipe)

    def look(self, pictures: Sequence[Picture]) -> Answer:
        return answer_of(self._pool.submit(_look_there, list(pictures)))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class DecodingWorkers:
    """Decoding in processes of their own, the rest here: for a GPU. Answers are fetched in the order of the asking.

    No more than two decoded pictures a worker wait for this process, of however many batches.
    """

    batch = BATCH

    def __init__(self, here: Here, count: int):
        self.ahead, self._most = count + 1, 2 * count
        self._here, self._pool = here, pool(count, None)
        self._given: deque[Picture] = deque()
        self._under_way: deque[Callable[[], Image | Refused]] = deque()

    def look(self, pictures: Sequence[Picture]) -> Answer:
        self._given += pictures
        self._hand_out()
        return lambda: self._here.seen(pictures, self._next(len(pictures)))

    def _next(self, count: int) -> Iterator[Image | Refused]:
        """So many decoded pictures, the first that were given."""
        for _ in range(count):
            pixels = self._under_way.popleft()()
            self._hand_out()
            yield pixels
            del pixels

    def _hand_out(self) -> None:
        while self._given and len(self._under_way) < self._most:
            self._under_way.append(answer_of(self._pool.submit(decoded, self._given.popleft())))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def looker_for(
    pipeline: FacePipeline, recipe: Recipe, workers: int, device: str, engine: str = "processes"
) -> Looker:  # fmt: skip
    """Who looks at the pictures. Raises InvalidInput for no worker at all, and as RayWorkers does."""
    if workers < 1:
        raise InvalidInput(f"there must be at least 1 worker, got {workers}")
    if engine == "ray":
        from facerec.recognition.looking_on_ray import RayWorkers

        return RayWorkers(recipe, workers, pipeline.embed.digest)
    here = Here(pipeline, recipe.face)
    if workers == 1:
        return here
    return DecodingWorkers(here, workers) if device == "cuda" else Workers(recipe, workers)


def useful(workers: int, pictures: int, device: str = "cpu") -> int:
    """Workers, but no more than have something to do: others would begin, which takes a second of each, for nothing.

    Whole batches are handed out, but on a GPU, for which pictures are decoded one by one.

    >>> useful(8, 40), useful(8, 0), useful(2, 1000)
    (2, 1, 2)
    >>> useful(8, 40, "cuda"), useful(8, 3, "cuda")
    (8, 3)
    """
    at_once = 1 if device == "cuda" else BATCH
    return min(workers, max(-(-pictures // at_once), 1))


def pool(count: int, recipe: Recipe | None) -> ProcessPoolExecutor:
    """Fresh processes: one that is forked from a process with an open graph may wait for its threads for ever."""
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _start, (recipe,))


def answer_of(future: Future[T]) -> Callable[[], T]:
    """The future's result; a worker that was killed is said."""

    def wait() -> T:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise FacerecError(
                "a worker ended before its time, killed or out of memory: what was reported is stored; start again, "
                "perhaps with fewer --workers"
            ) from error

    return wait


_mine: list[Here] = []
"""Of a worker: what it looks with."""


def _start(recipe: Recipe | None) -> None:
    """Begin a worker. Whoever stops the command stops its parent, which then lets the workers end, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if recipe is None:
        return
    from facerec.recognition.recognizer import Recognizer

    runtime.use(threads=1)
    opened = Recognizer.open(detector=recipe.detector, encoder=recipe.encoder, face=recipe.face)
    _mine.append(Here(opened.pipeline, recipe.face))


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever: nobody tells it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _look_there(pictures: Sequence[Picture]) -> list[Seen]:
    return _mine[0].look(pictures)()
