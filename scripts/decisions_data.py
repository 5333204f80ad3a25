"""The people that decisions are measured on: aligned faces and their quality once, embeddings once per encoder.

`calibration` people are the split `val` of the data folder's faces, nobody of whom was trained on; `lfw` people are a
benchmark that nothing is chosen on. The cache holds pictures of people: keep it outside of the project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from facerec import images
from facerec.evaluation.lfw import lfw_pictures
from facerec.evaluation.pairs import read_pairs
from facerec.faces.align import align
from facerec.faces.choice import nearest_centre
from facerec.faces.detector import create_detector
from facerec.faces.encoder import Encoder
from facerec.faces.quality import quality, sharpness
from facerec.learning.datasets import load_shards, read_rows
from facerec.replacing import replacing

WORSE = 500
"""LFW people whose enrolled picture is made worse."""
SHRUNK = (0.5, 0.35, 0.27, 0.22, 0.18, 0.15)
"""Sides of the picture, as shares of the original's."""
BLURRED = (1.0, 2.0, 3.0, 4.0, 6.0)
"""Standard deviations of the blur, in pixels of a picture of 250x250."""
CROWD = 20_000
"""Faces that fill large galleries."""
FIELDS = ("score", "eye_distance", "sharpness", "yaw", "pitch", "roll")

Pixels = np.ndarray
Worsen = Callable[[Pixels], Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Aligned faces of labelled people.

    crops     (N, 112, 112, 3) uint8, or None where only embeddings are wanted
    found     (N,) bool   was a face found? Rows of others mean nothing
    labels    (N,) str    whose
    sources   (N,) str    where from, in words
    quality   (N, 6)      FIELDS; NaN where it is not known
    """

    crops: np.ndarray
    found: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    quality: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The faces that were found, with their embeddings: rows (N, 128), and the rest as in Pictures."""

    rows: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    quality: np.ndarray
    lost: int

    def __getitem__(self, keep: np.ndarray) -> People:
        return People(self.rows[keep], self.labels[keep], self.sources[keep], self.quality[keep], self.lost)

    def of(self, subjects: Iterable[str]) -> People:
        """Those of the named subjects only."""
        return self[np.isin(self.labels, list(subjects))]

    def field(self, name: str) -> np.ndarray:
        """One number of their quality, (N,)."""
        return self.quality[:, FIELDS.index(name)]


def people(name: str, data: Path, cache: Path, encoder: Encoder) -> People:
    """`calibration`, `lfw`, `shrunk-0.5` and so on, `blurred-2.0` and so on."""
    pictures = kept(cache / f"{name}.npz", lambda: asdict(look(name, data)))
    embedded = kept(
        cache / f"{name}-{encoder.digest[:16]}.npz", lambda: {"rows": encoder(pictures["crops"][pictures["found"]])}
    )
    found = pictures["found"]
    rest = {field: pictures[field][found] for field in ("labels", "sources", "quality")}
    return People(embedded["rows"], **rest, lost=int((~found).sum()))


def crowd(data: Path, cache: Path, encoder: Encoder) -> np.ndarray:
    """Embeddings of CROWD faces of the split `unlabelled`, by chance: (CROWD, 128). The encoder learned on that split,
    without knowing whose faces they are; few of these people are in it twice.
    """

    def embedded() -> dict[str, np.ndarray]:
        crops = load_shards(data / "faces", ("unlabelled",))
        edge = (crops.pixels.shape[1] - 112) // 2
        chosen = np.random.default_rng(0).permutation(len(crops))[:CROWD]
        return {"rows": encoder(np.ascontiguousarray(crops.pixels[chosen, edge : edge + 112, edge : edge + 112]))}

    return kept(cache / f"crowd-{encoder.digest[:16]}.npz", embedded)["rows"]


def kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What a file holds, made first where there is none."""
    if not path.exists():
        print(f"making {path.name}", flush=True)
        made = make()
        with replacing(path) as fresh, fresh.open("wb") as out:
            np.savez(out, **made)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def look(name: str, data: Path) -> Pictures:
    """The pictures of a set, looked at."""
    if name == "calibration":
        return calibration_crops(data / "faces")
    if name == "lfw":
        return lfw_crops(data / "lfw", lambda pixels: pixels, everybody)
    kind, amount = name.split("-")
    worsen = {"shrunk": shrink, "blurred": blur}[kind](float(amount))
    return lfw_crops(data / "lfw", worsen, first_of_some)


def calibration_crops(folder: Path) -> Pictures:
    """The split `val`: crops that were aligned before, of which only the sharpness is known."""
    crops = load_shards(folder, ("val",))
    edge = (crops.pixels.shape[1] - 112) // 2
    pixels = np.ascontiguousarray(crops.pixels[:, edge : edge + 112, edge : edge + 112])
    rows = read_rows(folder / "faces.csv", ("val",))
    known = np.full((len(crops), len(FIELDS)), np.nan, np.float32)
    known[:, FIELDS.index("sharpness")] = sharpness(pixels)
    labels = np.array([f"{label:04d}" for label in crops.labels])
    return Pictures(pixels, np.ones(len(crops), bool), labels, np.array([row["source"] for row in rows]), known)


def everybody(names: list[str]) -> list[str]:
    return names


def first_of_some(names: list[str]) -> list[str]:
    """The first picture of WORSE people who have two or more."""
    of: dict[str, list[str]] = {}
    for name in sorted(names):
        of.setdefault(Path(name).parent.name, []).append(name)
    able = [pictures[0] for pictures in of.values() if len(pictures) > 1]
    return [able[place] for place in np.random.default_rng(0).permutation(len(able))[:WORSE]]


def lfw_crops(folder: Path, worsen: Worsen, choose: Callable[[list[str]], list[str]]) -> Pictures:
    """The pictures that LFW's pairs name, through the detector: the face nearest the centre is meant."""
    pairs = read_pairs(folder / "pairs.txt")
    detect = create_detector("mtcnn")
    names = choose(list(pairs.pictures))
    crops, known = np.zeros((len(names), 112, 112, 3), np.uint8), np.full((len(names), len(FIELDS)), np.nan, np.float32)
    with lfw_pictures(folder, pairs) as where:
        for row, name in enumerate(names):
            pixels = worsen(images.load(where / name))
            faces = nearest_centre(detect(pixels), pixels.shape)
            if len(faces):
                crops[row] = align(pixels, faces)[0]
                known[row] = [values[0] for values in asdict(quality(faces, crops[row : row + 1])).values()]
    labels = np.array([Path(name).parent.name for name in names])
    return Pictures(crops, np.isfinite(known[:, 0]), labels, np.array(names), known)


def shrink(share: float) -> Worsen:
    """The picture as a smaller sensor, or one further away, would have it."""

    def worsened(pixels: Pixels) -> Pixels:
        side = tuple(round(share * length) for length in pixels.shape[1::-1])
        return np.asarray(Image.fromarray(pixels).resize(side, Image.Resampling.LANCZOS))

    return worsened


def blur(sigma: float) -> Worsen:
    """The picture out of focus."""
    return lambda pixels: np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))
