"""Training a two-stage detector, step by step, with checkpoints to go on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facerec.cnn.transfer import to_training
from facerec.detection.choosing import MEASURING, Choice
from facerec.detection.framed import Framed
from facerec.detection.two_stage import Losses, RegionSettings, TwoStage, fast_rcnn, faster_rcnn, rfcn
from facerec.detection.views import ViewSettings, views
from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings
from facerec.learning.reports import Diverged
from facerec.learning.run import LoopSettings, Run
from facerec.records import Detections, Int64

Build = Callable[[int, Path | None, RegionSettings], TwoStage]
TWO_STAGE: dict[str, Build] = {"fast_rcnn": fast_rcnn, "faster_rcnn": faster_rcnn, "rfcn": rfcn}
STEEPEST = 10.0
"""Largest norm of a step's gradient; a longer one is cut to it."""
STILL = ViewSettings(zoom=1.0, aspect=1.0, shift=0.0, mirror=0.0, flip=0.0, brightness=0.0, contrast=0.0, colour=0.0)
"""Views that are the pictures themselves: regions from outside are of these."""


@dataclass(frozen=True, slots=True)
class TwoStageSettings:
    """How a two-stage detector is trained."""

    net: str = "faster_rcnn"
    size: tuple[int, int] = (240, 320)  # height and width of the input, pixels
    epochs: float = 25.0
    batch: int = 4
    learning_rate: float = 3e-4
    weight_decay: float = 1e-3
    average: float = 0.99
    warmup: float = 0.05
    device: str = "auto"
    bf16: bool = False
    seed: int = 0
    save_every: int = 100  # steps
    regions: RegionSettings = field(default_factory=RegionSettings)
    views: ViewSettings = field(default_factory=lambda: ViewSettings(zoom=1.15, shift=0.05, flip=0.5))


@dataclass(frozen=True, slots=True)
class RegionStep:
    """What one step did: its number of all, its loss in parts and in all, and its rate."""

    step: int
    steps: int
    loss: float
    parts: tuple[float, float, float, float]
    learning_rate: float


def begin_two_stage(settings: TwoStageSettings, classes: int, pictures: int, folder: Path, weights: Path | None) -> Run:
    """A fresh run, or the one that the folder's checkpoint holds. Raises InvalidInput for an unknown network."""
    if settings.net not in TWO_STAGE:
        raise InvalidInput(f"no two-stage detector {settings.net!r}; known: {', '.join(TWO_STAGE)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = TWO_STAGE[settings.net](classes, weights, settings.regions)
    steps = max(1, round(settings.epochs * pictures / settings.batch))
    loop = LoopSettings(
        steps, settings.epochs, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay,
        warmup=settings.warmup, average=settings.average, device=settings.device, bf16=settings.bf16, compiled=False,
        seed=settings.seed, checkpoint_every=settings.save_every,
    )  # fmt: skip
    return Run(net, loop, folder, AugmentSettings())


def learn_two_stage(
    run: Run, settings: TwoStageSettings, data: Framed, regions: Sequence[np.ndarray] | None = None
) -> Iterator[RegionStep]:
    """Train to the last step, saving on the way; yields after every step. Raises Diverged.

    `regions` are each picture's proposals in pixels of the frame, for a net that makes none; views are then still.
    """
    while run.step < run.settings.steps:
        rate, rows = run.set_rate(), batch_of(settings, len(data), run.step)
        losses = one_step(run, settings, data, rows, regions)
        parts = (losses.objectness.item(), losses.proposals.item(), losses.classes.item(), losses.boxes.item())
        yield RegionStep(run.step, run.settings.steps, sum(parts), parts, rate)
        if run.is_due(run.settings.checkpoint_every):
            run.save()


def batch_of(settings: TwoStageSettings, pictures: int, step: int) -> Int64:
    """The rows of a step, by the seed and its number alone."""
    batch = min(settings.batch, pictures)
    epoch, place = divmod(step, pictures // batch)
    order = np.random.default_rng((settings.seed, 1, epoch)).permutation(pictures)
    return order[place * batch : (place + 1) * batch]


def one_step(
    run: Run, settings: TwoStageSettings, data: Framed, rows: Int64, regions: Sequence[np.ndarray] | None
) -> Losses:
    """Learn from some pictures."""
    rng = np.random.default_rng((settings.seed, 2, run.step))
    draw = torch.Generator().manual_seed(int(rng.integers(2**31)))
    how = settings.views if regions is None else STILL
    seen, objects = views(data.pixels[rows], [data.objects[row] for row in rows], settings.size, how, rng)
    given = None if regions is None else [torch.from_numpy(regions[row]).to(run.device) for row in rows]
    to_training(run.trunk)
    net = run.trunk
    assert isinstance(net, TwoStage)
    with run.autocast():
        losses = net.losses(seen.to(run.device).contiguous(memory_format=torch.channels_last), objects, draw, given)
    if not torch.isfinite(losses.total):
        raise Diverged("loss", run.step, rows, np.array([str(data.sources[row]) for row in rows]))
    run.optimizer.zero_grad()
    losses.total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([weights for weights in run.parameters if weights.requires_grad], STEEPEST)
    run.advance()
    return losses


def find_two_stage(
    net: TwoStage, data: Framed, regions: Sequence[np.ndarray] | None = None, how: Choice = MEASURING
) -> Iterator[Detections]:
    """What a network in evaluation mode finds on framed pictures, in pixels of the pictures as they were."""
    device = next(net.parameters()).device
    for row in range(len(data)):
        given = None if regions is None else [torch.from_numpy(regions[row]).to(device)]
        found = net.detect(levels_of(data.pixels[row : row + 1]).to(device), how, given)[0]
        yield Detections(data.letters[row].back(found.boxes), found.scores, found.labels)


def levels_of(pixels: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) 0..1, channels last in memory."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
