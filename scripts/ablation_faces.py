"""What the runs of the ablation are judged on: people of the split `val`, and LFW's pairs, both as prepared crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facerec import images
from facerec.calibration import balanced, measure_operating_points
from facerec.cli.progress import bar
from facerec.evaluation.folds import lfw_accuracy
from facerec.evaluation.lfw import lfw_pictures
from facerec.evaluation.pairs import PicturePairs, read_pairs
from facerec.faces.choice import nearest_centre
from facerec.faces.detector import Detector, create_detector
from facerec.faces.packing import with_margin
from facerec.learning.datasets import SIDE, load_shards
from facerec.metrics.cross_pairs import similarity
from facerec.records import Float32
from facerec.replacing import replacing

FMR = 1e-3
MOST_PER_SUBJECT = 30
CACHE = "lfw-crops.npz"
Compare = Callable[[Float32, Float32], Float32]


@dataclass(frozen=True)
class Test:
    """Crops (N, 128, 128, 3) uint8 of people whom no run learns from.

    val    with labels, N names
    lfw    one of each picture that the pairs name, sorted by name; `found` (N,) bool says where a face was found
    pairs  first and second, both (P,) rows of `lfw`
    """

    val: np.ndarray
    labels: list[str]
    lfw: np.ndarray
    found: np.ndarray
    pairs: PicturePairs
    first: np.ndarray
    second: np.ndarray

    def described(self) -> dict[str, Any]:
        """What the figures are of."""
        return {
            "val_crops": len(self.val),
            "val_subjects": len(set(self.labels)),
            "lfw_pairs": len(self.pairs),
            "lfw_folds": len(np.unique(self.pairs.folds)),
            "lfw_pictures": len(self.lfw),
            "lfw_without_a_face": int((~self.found).sum()),
        }


def load_test(data: Path, out: Path) -> Test:
    """Read the split `val`, and LFW's aligned faces: from `out`, where they are kept, or from its pictures."""
    crops = load_shards(data / "faces", ("val",))
    keep = balanced([str(label) for label in crops.labels], MOST_PER_SUBJECT, np.random.default_rng(0))
    pairs = read_pairs(data / "lfw" / "pairs.txt")
    row = {name: number for number, name in enumerate(pairs.pictures)}
    first, second = (np.array([row[name] for name in names]) for names in (pairs.first, pairs.second))
    lfw, found = aligned(data / "lfw", pairs, out / CACHE)
    return Test(crops.pixels[keep], [str(label) for label in crops.labels[keep]], lfw, found, pairs, first, second)


def aligned(folder: Path, pairs: PicturePairs, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every picture's face nearest the centre, and where there is one; detected once, then kept."""
    if not cache.exists():
        detect = create_detector("mtcnn")
        with lfw_pictures(folder, pairs) as pictures:
            paths = [pictures / name for name in pairs.pictures]
            crops = [crop_of(path, detect) for path in bar(paths, len(paths), "aligning LFW")]
        found = np.array([crop is not None for crop in crops])
        blank = np.zeros((SIDE, SIDE, 3), np.uint8)
        with replacing(cache) as fresh, fresh.open("wb") as handle:
            np.savez(handle, pixels=np.stack([blank if crop is None else crop for crop in crops]), found=found)
    kept = np.load(cache, allow_pickle=False)
    return kept["pixels"], kept["found"]


def crop_of(path: Path, detect: Detector) -> np.ndarray | None:
    """(128, 128, 3) of the face nearest a picture's centre; None where no face is found."""
    image = images.load(path)
    face = nearest_centre(detect(image), image.shape)
    return with_margin(image, face) if len(face) else None


def measured(test: Test, val: Float32, lfw: Float32, head: Compare | None) -> dict[str, Any]:
    """Error rates of embeddings of all crops of a test, by their cosine, and on `val` by a head where there is one."""
    scores = np.einsum("pd,pd->p", lfw[test.first], lfw[test.second])
    made = test.found[test.first] & test.found[test.second]
    accuracy = lfw_accuracy(scores, test.pairs.same, test.pairs.folds, made)
    return {
        "val": at_fmr(val, test.labels, similarity),
        "by_its_head": at_fmr(val, test.labels, head) if head else None,
        "lfw": {"accuracy": accuracy.mean, "standard_error": accuracy.standard_error},
        "strangers": strangers(val, test.labels),
    }


def at_fmr(rows: Float32, labels: list[str], compare: Compare) -> dict[str, Any]:
    """The share of genuine pairs accepted at an FMR of 1e-3, with its interval by bootstrap over people."""
    points = measure_operating_points(
        rows, labels, encoder="", evidence="", rng=np.random.default_rng(0), targets=(FMR,), compare=compare
    )
    if not points.rows:
        return {"fmr": FMR, "tar": None, "interval": None, "refused": points.refused[0][1]}
    (row,) = points.rows
    interval = [1 - row.fnmr_interval.high, 1 - row.fnmr_interval.low]
    return {"fmr": FMR, "tar": 1 - row.fnmr, "interval": interval, "threshold": row.point.threshold}


def strangers(rows: Float32, labels: list[str]) -> dict[str, float]:
    """Mean and spread of two different people's cosine: a mean near 1 says that everybody has become one point."""
    rng, names = np.random.default_rng(0), np.array(labels)
    first, second = rng.integers(len(rows), size=(2, 100_000))
    other = names[first] != names[second]
    cosine = np.einsum("pd,pd->p", rows[first[other]], rows[second[other]])
    return {"mean_cosine": float(cosine.mean()), "std_cosine": float(cosine.std())}
