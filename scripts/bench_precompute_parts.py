"""Where the time of a batch goes, and what it brings to find faces on many pictures together."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from facerec import images, runtime
from facerec.faces.align import align
from facerec.faces.choice import largest
from facerec.faces.detector import create_detector
from facerec.faces.encoder import open_encoder
from facerec.faces.mtcnn import Mtcnn
from facerec.faces.mtcnn_export import mtcnn_graphs
from facerec.faces.quality import quality
from facerec.faces.together import PORTIONS, Portion
from facerec.records import Faces, Image
from facerec.runtime import Graph, open_graph

Net = Callable[[np.ndarray], list[np.ndarray]]


class Clock:
    """Seconds and calls of each part, a batch at a time."""

    def __init__(self) -> None:
        self.batches: list[dict[str, float]] = []
        self.calls: dict[str, int] = defaultdict(int)

    def start(self) -> None:
        """Begin a batch."""
        self.batches.append(defaultdict(float))

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.batches[-1][part] += time.perf_counter() - started
        self.calls[part] += 1

    def timed(self, net: Graph, name: Callable[[np.ndarray], str]) -> Net:
        """The net, each call of it timed under a name that may depend on what it is given."""

        def call(given: np.ndarray) -> list[np.ndarray]:
            with self.time(name(given)):
                return net(given)

        return call


def parts(blobs: Sequence[bytes], batch: int) -> dict[str, dict[str, float]]:
    """Part -> median milliseconds a picture over the batches, and calls a picture; with one thread."""
    clock, opened = Clock(), {name: open_graph(graph) for name, graph in mtcnn_graphs().items()}
    names = {
        "pnet": lambda given: f"P-Net on {given.shape[1]}x{given.shape[2]}",
        "rnet": lambda given: "R-Net", "onet": lambda given: "O-Net",
    }  # fmt: skip
    nets = {name: clock.timed(net, names[name]) for name, net in opened.items()}
    detector, embed = Mtcnn(graphs=nets), open_encoder()  # type: ignore[arg-type]
    for at in range(0, len(blobs), batch):
        clock.start()
        with clock.time("decode"):
            pixels = [images.decode(one, name="a picture") for one in blobs[at : at + batch]]
        with clock.time("detect"):
            found = detector.detect_all(pixels)
        meant = [(one, largest(faces)) for one, faces in zip(pixels, found, strict=True) if len(faces)]
        with clock.time("align"):
            crops = [align(*one) for one in meant]
        with clock.time("judge"):
            for (_, faces), crop in zip(meant, crops, strict=True):
                quality(faces, crop)
        with clock.time("encode"):
            embed(np.concatenate(crops))
        within = sum(seconds for part, seconds in clock.batches[-1].items() if "Net" in part)
        clock.batches[-1]["between the nets"] = clock.batches[-1].pop("detect") - within
    measured = clock.batches[1:]  # the first warms up
    clock.calls["between the nets"] = clock.calls.pop("detect")
    sizes = [min(batch, len(blobs) - at) for at in range(batch, len(blobs), batch)]
    return {
        part: {
            "ms": 1000 * float(np.median([one[part] / size for one, size in zip(measured, sizes, strict=True)])),
            "calls": clock.calls[part] / len(blobs),
        }
        for part in clock.calls
    }


def alike(first: Sequence[Faces], second: Sequence[Faces]) -> bool:
    """Whether two lists of faces are the same to the last bit."""
    names = ("boxes", "landmarks", "scores")
    return all(
        getattr(a, name).tobytes() == getattr(b, name).tobytes()
        for a, b in zip(first, second, strict=True)
        for name in names
    )


@contextmanager
def looking_at(portion: Portion) -> Iterator[None]:
    """So much at once, for detectors that are opened and used within."""
    usual = PORTIONS["cpu"]
    PORTIONS["cpu"] = portion
    yield
    PORTIONS["cpu"] = usual


def together(
    pixels: Sequence[Image], name: str, threads: int, batch: int, rounds: int, others: Sequence[Portion] = ()
) -> list[dict[str, Any]]:
    """A batch's pictures one by one and together, the usual portion at once and others, in turn.

    Of each portion milliseconds a picture, the ratio of the medians, and whether faces are the same to the last bit.
    """
    runtime.use(threads=threads)
    portions, opened = [PORTIONS["cpu"], *others], {}
    for portion in portions:
        with looking_at(portion):
            opened[portion] = create_detector(name)
    works: list[tuple[Portion | None, Portion]] = [(None, portions[0]), *((one, one) for one in portions)]
    turns: list[dict[Portion | None, tuple[float, float]]] = []
    found: dict[tuple[Portion | None, int], list[Faces]] = {}
    for number in range(rounds + 1):
        for at in range(0, len(pixels), batch):
            part, taken = pixels[at : at + batch], {}
            for which, portion in works if number % 2 else works[::-1]:
                with looking_at(portion):
                    detector = opened[portion]
                    started, busy = time.perf_counter(), time.process_time()
                    found[which, at] = detector.detect_all(part) if which else [detector(one) for one in part]
                    taken[which] = time.perf_counter() - started, time.process_time() - busy
            turns.append({which: (1000 * a / len(part), 1000 * b / len(part)) for which, (a, b) in taken.items()})
    measured = turns[len(turns) // (rounds + 1) :]  # the first round warms up
    medians = {which: np.median([one[which] for one in measured], axis=0) for which in measured[0]}
    return [
        {
            "detector": name, "threads": threads, "call": one.call, "group": one.group,
            "one_by_one_ms": float(medians[None][0]), "together_ms": float(medians[one][0]),
            "ratio": float(medians[None][0] / medians[one][0]),
            "ratio_processor": float(medians[None][1] / medians[one][1]),
            "is_same": all(alike(found[None, at], found[one, at]) for at in range(0, len(pixels), batch)),
            "turns": [[*turn[None], *turn[one]] for turn in measured],
        }
        for one in portions
    ]  # fmt: skip
