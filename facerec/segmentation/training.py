"""Training a segmentation network: steps that a checkpoint can interrupt anywhere, and what they led to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facerec.cnn.preparation import Preparation, plain
from facerec.cnn.transfer import LoadReport, load_fitting
from facerec.cnn.weight_files import read_state
from facerec.errors import FacerecError
from facerec.learning import log
from facerec.learning.augment import AugmentSettings
from facerec.learning.run import LoopSettings, Run
from facerec.metrics.segmentation import PixelAgreement, median_frequency
from facerec.records import Int64
from facerec.segmentation.data import Masked
from facerec.segmentation.fcn import FCN
from facerec.segmentation.losses import PixelLoss
from facerec.segmentation.settings import SegmenterSettings
from facerec.segmentation.trunks import open_trunk
from facerec.segmentation.unet import UNet
from facerec.segmentation.views import views

LOG = "log.csv"
COLUMNS = ("step", "epoch", "loss", "learning_rate", "seconds", "accuracy", "mean_iou")


class NoNumber(FacerecError):
    """The loss of a segmentation network is no longer a number."""

    code = "diverged"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is.

    step           finished steps, of steps in all
    epoch          passes over the pictures
    loss           mean over the steps since the last report
    learning_rate  of the last step
    seconds        of this process, since it began, tests included
    tested         how well the averaged weights do on the test pictures; None where they were not tried now
    """

    step: int
    steps: int
    epoch: float
    loss: float
    learning_rate: float
    seconds: float
    tested: PixelAgreement | None = None


Listener = Callable[[Progress], None]
"""Hears of every epoch, and of every test."""


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """A network with fresh weights, or others' as far as they fit.

    loaded  what became of the weights that it started from; None where it started fresh
    """

    net: nn.Module
    preparation: Preparation
    loaded: LoadReport | None = None


def begin(settings: SegmenterSettings, beside: Path = Path()) -> Beginning:
    """The network that settings describe; files that they name are looked for in `beside`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net, prepare = build(settings, beside)
    if not settings.start:
        return Beginning(net, prepare)
    return Beginning(net, prepare, load_fitting(net, read_state(beside / settings.start, {})[0]))


def build(settings: SegmenterSettings, beside: Path = Path()) -> tuple[nn.Module, Preparation]:
    """A network with fresh weights, its trunk's aside, and how its pictures are prepared."""
    classes, channels = len(settings.names), settings.channels
    if settings.net == "unet":
        return UNet(classes, channels, settings.width), centred(channels)
    weights = beside / settings.trunk_weights if settings.trunk_weights else None
    trunk, prepare = open_trunk(settings.trunk, channels, weights)
    return FCN(trunk, classes, int(settings.net[3:-1]), settings.learned_upsampling), prepare


def centred(channels: int) -> Preparation:
    """Levels as about -2..2, what fresh weights like."""
    return replace(plain(1, channels), means=(0.5,) * channels, deviations=(0.25,) * channels)


def loop_settings(settings: SegmenterSettings, pictures: int) -> LoopSettings:
    """How the run goes, whatever it learns."""
    shared = ("epochs", "learning_rate", "weight_decay", "schedule", "step_epochs", "factor", "milestones", "warmup",
              "average", "device", "bf16", "seed", "checkpoint_every")  # fmt: skip
    named = {name: getattr(settings, name) for name in shared}
    every = round(settings.test_every * pictures / settings.batch)
    return LoopSettings(steps_of(settings, pictures), **named, compiled=False, validate_every=max(1, every))


def steps_of(settings: SegmenterSettings, pictures: int) -> int:
    """Of the whole run; each looks at a batch."""
    return max(1, round(settings.epochs * pictures / settings.batch))


def train(
    settings: SegmenterSettings, beginning: Beginning, learned: Masked, tested: Masked, out: Path, hear: Listener
) -> nn.Module:
    """Train in the folder `out`, on from its checkpoint where there is one; returns the averaged weights, evaluating.

    Stopped and gone on with, it ends with the same weights as without a stop: what a step sees depends on the seed and
    its number alone. Raises NoNumber where the loss is none, and what `Run` raises.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(beginning.net, loop_settings(settings, len(learned)), out, AugmentSettings())
    log.cut(out / LOG, run.step)
    loss = loss_of(settings, learned, run.device)
    rows = endless_rows(len(learned), settings, run.step)
    began, losses, each_epoch = time.perf_counter(), [], max(1, len(learned) // settings.batch)
    while run.step < run.settings.steps:
        rate = run.set_rate()
        losses.append(one_step(run, settings, beginning.preparation, loss, learned[next(rows)]))
        is_tested = run.is_due(run.settings.validate_every)
        if is_tested or run.is_due(each_epoch):
            agreement = measure(run.averaged(), beginning.preparation, tested, settings) if is_tested else None
            epoch = run.step * settings.batch / len(learned)
            now = time.perf_counter() - began
            told = Progress(run.step, run.settings.steps, epoch, float(np.mean(losses)), rate, now, agreement)
            log.append(out / LOG, line_of(told))
            hear(told)
            losses.clear()
        if run.is_due(run.settings.checkpoint_every):
            run.save()
    return run.averaged()


def one_step(run: Run, settings: SegmenterSettings, prepare: Preparation, loss: PixelLoss, batch: Masked) -> float:
    """Look at a batch and change the weights; returns the loss."""
    rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + run.step)
    levels, labels = views(batch.pictures, batch.masks, settings.size, settings.augment, rng)
    pictures = prepare.normalised(levels).to(run.device, memory_format=torch.channels_last)
    torch.manual_seed(settings.seed * 1_000_003 + run.step)  # of dropout
    with run.autocast():
        scores = run.forward(pictures)
    value = loss(scores.float(), labels.to(run.device))
    if not torch.isfinite(value):
        raise NoNumber(f"the loss is no number at step {run.step + 1}: set a lower learning_rate")
    run.optimizer.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]
    run.advance()
    return float(value.detach())


def loss_of(settings: SegmenterSettings, learned: Masked, device: torch.device) -> PixelLoss:
    """As the settings say; the classes' weights come from the masks where those are asked for."""
    weights: Tensor | None = None
    if settings.weighting == "median_frequency":
        found = median_frequency(learned.masks, len(settings.names)).clip(max=settings.largest_weight)
        weights = torch.from_numpy(found).float().to(device)
    elif settings.weighting == "given":
        weights = torch.tensor(settings.class_weights, device=device)
    return PixelLoss(settings.cross_entropy, settings.dice, weights)


def endless_rows(count: int, settings: SegmenterSettings, first: int) -> Iterator[Int64]:
    """The pictures of one batch after the other, from a step on: all in a new order in every pass, none left out."""
    batch = settings.batch

    def order(epoch: int) -> Int64:
        return np.random.default_rng([settings.seed, epoch]).permutation(count)

    for step in range(first, first + 2**62):
        places = np.arange(step * batch, (step + 1) * batch)
        orders = {int(epoch): order(int(epoch)) for epoch in np.unique(places // count)}
        yield np.array([orders[int(place // count)][place % count] for place in places], np.int64)


def line_of(told: Progress) -> dict[str, object]:
    """Of the log."""
    known = {name: value for name, value in asdict(replace(told, tested=None)).items() if name in COLUMNS}
    tested = told.tested
    return known | {
        "accuracy": tested.accuracy if tested else "",
        "mean_iou": tested.mean_iou if tested else "",
    }


def measure(net: nn.Module, prepare: Preparation, tested: Masked, settings: SegmenterSettings) -> PixelAgreement:
    """How well a network's labels agree with the masks, at the pictures' own size."""
    pairs = ((mask, label(net, prepare, picture)) for picture, mask in zip(tested.pictures, tested.masks, strict=True))
    return PixelAgreement.of(pairs, len(settings.names))


@torch.inference_mode()
def label(net: nn.Module, prepare: Preparation, picture: np.ndarray) -> np.ndarray:
    """The class of each pixel by a network in evaluation mode: (H, W, 3) uint8 -> (H, W) int64."""
    device = next(net.parameters()).device
    levels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    pictures = prepare.normalised(levels).to(device, memory_format=torch.channels_last)
    labels: np.ndarray = net(pictures)[0].argmax(dim=0).cpu().numpy()
    return labels
