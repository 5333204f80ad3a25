"""How far apart the fingerprints of copies of a picture are, and those of different pictures.

The pictures are LFW's, 250x250: portraits of like size and place, so that different ones look more alike than most.
A copy is a picture changed and saved again; of different pictures every pair is taken.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from measure_options import first_paragraphs, options
from PIL import Image, ImageEnhance

from facerec import images
from facerec.curation.copies import NEAR
from facerec.curation.fingerprint import BITS, distances, fingerprint
from facerec.evaluation.lfw import lfw_pictures
from facerec.evaluation.pairs import read_pairs
from facerec.evaluation.result_file import write_result, write_text
from facerec.metrics.intervals import clopper_pearson

EVERY = 8
"""Of so many pictures one is copied."""
BLOCK = 256

Change = Callable[[Image.Image], Image.Image]

CHANGES: dict[str, tuple[Change, int]] = {
    "saved at quality 75": (lambda picture: picture, 75),
    "saved at quality 30": (lambda picture: picture, 30),
    "half the side": (lambda picture: picture.resize((picture.width // 2, picture.height // 2)), 75),
    "a third of the side": (lambda picture: picture.resize((picture.width // 3, picture.height // 3)), 75),
    "twice the side": (lambda picture: picture.resize((picture.width * 2, picture.height * 2)), 75),
    "without colour": (lambda picture: picture.convert("L").convert("RGB"), 75),
    "30 % brighter": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.3), 75),
    "2 % cut off each side": (lambda picture: cut(picture, 0.02), 75),
    "5 % cut off each side": (lambda picture: cut(picture, 0.05), 75),
    "mirrored": (lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 75),
}
"""Name -> what is done to a picture, and the JPEG quality that it is saved at."""


def cut(picture: Image.Image, share: float) -> Image.Image:
    """Without a margin of that share of the side."""
    wide, high = round(share * picture.width), round(share * picture.height)
    return picture.crop((wide, high, picture.width - wide, picture.height - high))


def copied(pixels: np.ndarray, change: Change, quality: int) -> np.ndarray:
    """The picture changed, saved as JPEG and read again."""
    file = io.BytesIO()
    change(Image.fromarray(pixels)).save(file, "JPEG", quality=quality)
    return images.decode(file.getvalue())


def described(apart: np.ndarray) -> dict[str, Any]:
    """How far apart copies are, and how many are found."""
    found = int((apart <= NEAR).sum())
    return {
        "copies": len(apart), "median": float(np.median(apart)), "farthest": int(apart.max()), "found": found,
        "share": found / len(apart), "interval": clopper_pearson(found, len(apart)).as_list(),
    }  # fmt: skip


def different(prints: np.ndarray) -> dict[str, Any]:
    """All pairs of pictures, by how many bits they differ."""
    counts = np.zeros(BITS + 1, np.int64)
    for top in range(0, len(prints), BLOCK):
        apart = distances(prints[top : top + BLOCK], prints[top:])
        counts += np.bincount(apart[np.triu(np.ones_like(apart, bool), 1)], minlength=BITS + 1)
    seen = np.flatnonzero(counts)
    return {
        "pictures": len(prints), "pairs": int(counts.sum()), "near": int(counts[: NEAR + 1].sum()),
        "nearest": [int(bits) for bits in np.repeat(seen, counts[seen])[:10]],
    }  # fmt: skip


def page(result: dict[str, Any]) -> str:
    """docs/results/copies.md."""
    other = result["different"]
    lines = [
        "# Copies of pictures, in figures", "", "Made by `scripts/measure_copies`.", "", first_paragraphs(__doc__), "",
        f"`facerec duplicates` takes {NEAR} of {BITS} bits or fewer for a copy.", "",
        "| changed | copies | bits apart, median | farthest | found |", "| --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {name} | {one['copies']} | {one['median']:g} | {one['farthest']} | {100 * one['share']:.1f} % |"
            for name, one in result["changes"].items()
        ), "",
        f"Of {other['pairs']:,} pairs of {other['pictures']:,} different files, {other['near']} are as near. The",
        f"nearest are {', '.join(map(str, other['nearest']))} bits apart.", "", result["by_eye"], "",
    ]  # fmt: skip
    return "\n".join(lines)


BY_EYE = (
    "Looked at by hand: the pairs that are as near show one photograph twice, once under two names, which is an error "
    "of the collection. No two different photographs were taken for copies."
)


def main() -> None:
    chosen = options(__doc__, "copies", keeps=False)
    pairs = read_pairs(chosen.data / "lfw" / "pairs.txt")
    with lfw_pictures(chosen.data / "lfw", pairs) as folder:
        pictures = [images.load(folder / name) for name in pairs.pictures]
    prints = np.array([fingerprint(pixels) for pixels in pictures])
    changes = {}
    for name, (change, quality) in CHANGES.items():
        again = np.array([fingerprint(copied(pixels, change, quality)) for pixels in pictures[::EVERY]])
        changes[name] = described(apart_each(prints[::EVERY], again))
    result = {"near": NEAR, "bits": BITS, "changes": changes, "different": different(prints), "by_eye": BY_EYE}
    write_result(chosen.output, result)
    write_text(chosen.output.with_suffix(".md"), page(result))
    print(page(result))


def apart_each(a: Sequence[np.ndarray] | np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bits apart, row by row."""
    return np.array([distances(one[None], other[None])[0, 0] for one, other in zip(a, b, strict=True)])


if __name__ == "__main__":
    main()
