"""What the packaged feature network of `facerec style` learns from: patches of 64x64 pixels in a folder per class.

    FACEREC_DATA=... python scripts/style_pictures.py FOLDER

Drawn textures with their direction or their palette as the class, patches of CamVid's streets by what most of them
shows, BCCD's blood cells, the ISBI membranes, and parts of faces from faces/ by their place. Nothing of scikit-image or
scikit-learn, whose pictures the documentation is illustrated with. The same seed draws the same pictures.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from facerec import images
from facerec.cnn.preparation import squared
from facerec.records import Image

SIDE = 64
DIRECTIONS = {"across": 0.0, "rising": 45.0, "upright": 90.0, "falling": 135.0}
PALETTES: dict[str, tuple[float, float]] = {"warm": (0.0, 0.12), "green": (0.22, 0.42), "blue": (0.52, 0.72)}
"""Between which hues a palette's colours lie, 0 to 1."""
THINGS = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "person", "cyclist")
PARTS = {"hair": (64, 14), "forehead": (64, 40), "eye": (46, 60), "other-eye": (82, 60), "nose": (64, 76),
         "mouth": (64, 98), "cheek": (36, 88), "beside": (14, 40)}  # fmt: skip
"""Where a part of an aligned face of 128x128 has its middle: x, y."""
Field = np.ndarray
Maker = Callable[[np.random.Generator, float], Field]


def plane(angle: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """Coordinates along and across a direction, in pixels, turned by a few degrees more and moved by chance."""
    turn = np.deg2rad(angle + rng.uniform(-12, 12))
    y, x = np.mgrid[:SIDE, :SIDE] + rng.uniform(0, 200, (2, 1, 1))
    return x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)


def noise(rng: np.random.Generator, slope: float, stretch: float = 1.0, angle: float = 0.0) -> Field:
    """Gaussian noise whose spectrum falls with a power of the frequency, 0..1; stretched along a direction."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    turn = np.deg2rad(angle + rng.uniform(-12, 12))
    along, across = fx * np.cos(turn) + fy * np.sin(turn), -fx * np.sin(turn) + fy * np.cos(turn)
    frequency = np.hypot(along * stretch, across) + 1 / SIDE
    spectrum = np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * frequency**-slope
    return ranked(np.fft.ifft2(spectrum).real)


def ranked(values: Field) -> Field:
    """Brought to 0..1 by its 1st and 99th percentile."""
    low, high = np.percentile(values, (1, 99))
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1)


def seeds(rng: np.random.Generator, count: int) -> Field:
    """Distance to the nearest and the second nearest of random points, (2, SIDE, SIDE) pixels."""
    points = rng.uniform(-8, SIDE + 8, (count, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.sort(np.hypot(y[..., None] - points[:, 0], x[..., None] - points[:, 1]), axis=-1)[..., :2].transpose(
        2, 0, 1
    )


def wave(values: Field, period: float, sharp: float = 1.0) -> Field:
    return 0.5 + 0.5 * np.tanh(sharp * np.sin(2 * np.pi * values / period)) / np.tanh(sharp)


def bricks(rng: np.random.Generator, angle: float) -> Field:
    along, across = plane(angle, rng)
    height, width = rng.uniform(7, 12), rng.uniform(15, 26)
    shifted = along + (across // height % 2) * width / 2
    return ((across % height > 1.6) & (shifted % width > 1.6)) * (0.7 + 0.3 * noise(rng, 1.0))


def waves(rng: np.random.Generator, angle: float) -> Field:
    along, across = plane(angle, rng)
    return wave(across + rng.uniform(2, 5) * np.sin(along / rng.uniform(3, 7)), rng.uniform(7, 14), rng.uniform(0.5, 3))


def weave(rng: np.random.Generator, angle: float) -> Field:
    along, across = plane(angle, rng)
    size = rng.uniform(4, 8)
    upper = (along // (2 * size) + across // size) % 2 > 0
    return np.where(upper, np.abs(np.sin(np.pi * along / (2 * size))), np.abs(np.sin(np.pi * across / size)))


def one_edge(rng: np.random.Generator, angle: float) -> Field:
    _, across = plane(angle, rng)
    middle = np.median(across) + rng.uniform(-12, 12)
    return 0.5 + 0.5 * np.tanh((across - middle) / rng.uniform(0.5, 6))


def checks(rng: np.random.Generator, _: float) -> Field:
    along, across = plane(45 * int(rng.integers(2)), rng)
    return (along // rng.uniform(5, 12) + across // rng.uniform(5, 12)) % 2


DIRECTED: dict[str, Maker] = {
    "fine-lines": lambda rng, angle: wave(plane(angle, rng)[1], rng.uniform(3, 5), 2),
    "stripes": lambda rng, angle: wave(plane(angle, rng)[1], rng.uniform(8, 20), rng.uniform(0.5, 5)),
    "one-edge": one_edge,
    "strokes": lambda rng, angle: noise(rng, rng.uniform(1.0, 1.6), rng.uniform(6, 10), angle),
    "fur": lambda rng, angle: noise(rng, rng.uniform(0.3, 0.6), rng.uniform(4, 8), angle),
    "waves": waves,
    "bricks": bricks,
    "weave": weave,
}
UNDIRECTED: dict[str, Maker] = {
    "clouds": lambda rng, _: noise(rng, rng.uniform(1.7, 2.3)),
    "sand": lambda rng, _: noise(rng, rng.uniform(0, 0.5)),
    "marble": lambda rng, _: wave(plane(0, rng)[1] + 25 * noise(rng, 2.0), rng.uniform(8, 14), 1),
    "cells": lambda rng, _: np.tanh((lambda d: d[1] - d[0])(seeds(rng, 30)) / rng.uniform(1, 3)),
    "pebbles": lambda rng, _: ranked(-seeds(rng, int(rng.integers(30, 70)))[0]),
    "dots": lambda rng, _: (seeds(rng, int(rng.integers(12, 40)))[0] < rng.uniform(2.5, 5)) * 1.0,
    "rings": lambda rng, _: wave(seeds(rng, int(rng.integers(1, 4)))[0], rng.uniform(6, 12), rng.uniform(0.5, 4)),
    "checks": checks,
    "blots": lambda rng, _: (noise(rng, 2.0) > rng.uniform(0.35, 0.65)) * 1.0,
    "swirls": lambda rng, _: wave(40 * noise(rng, 2.4), rng.uniform(4, 9), 1),
}


def hued(hue: Field, saturation: Field, value: Field) -> Field:
    """HSV 0..1 -> RGB 0..1, (..., 3)."""
    shades = (hue[..., None] * 6 + np.array([5, 3, 1])) % 6
    return value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(shades, 4 - shades), 0, 1))


def coloured(field: Field, rng: np.random.Generator, hues: tuple[float, float] | None = None) -> Image:
    """A field 0..1 between two or three colours, of a palette or any, with a little grain: RGB uint8."""
    count = int(rng.integers(2, 4))
    hue = rng.uniform(*(hues or (0, 1)), count)
    values = np.sort(rng.uniform(0.05, 1, count))[:: rng.choice([-1, 1])]
    values[[0, -1]] = np.where(values[0] < values[-1], [min(values[0], 0.4), max(values[-1], 0.7)],
                               [max(values[0], 0.7), min(values[-1], 0.4)])  # fmt: skip
    colours = hued(hue, rng.uniform(0.45 if hues else 0.0, 0.95, count), values)
    places = np.linspace(0, 1, count)
    mixed = np.stack([np.interp(field, places, colours[:, channel]) for channel in range(3)], axis=-1)
    grain = rng.normal(0, rng.uniform(0, 0.03), (SIDE, SIDE, 1))
    return np.asarray(np.clip((mixed + grain) * 255, 0, 255), np.uint8)


def drawn(rng: np.random.Generator, count: int) -> Iterator[tuple[str, Image]]:
    """So many of every drawn class."""
    for (name, make), (way, angle) in itertools.product(DIRECTED.items(), DIRECTIONS.items()):
        yield from ((f"{name}-{way}", coloured(make(rng, angle), rng)) for _ in range(count))
    for (name, make), (palette, hues) in itertools.product(UNDIRECTED.items(), PALETTES.items()):
        yield from ((f"{name}-{palette}", coloured(make(rng, 0), rng, hues)) for _ in range(count))


def streets(archive: Path) -> Iterator[tuple[str, Image]]:
    """Patches of CamVid's training pictures, by the thing that covers most of them."""
    with tarfile.open(archive) as tar:
        for line in content(tar, "camvid/train.txt").decode().splitlines():
            picture, mask = (images.decode(content(tar, f"camvid/{name}")) for name in line.split())
            for y, x in itertools.product(*(range(0, length - SIDE + 1, SIDE // 2) for length in mask.shape[:2])):
                cover = np.bincount(mask[y : y + SIDE, x : x + SIDE, 0].ravel(), minlength=12)[:11] / SIDE**2
                rare = cover * (np.arange(11) != 1) * (np.arange(11) != 3)  # buildings and roads are everywhere
                kind = int(rare.argmax()) if rare.max() > 0.3 else int(cover.argmax())
                if cover[kind] > 0.3:
                    yield f"street-{THINGS[kind]}", picture[y : y + SIDE, x : x + SIDE]


def cells(archive: Path) -> Iterator[tuple[str, Image]]:
    """BCCD's blood cells of the training pictures, the square around each box."""
    with tarfile.open(archive) as tar:
        for stem in content(tar, "BCCD/ImageSets/Main/trainval.txt").decode().split():
            picture = images.decode(content(tar, f"BCCD/JPEGImages/{stem}.jpg"))
            for cell in ElementTree.fromstring(content(tar, f"BCCD/Annotations/{stem}.xml")).iter("object"):
                x1, y1, x2, y2 = (int(cell.findtext(f"bndbox/{c}", "0")) for c in ("xmin", "ymin", "xmax", "ymax"))
                half, x, y = max(x2 - x1, y2 - y1, 40) // 2, (x1 + x2) // 2, (y1 + y2) // 2
                square = picture[max(0, y - half) : y + half, max(0, x - half) : x + half]
                if min(square.shape[:2]) >= 32:
                    yield f"cell-{cell.findtext('name')}", squared(square, SIDE)


def membranes(archive: Path) -> Iterator[tuple[str, Image]]:
    """Patches of the ISBI training pictures, with much membrane or with little."""
    with tarfile.open(archive) as tar:
        for number in range(20):
            picture, mask = (
                images.decode(content(tar, f"membrane/train/{kind}/{number}.png")) for kind in ("image", "label")
            )
            for y, x in itertools.product(*(range(0, length - SIDE + 1, SIDE) for length in mask.shape[:2])):
                inside = (mask[y : y + SIDE, x : x + SIDE, 0] > 127).mean()
                if not 0.72 < inside < 0.82:
                    yield f"membrane-{'little' if inside > 0.77 else 'much'}", picture[y : y + SIDE, x : x + SIDE]


def faces(folder: Path, rng: np.random.Generator, count: int) -> Iterator[tuple[str, Image]]:
    """Parts of the training faces by their place, a few pixels off it, enlarged from 40 to 64 pixels."""
    with (folder / "faces.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] != "val" and row["shard"] == "faces-00.tar"]
    half = 20
    with tarfile.open(folder / "faces-00.tar") as tar:
        for place in np.sort(rng.choice(len(rows), count, replace=False)):
            face = np.pad(
                images.decode(content(tar, rows[place]["file"])), ((half, half), (half, half), (0, 0)), "edge"
            )
            for part, (x, y) in PARTS.items():
                x, y = x + int(rng.integers(-3, 4)) + half, y + int(rng.integers(-3, 4)) + half
                yield f"face-{part}", squared(face[y - half : y + half, x - half : x + half], SIDE)


def content(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert member is not None
    return member.read()


def spread(found: list[tuple[str, Image]], most: int) -> Iterator[tuple[str, Image]]:
    """At most so many of each class, evenly over all of it."""
    for name in sorted({name for name, _ in found}):
        own = [picture for kind, picture in found if kind == name]
        yield from ((name, own[place]) for place in np.linspace(0, len(own) - 1, min(most, len(own))).astype(int))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=130)
    options = parser.parse_args()
    data, rng, most = Path(os.environ["FACEREC_DATA"]), np.random.default_rng(8), options.per_class
    found = [
        *drawn(rng, most),
        *spread([*streets(data / "camvid.tar"), *cells(data / "bccd.tar"), *membranes(data / "membrane.tar")], most),
        *faces(data / "faces", rng, most),
    ]
    for number, (name, picture) in enumerate(found):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
        (options.folder / name / f"{number:05d}.png").write_bytes(images.encode(picture, "PNG"))
    print(f"{len(found)} pictures of {len({name for name, _ in found})} classes in {options.folder}")


if __name__ == "__main__":
    main()
