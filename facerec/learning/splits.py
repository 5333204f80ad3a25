"""Who is learned from and who is measured on: subjects are divided, never pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from facerec.errors import InvalidInput
from facerec.learning.datasets import table_rows

TRAIN, VAL = "train", "val"


def split_subjects(subjects: Iterable[str], share: float, rng: np.random.Generator) -> dict[str, str]:
    """subject -> its split: a share of all subjects, rounded and drawn by chance, is VAL, the others are TRAIN."""
    names = sorted(set(subjects))
    order = rng.permutation(len(names))
    measured = {names[place] for place in order[: round(share * len(names))]}
    return {name: VAL if name in measured else TRAIN for name in names}


def require_strangers(table: Path, split: str, trained_on: Sequence[str]) -> None:
    """Raise InvalidInput where a split has a subject in common with those that were trained on."""
    measured, trained = set[str](), set[str]()
    for row in table_rows(table):
        for people, splits in ((measured, (split,)), (trained, trained_on)):
            if row["split"] in splits:
                people.add(row["subject"])
    if both := sorted((measured & trained) - {""}):
        raise InvalidInput(
            f"{len(both)} subjects of split {split} were trained on, {both[0]} for one: measure on other people"
        )
