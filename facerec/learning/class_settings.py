"""What the training of a classifier is told: one frozen record, read from TOML and checked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings
from facerec.learning.schedules import SCHEDULES, Course
from facerec.learning.tables import from_table, read_toml


@dataclass(frozen=True, slots=True)
class ViewSettings(AugmentSettings):
    """How far a view may be from the picture: as for faces, but nothing is changed unless it is asked for.

    `shift` is in pixels of a picture 112 wide.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    crop: float = 0.0
    warp: float = 0.0
    mirror: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    pca: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    soften: float = 0.0
    jpeg: float = 0.0
    occlude: float = 0.0
    mask: float = 0.0


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """How one classifier is made. Raises InvalidInput for a value that no run can have.

    data and test are folders with a folder per class, or list files of `path label` lines; a relative place is
    looked for beside the settings file. Without a test, `holdout` of each class is held back for it.
    """

    data: str
    test: str = ""
    holdout: float = 0.2
    net: str = "lenet5_modern"
    side: int = 0  # pixels; 0: as published
    channels: int = 0  # 1 or 3; 0: as published
    start: str = ""  # a file of weights to go on from
    head_epochs: int = 0  # of these epochs only the head learns
    body: float = 1.0  # after them, the rate of all below the head, as a share of the head's
    epochs: int = 20
    batch: int = 64
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "step"  # one of SCHEDULES, by the epoch
    step_epochs: int = 10  # of step, StepLR and CosineAnnealingWarmRestarts
    factor: float = 0.1  # of each fall
    milestones: tuple[int, ...] = ()  # epochs of the falls of MultiStepLR
    seed: int = 0
    bf16: bool = False  # learn in bfloat16, channels last, where the processor has it: over twice as fast there
    augment: ViewSettings = field(default_factory=ViewSettings)

    def __post_init__(self) -> None:
        if found := list(out_of_range(self)):
            raise InvalidInput(f"unusable settings: {'; '.join(found)}")

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, from 0."""
        course = Course(self.epochs, self.step_epochs, self.factor, self.milestones)
        return self.learning_rate * SCHEDULES[self.schedule](epoch, course)

    @classmethod
    def read(cls, path: Path) -> ClassifierSettings:
        """From a TOML file. Raises MissingPart where it cannot be read, InvalidInput where it is no such table."""
        table = read_toml(path)
        if "data" not in table:
            raise InvalidInput(f"{str(path)!r} needs data: a folder with a folder per class, or a list file")
        return from_table(cls, table)


def out_of_range(settings: ClassifierSettings) -> Iterator[str]:
    """What is wrong with the settings, in words."""
    for name in ("epochs", "batch", "step_epochs"):
        if getattr(settings, name) < 1:
            yield f"{name} must be 1 or more"
    for name in ("learning_rate", "factor", "body"):
        if not getattr(settings, name) > 0:
            yield f"{name} must be above 0"
    for name in ("side", "head_epochs", "weight_decay", "seed"):
        if getattr(settings, name) < 0:
            yield f"{name} must be 0 or more"
    if not 0 < settings.holdout < 1:
        yield "holdout must be between 0 and 1"
    if not 0 <= settings.momentum < 1:
        yield "momentum must be in 0..1, 1 excluded"
    if settings.channels not in (0, 1, 3):
        yield "channels must be 1, 3, or 0 for as published"
    if settings.schedule not in SCHEDULES:
        yield f"schedule must be one of {', '.join(SCHEDULES)}"
    if settings.schedule == "MultiStepLR" and not settings.milestones:
        yield "MultiStepLR needs milestones"
