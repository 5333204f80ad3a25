"""What the training of a detector is told: one frozen record, read from TOML and checked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facerec.detection.networks import FAMILIES
from facerec.detection.views import ViewSettings
from facerec.errors import InvalidInput
from facerec.learning.devices import DEVICES
from facerec.learning.schedules import SCHEDULES
from facerec.learning.tables import from_table, read_toml

COARSEST = 32
"""Sides of an input are multiples of it: a network halves its picture five times."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How one detector is made. Raises InvalidInput for a value that no run can have.

    train and val are data sets as `facerec.detection.datasets.read_annotated` takes them; a relative place is looked
    for beside the settings file. Without `names`, the classes are those that occur in train.
    """

    train: str
    val: str = ""
    names: tuple[str, ...] = ()
    net: str = "small"
    width: float = 1.0  # of its layers, as a factor
    size: tuple[int, int] = (320, 320)  # height and width of the input, pixels
    scales: tuple[float, ...] = (0.8, 0.9, 1.0, 1.1, 1.2)  # of the input while it learns, drawn anew every few steps
    epochs: float = 100.0
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"
    warmup: float = 0.03
    step_epochs: float = 10.0
    factor: float = 0.1
    milestones: tuple[float, ...] = ()
    average: float = 0.995
    validate_epochs: float = 10.0
    device: str = "auto"
    bf16: bool = False
    seed: int = 0
    views: ViewSettings = field(default_factory=ViewSettings)

    def __post_init__(self) -> None:
        if found := list(out_of_range(self)):
            raise InvalidInput(f"unusable settings: {'; '.join(found)}")

    @classmethod
    def read(cls, path: Path) -> DetectorSettings:
        """From a TOML file. Raises MissingPart where it cannot be read, InvalidInput where it is no such table."""
        table = read_toml(path)
        if "train" not in table:
            raise InvalidInput(f"{str(path)!r} needs train: a VOC folder or a list of it, a COCO .json or a list file")
        return from_table(cls, table)


def out_of_range(settings: DetectorSettings) -> Iterator[str]:
    """What is wrong with the settings, in words."""
    for name in ("width", "epochs", "batch", "learning_rate", "step_epochs", "factor", "validate_epochs"):
        if not getattr(settings, name) > 0:
            yield f"{name} must be above 0"
    if settings.weight_decay < 0 or settings.seed < 0:
        yield "weight_decay and seed must be 0 or more"
    if not 0 <= settings.average < 1 or not 0 <= settings.warmup < 1:
        yield "average and warmup must be in 0..1, 1 excluded"
    if any(side < COARSEST or side % COARSEST for side in settings.size):
        yield f"size must be a height and a width that are multiples of {COARSEST}"
    if not settings.scales or min(settings.scales) <= 0:
        yield "scales must be factors above 0, one at least"
    if settings.net not in FAMILIES:
        yield f"net must be one of {', '.join(FAMILIES)}"
    if settings.schedule not in SCHEDULES:
        yield f"schedule must be one of {', '.join(SCHEDULES)}"
    if settings.device not in DEVICES:
        yield f"device must be one of {', '.join(DEVICES)}"
    if settings.schedule == "MultiStepLR" and not settings.milestones:
        yield "MultiStepLR needs milestones"
