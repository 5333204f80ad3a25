"""Labeled Faces in the Wild, end to end: from its folder of pictures and its list of pairs to an accuracy."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.comparisons import Comparisons, compare
from facerec.evaluation.embedding import PictureEmbedder, Progress, silent
from facerec.evaluation.findings import NO_MORE, Wanted
from facerec.evaluation.folds import FoldAccuracy, lfw_accuracy
from facerec.evaluation.identification import evaluate_identification
from facerec.evaluation.pairs import PicturePairs, read_pairs
from facerec.evaluation.plans import one_shot_plan
from facerec.evaluation.search_errors import IdentificationResult
from facerec.evaluation.verification import VerificationResult, look_at, measure, require_usable
from facerec.metrics import bootstrap
from facerec.metrics.intervals import Rate
from facerec.records import OperatingPoint

ARCHIVES = ("*.tar", "*.tgz", "*.tar.gz")


@dataclass(frozen=True, slots=True, eq=False)
class LfwResult:
    """Accuracy over the folds, and everything else that its pairs show.

    pooled  the share of all pairs judged rightly, with an interval over subjects
    """

    folds: FoldAccuracy
    pooled: Rate
    verification: VerificationResult

    def as_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.folds.mean,
            "std": self.folds.std,
            "standard_error": self.folds.standard_error,
            "accuracy_interval": self.pooled.interval.as_list(),
            "folds": len(self.folds.accuracies),
            "fold_accuracies": list(self.folds.accuracies),
            "fold_thresholds": list(self.folds.thresholds),
        } | self.verification.as_dict()


def evaluate_lfw(
    folder: Path,
    embed: PictureEmbedder,
    *,
    rng: np.random.Generator,
    pairs_file: Path | None = None,
    points: Sequence[OperatingPoint] = (),
    wanted: Wanted = NO_MORE,
    progress: Progress = silent,
) -> LfwResult:
    """LFW's protocol, for any number of folds from two on. A pair with a picture without a face is an error.

    folder      holds `lfw/Name/Name_0001.jpg` or `Name/Name_0001.jpg`, or an archive of that
    pairs_file  `pairs.txt` of the folder, unless given
    points      operating points whose FMR and FNMR are measured beside

    Raises MissingPart where pictures or pairs are not there, and what the parts raise.
    """
    pairs = read_pairs(folder / "pairs.txt" if pairs_file is None else pairs_file)
    require_usable(pairs, wanted)
    with lfw_pictures(folder, pairs) as pictures:
        comparisons = compare(pictures, pairs, embed, progress)
        findings = look_at(pictures, pairs, comparisons, wanted, rng.spawn(1)[0])
    accuracy = lfw_accuracy(comparisons.similarities, pairs.same, pairs.folds, comparisons.made)
    pooled = _pooled(comparisons, accuracy, rng)
    return LfwResult(accuracy, pooled, replace(measure(comparisons, rng=rng, points=points), findings=findings))


def _pooled(comparisons: Comparisons, accuracy: FoldAccuracy, rng: np.random.Generator) -> Rate:
    drawn = bootstrap.draws(comparisons.subjects, rng)
    shown = comparisons.subject[comparisons.first], comparisons.subject[comparisons.second]
    return bootstrap.counted_rate(drawn, *shown, accuracy.right)


def evaluate_lfw_identification(
    folder: Path,
    embed: PictureEmbedder,
    *,
    rng: np.random.Generator,
    enrolled: int = 500,
    strangers: int = 500,
    pairs_file: Path | None = None,
    points: Sequence[OperatingPoint] = (),
    sizes: Sequence[int] = (),
    wanted: Wanted = NO_MORE,
    progress: Progress = silent,
) -> IdentificationResult:
    """One-shot identification among the people and pictures that LFW's list of pairs names.

    So two copies of LFW of which one has more pictures than its pairs need give the same test. Arguments as
    `evaluate_lfw`; the choice of people as `one_shot_plan`.
    """
    pairs = read_pairs(folder / "pairs.txt" if pairs_file is None else pairs_file)
    with lfw_pictures(folder, pairs) as pictures:
        plan = one_shot_plan(_people(pictures, pairs), enrolled, strangers, rng)
        return evaluate_identification(
            plan, embed, rng=rng, points=points, sizes=sizes, wanted=wanted, progress=progress
        )


def _people(pictures: Path, pairs: PicturePairs) -> dict[str, list[Path]]:
    people: dict[str, list[Path]] = {}
    for name in pairs.pictures:
        people.setdefault(Path(name).parent.name, []).append(pictures / name)
    return people


@contextmanager
def lfw_pictures(folder: Path, pairs: PicturePairs) -> Iterator[Path]:
    """The folder that holds `Name/Name_0001.jpg`.

    That is `folder/lfw` or `folder`; where neither has the pictures but an archive in `folder` does, those that
    the pairs need are unpacked to a temporary folder, which is removed afterwards.
    """
    for place in (folder / "lfw", folder):
        if (place / pairs.first[0]).is_file():
            yield place
            return
    archives = sorted(found for pattern in ARCHIVES for found in folder.glob(pattern))
    if not archives:
        raise MissingPart(
            f"no pictures in {folder}: it must hold lfw/{pairs.first[0]} and so on, or an archive of that"
        )
    with tempfile.TemporaryDirectory(prefix="lfw-") as unpacked:
        for archive in archives:
            _unpack(archive, set(pairs.pictures), Path(unpacked))
        yield Path(unpacked)


def _unpack(archive: Path, wanted: set[str], into: Path) -> None:
    """Unpack the wanted `Name/Name_0001.jpg`, whatever folders they lie in within the archive."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = "/".join(Path(member.name).parts[-2:])
                if member.isfile() and name in wanted:
                    tar.extract(member.replace(name=name, deep=False), into, filter="data")
    except tarfile.TarError as reason:
        raise InvalidInput(f"{archive} cannot be unpacked: {reason}") from reason
