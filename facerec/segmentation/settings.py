"""What the training of a segmentation network is told: one frozen record, read from TOML and checked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facerec.errors import InvalidInput
from facerec.learning.devices import DEVICES
from facerec.learning.schedules import SCHEDULES
from facerec.learning.tables import from_table, read_toml
from facerec.segmentation.masks import Colour, Labels
from facerec.segmentation.views import ViewSettings

NETS = ("unet", "fcn32s", "fcn16s", "fcn8s")
WEIGHTINGS = ("even", "median_frequency", "given")


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """How one segmentation network is made. Raises InvalidInput for a value that no run can have.

    data and test are list files of `picture mask` lines, or folders of pictures whose masks lie under the same names
    in the folders masks and test_masks; a relative place is looked for beside the settings file. Without a test,
    `holdout` of the pictures is held back for it.
    """

    data: str
    names: tuple[str, ...]  # of the classes, in the order of their labels
    masks: str = ""
    test: str = ""
    test_masks: str = ""
    holdout: float = 0.2
    values: tuple[int, ...] = ()  # the grey level of each class in a mask; empty: its label
    palette: tuple[Colour, ...] = ()  # the colour of each class, in colour masks and for drawing
    ignore: tuple[int, ...] = ()  # levels that count for nothing
    ignore_colours: tuple[Colour, ...] = ()
    net: str = "unet"  # one of NETS
    width: int = 32  # of a U-Net: 32, 64 or 128
    trunk: str = "squeezenet"  # of an FCN
    trunk_weights: str = ""  # a classifier's weights for the trunk
    learned_upsampling: bool = True  # of an FCN
    channels: int = 3  # 1 for grey
    start: str = ""  # weights of another run to go on from; those that fit are taken over
    cross_entropy: float = 1.0
    dice: float = 0.0
    weighting: str = "even"  # one of WEIGHTINGS: how classes count in the cross-entropy
    class_weights: tuple[float, ...] = ()  # for weighting = "given"
    largest_weight: float = 10.0  # of median_frequency
    epochs: float = 20.0
    batch: int = 8
    size: tuple[int, int] = (128, 128)  # height and width of what is cut for training, pixels
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "step"  # one of SCHEDULES, by the epoch
    step_epochs: float = 10.0  # of step, StepLR and CosineAnnealingWarmRestarts
    factor: float = 0.1  # of each fall
    milestones: tuple[float, ...] = ()  # epochs of the falls of MultiStepLR
    warmup: float = 0.0  # share of the run
    average: float = 0.99  # decay of the averaged weights, which are the ones that are kept
    device: str = "auto"
    bf16: bool = True
    checkpoint_every: int = 200  # steps
    test_every: float = 5.0  # epochs
    seed: int = 0
    augment: ViewSettings = field(default_factory=ViewSettings)

    def __post_init__(self) -> None:
        if found := list(out_of_range(self)):
            raise InvalidInput(f"unusable settings: {'; '.join(found)}")

    @property
    def labels(self) -> Labels:
        """The classes, and how masks say them."""
        return Labels(self.names, self.values, self.palette, self.ignore, self.ignore_colours)

    @classmethod
    def read(cls, path: Path) -> SegmenterSettings:
        """From a TOML file. Raises MissingPart where it cannot be read, InvalidInput where it is no such table."""
        table = read_toml(path)
        for key, what in (("data", "a list of `picture mask` lines, or a folder"), ("names", "those of the classes")):
            if key not in table:
                raise InvalidInput(f"{str(path)!r} needs {key}: {what}")
        return from_table(cls, table)


def out_of_range(settings: SegmenterSettings) -> Iterator[str]:
    """What is wrong with the settings, in words."""
    for name in ("batch", "checkpoint_every"):
        if getattr(settings, name) < 1:
            yield f"{name} must be 1 or more"
    for name in ("epochs", "learning_rate", "factor", "step_epochs", "test_every", "largest_weight"):
        if not getattr(settings, name) > 0:
            yield f"{name} must be above 0"
    for name in ("weight_decay", "seed", "cross_entropy", "dice"):
        if getattr(settings, name) < 0:
            yield f"{name} must be 0 or more"
    for name in ("warmup", "average"):
        if not 0 <= getattr(settings, name) < 1:
            yield f"{name} must be in 0..1, 1 excluded"
    if not 0 < settings.holdout < 1:
        yield "holdout must be between 0 and 1"
    if not settings.cross_entropy + settings.dice > 0:
        yield "one of cross_entropy and dice must be above 0"
    if min(settings.size) < 16:
        yield "size must be a height and a width of 16 pixels or more"
    if settings.channels not in (1, 3):
        yield "channels must be 1 or 3"
    yield from unknown_names(settings)


def unknown_names(settings: SegmenterSettings) -> Iterator[str]:
    """What is named and does not exist, or lacks what it needs, in words."""
    names = {"net": NETS, "schedule": SCHEDULES, "weighting": WEIGHTINGS, "device": DEVICES}
    for name, known in names.items():
        if getattr(settings, name) not in known:
            yield f"{name} must be one of {', '.join(known)}"
    if settings.schedule == "MultiStepLR" and not settings.milestones:
        yield "MultiStepLR needs milestones"
    if (settings.weighting == "given") != bool(settings.class_weights):
        yield 'class_weights and weighting = "given" need each other'
    if settings.class_weights and len(settings.class_weights) != len(settings.names):
        yield f"class_weights has {len(settings.class_weights)} entries for {len(settings.names)} names"
