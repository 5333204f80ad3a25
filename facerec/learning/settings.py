"""What a training run is told: one frozen record, read from TOML and checked before anything else happens."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facerec.errors import InvalidInput, MissingPart
from facerec.learning.augment import AugmentSettings
from facerec.learning.miners import MINERS
from facerec.learning.tables import from_table
from facerec.metrics.differences import DIFFERENCES

TERMS = ("distil", "relation", "triplet", "contrastive", "binary", "cosface", "arcface")
"""The settings that weigh the terms of the loss, see `facerec.learning.objectives`."""
OF_PAIRS = ("triplet", "contrastive", "binary")
"""The terms that need several crops of a subject in a batch."""
STRIDE = 8
"""Input sides are multiples of this; which of them it takes, a trunk says itself."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How one encoder is made. Raises InvalidInput for a value that no run can have.

    The loss is the sum of the terms in TERMS, each times its weight. With a term of OF_PAIRS, batches are `subjects` x
    `per_subject`, else `batch` crops in random order.
    """

    trunk: str = "residual"
    splits: tuple[str, ...] = ("train", "unlabelled")  # of faces.csv
    start: str = ""  # a folder with weights to start from, or a packaged encoder; empty: from scratch
    epochs: float = 20  # passes over the crops, or over the subjects with a term of OF_PAIRS
    batch: int = 128
    subjects: int = 32  # P
    per_subject: int = 4  # K
    distil: float = 1.0
    relation: float = 0.0
    triplet: float = 0.0
    margin: float = 0.2  # squared distance of unit rows
    miner: str = "batch_hard"  # of the triplets in a batch
    mine_every: int = 0  # epochs between searches of all crops for subjects who are confused; 0: none
    contrastive: float = 0.0
    contrastive_margin: float = 1.0  # distance of unit rows
    binary: float = 0.0
    difference: str = "manhattan"  # what the binary head weighs
    cosface: float = 0.0
    arcface: float = 0.0
    softmax_margin: float = 0.35  # of cosface a cosine, of arcface radians
    softmax_scale: float = 32.0  # of the cosines before the softmax
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.03
    average: float = 0.999
    sizes: tuple[tuple[float, int], ...] = ((0.0, 112),)
    bf16: bool = True
    compiled: bool = True
    seed: int = 0
    checkpoint_every: int = 1000
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def __post_init__(self) -> None:
        if found := [*out_of_range(self), *unknown_names(self), *malformed_sizes(self.sizes)]:
            raise InvalidInput(f"unusable settings: {'; '.join(found)}")

    @property
    def of_pairs(self) -> bool:
        """Does the loss need several crops of a subject in a batch?"""
        return any(getattr(self, name) for name in OF_PAIRS)

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrainSettings:
        """From a parsed TOML table. Raises InvalidInput on a key that does not exist or a value of another type."""
        return from_table(cls, values)

    @classmethod
    def read(cls, path: Path) -> TrainSettings:
        """From a TOML file. Raises MissingPart where it cannot be read, and InvalidInput where it is no such table."""
        try:
            return cls.of(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise MissingPart(f"no training settings in {str(path)!r}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{str(path)!r} is not TOML: {error}") from error
        except InvalidInput as error:
            raise InvalidInput(f"{str(path)!r}: {error}") from error


def out_of_range(settings: TrainSettings) -> Iterator[str]:
    """What is wrong with the single numbers, in words."""
    for name in ("epochs", "learning_rate", "contrastive_margin", "softmax_scale"):
        if not getattr(settings, name) > 0:
            yield f"{name} must be above 0"
    for name in (*TERMS, "margin", "mine_every", "softmax_margin", "weight_decay"):
        if not getattr(settings, name) >= 0:
            yield f"{name} must be 0 or more"
    for name in ("batch", "subjects", "per_subject"):
        if getattr(settings, name) < 2:
            yield f"{name} must be 2 or more"
    for name in ("warmup", "average"):
        if not 0 <= getattr(settings, name) < 1:
            yield f"{name} must be in 0..1, 1 excluded"
    if not any(getattr(settings, name) for name in TERMS):
        yield f"one of {', '.join(TERMS)} must be above 0"
    if not 0 <= settings.seed < 2**32:
        yield "seed must be in 0..4294967295"
    if settings.checkpoint_every < 1:
        yield "checkpoint_every must be 1 or more"
    if not settings.splits:
        yield "splits must name one split or more"


def unknown_names(settings: TrainSettings) -> Iterator[str]:
    """What is named and does not exist, or does nothing, in words."""
    for name, known in (("miner", MINERS), ("difference", DIFFERENCES)):
        if getattr(settings, name) not in known:
            yield f"no {name} {getattr(settings, name)!r}, known: {', '.join(known)}"
    if settings.mine_every and not settings.of_pairs:
        yield f"mine_every arranges batches of subjects: set one of {', '.join(OF_PAIRS)}, or mine_every = 0"


def malformed_sizes(sizes: tuple[tuple[float, int], ...]) -> Iterator[str]:
    """What is wrong with a list of (share of the run from which, input side), in words."""
    starts = [start for start, _ in sizes]
    if starts[:1] != [0] or starts != sorted(set(starts)) or starts[-1] >= 1:
        yield "sizes must be [share, side] pairs whose shares begin at 0 and rise, below 1"
    if any(side < STRIDE or side % STRIDE for _, side in sizes):
        yield f"sizes must have sides that are multiples of {STRIDE}"
