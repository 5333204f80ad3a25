"""What a training run is told: one frozen record, read from TOML and checked before anything else happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings
from facerec.learning.batches import DEPTH
from facerec.learning.devices import DEVICES
from facerec.learning.miners import MINERS
from facerec.learning.schedules import SCHEDULES
from facerec.learning.tables import from_table, read_toml
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
    holdout: float = 0.2  # share of the subjects who are the split `val` where the data says nothing of splits
    holdout_seed: int = 0  # of their choice
    start: str = ""  # a folder with weights to start from, or a packaged encoder; empty: from scratch
    start_strict: bool = True  # all of them must fit; else those that do are taken over
    freeze: tuple[str, ...] = ()  # parts of the trunk that stay as they are
    epochs: float = 20  # passes over the crops, or over the subjects with a term of OF_PAIRS
    batch: int = 128
    accumulate: int = 1  # batches of a step
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
    schedule: str = "cosine"
    step_epochs: float = 10.0  # of step, StepLR and CosineAnnealingWarmRestarts
    factor: float = 0.1  # of each fall
    milestones: tuple[float, ...] = ()  # epochs of the falls of MultiStepLR
    warmup: float = 0.03
    average: float = 0.999
    sizes: tuple[tuple[float, int], ...] = ((0.0, 112),)
    device: str = "auto"
    bf16: bool = True
    compiled: bool = True
    workers: int = 0
    seed: int = 0
    checkpoint_every: int = 1000
    validate: str = ""  # a split of people outside the training; empty: none
    validate_every: int = 1000
    validate_fmr: float = 1e-3
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
        table = read_toml(path)
        try:
            return cls.of(table)
        except InvalidInput as error:
            raise InvalidInput(f"{str(path)!r}: {error}") from error


RANGES: tuple[tuple[str, Callable[[float], bool], tuple[str, ...]], ...] = (
    ("above 0", lambda value: value > 0,
     ("epochs", "learning_rate", "contrastive_margin", "softmax_scale", "step_epochs", "factor")),
    ("0 or more", lambda value: value >= 0, (*TERMS, "margin", "mine_every", "softmax_margin", "weight_decay")),
    ("1 or more", lambda value: value >= 1, ("accumulate", "checkpoint_every", "validate_every")),
    ("2 or more", lambda value: value >= 2, ("batch", "subjects", "per_subject")),
    ("in 0..1, 1 excluded", lambda value: 0 <= value < 1, ("warmup", "average", "holdout")),
    ("between 0 and 1", lambda value: 0 < value < 1, ("validate_fmr",)),
    ("in 0..4294967295", lambda value: 0 <= value < 2**32, ("seed", "holdout_seed")),
    (f"in 0..{DEPTH}", lambda value: 0 <= value <= DEPTH, ("workers",)),
)  # fmt: skip
"""What numbers must be, how that is seen, and which settings it is said of."""


def out_of_range(settings: TrainSettings) -> Iterator[str]:
    """What is wrong with the single numbers, in words."""
    for words, fits, names in RANGES:
        for name in names:
            if not fits(getattr(settings, name)):
                yield f"{name} must be {words}"
    if not any(getattr(settings, name) for name in TERMS):
        yield f"one of {', '.join(TERMS)} must be above 0"
    if not settings.splits:
        yield "splits must name one split or more"


def unknown_names(settings: TrainSettings) -> Iterator[str]:
    """What is named and does not exist, or does nothing, in words."""
    names: dict[str, Collection[str]] = {
        "miner": MINERS,
        "difference": DIFFERENCES,
        "schedule": SCHEDULES,
        "device": DEVICES,
    }
    for name, known in names.items():
        if getattr(settings, name) not in known:
            yield f"no {name} {getattr(settings, name)!r}, known: {', '.join(known)}"
    if settings.schedule == "MultiStepLR" and not settings.milestones:
        yield "MultiStepLR needs milestones, the epochs at which the rate falls"
    if settings.validate and settings.validate in settings.splits:
        yield f"validate must name people outside the training, and {settings.validate!r} is among the splits"
    if settings.mine_every and not settings.of_pairs:
        yield f"mine_every arranges batches of subjects: set one of {', '.join(OF_PAIRS)}, or mine_every = 0"


def malformed_sizes(sizes: tuple[tuple[float, int], ...]) -> Iterator[str]:
    """What is wrong with a list of (share of the run from which, input side), in words."""
    starts = [start for start, _ in sizes]
    if starts[:1] != [0] or starts != sorted(set(starts)) or starts[-1] >= 1:
        yield "sizes must be [share, side] pairs whose shares begin at 0 and rise, below 1"
    if any(side < STRIDE or side % STRIDE for _, side in sizes):
        yield f"sizes must have sides that are multiples of {STRIDE}"
