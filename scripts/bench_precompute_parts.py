"""Where the time of a batch goes, and what it brings to find faces on many pictures together."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from facerec import images, runtime
from facerec.faces.align import align
from facerec.faces.choice import largest
from facerec.faces.detector import create_detector
from facerec.faces.encoder import open_encoder
from facerec.faces.mtcnn import Mtcnn
from facerec.faces.mtcnn_export import mtcnn_graphs
from facerec.faces.quality import quality
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


def together(pixels: Sequence[Image], name: str, threads: int, batch: int, rounds: int) -> dict[str, object]:
    """A batch's pictures one by one and together, in turn: milliseconds a picture, and whether faces are the same."""
    runtime.use(threads=threads)
    detector, turns, same = create_detector(name), [], True
    for number in range(rounds + 1):
        for at in range(0, len(pixels), batch):
            part = pixels[at : at + batch]
            works: dict[str, Callable[[Sequence[Image]], list[Faces]]] = {
                "one by one": lambda part: [detector(one) for one in part], "together": detector.detect_all,
            }  # fmt: skip
            taken, found = {}, {}
            for which in sorted(works, reverse=bool(number % 2)):
                started, busy = time.perf_counter(), time.process_time()
                found[which] = works[which](part)
                taken[which] = 1000 * (time.perf_counter() - started) / len(part)
                taken[f"{which}, processor"] = 1000 * (time.process_time() - busy) / len(part)
            same &= alike(*found.values())
            turns.append(taken)
    measured = turns[len(turns) // (rounds + 1) :]  # the first round warms up
    medians = {side: float(np.median([one[side] for one in measured])) for side in measured[0]}
    return {
        "detector": name, "threads": threads, **medians, "is_same": same,
        "ratio": medians["one by one"] / medians["together"],
        "ratio_processor": medians["one by one, processor"] / medians["together, processor"], "turns": measured,
    }  # fmt: skip
