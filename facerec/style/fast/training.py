"""Teaching a network one style: it paints crops of photos, and its paintings cost what an optimised one's cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facerec import images
from facerec.errors import BadImage, DamagedFile, InvalidInput
from facerec.learning import log
from facerec.learning.checkpoints import Checkpoint, load, optimizer_tensors, restore_optimizer, save
from facerec.learning.devices import autocast, device_of
from facerec.learning.schedules import warm_cosine
from facerec.records import Image
from facerec.replacing import replacing
from facerec.style.canvas import fitted, resized, to_image, to_tensor
from facerec.style.fast.network import BLOCKS, STRIDE, WIDTH, PaintingNet
from facerec.style.features import Features
from facerec.style.objective import Objective
from facerec.style.settings import StyleSettings
from facerec.style.transfer import Studio

CHECKPOINT, LOG, SETTINGS = "checkpoint.safetensors", "log.csv", "settings.json"
MEAN = 20
"""A line of the log is a mean over so many steps."""


@dataclass(frozen=True, slots=True)
class FastSettings:
    """How a network learns one style. Raises InvalidInput for a value that no run can have.

    look    net, layers, alpha, beta, variation and seed count; `size` is the longer side of the style
    steps   batches to learn from
    batch   crops at a time
    crop    their side, pixels
    rate    Adam's highest; it rises over the first 3 % of the run and falls as half a cosine
    width, blocks  of the network
    keep    a checkpoint every so many steps
    bf16    compute in bfloat16 where the device has it
    """

    look: StyleSettings = field(default_factory=lambda: StyleSettings(size=256))
    steps: int = 2000
    batch: int = 2
    crop: int = 128
    rate: float = 3e-3
    width: int = WIDTH
    blocks: int = BLOCKS
    keep: int = 200
    bf16: bool = True

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.width, self.blocks, self.keep) < 1 or not 0 < self.rate < 1:
            raise InvalidInput("steps, batch, width, blocks and keep must be 1 or more, and rate in 0..1")
        if self.crop < 32 or self.crop % STRIDE:
            raise InvalidInput(f"a crop's side must be 32 or more, and a multiple of {STRIDE}")

    def as_text(self) -> str:
        """As JSON: what a run that goes on must have been begun with."""
        return json.dumps(asdict(self), indent=2, default=str) + "\n"


@dataclass(frozen=True, slots=True)
class Report:
    """Mean costs of the last few steps; `step` counts finished ones."""

    step: int
    total: float
    content: float
    style: float
    variation: float
    rate: float


Listener = Callable[[Report], None]
Progress = Callable[[int, int], None]


def read_photos(folder: Path, crop: int, progress: Progress | None = None) -> tuple[list[Image], list[str]]:
    """The photos below a folder, their shorter side 1.25 crops or less, and why others are left out.

    Raises InvalidInput where none can be used.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{str(folder)!r} is no folder: give a folder of photos to learn on")
    kept: list[Image] = []
    left_out: list[str] = []
    paths = images.find(folder)
    for done, path in enumerate(paths, start=1):
        try:
            photo = images.load(path, images.ANY_SIZE)
        except BadImage as error:
            left_out.append(str(error))
            continue
        if min(photo.shape[:2]) < crop:
            left_out.append(f"{str(path)!r} is smaller than a crop of {crop} pixels")
            continue
        kept.append(reduced(photo, crop * 5 // 4))
        if progress:
            progress(done, len(paths))
    if not kept:
        raise InvalidInput(f"{str(folder)!r} has no photo of {crop} pixels a side or more to learn on")
    return kept, left_out


def reduced(photo: Image, shortest: int) -> Image:
    """The photo with that shorter side, or as it is where it is smaller: a crop shall show things, not their grain."""
    longest = round(max(photo.shape[:2]) * shortest / min(photo.shape[:2]))
    return to_image(resized(to_tensor(photo), fitted(photo, longest)))


def train_style(
    style: Image, photos: Sequence[Image], settings: FastSettings, out: Path, report: Listener | None = None
) -> tuple[PaintingNet, dict[str, float]]:
    """Learn a style into the folder `out`, or go on where a run with the same settings was stopped there.

    Returns the network and the last line of the log. What a step sees depends on the seed and its number alone, so a
    run that was stopped ends as one that was not.
    Raises InvalidInput where `out` holds a run with other settings, DamagedFile where its checkpoint is not whole.
    """
    begin_folder(out, settings)
    device = device_of(settings.look.device)
    objective = objective_of(style, settings)
    net = fresh(settings).to(device)
    optimizer = torch.optim.Adam(net.parameters(), settings.rate)
    first = restored(out, net, optimizer)
    log.cut(out / LOG, first)
    recent: list[tuple[float, ...]] = []
    for step in range(first, settings.steps):
        rate = settings.rate * warm_cosine((step + 0.5) / settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        recent.append(one_step(net, optimizer, objective, crops(photos, settings, step).to(device), settings.bf16))
        done = step + 1
        if done % MEAN == 0 or done == settings.steps:
            total, content, style_cost, variation = np.mean(recent, axis=0).tolist()
            line = Report(done, total, content, style_cost, variation, rate)
            recent.clear()
            log.append(out / LOG, asdict(line))
            if report:
                report(line)
        if done % settings.keep == 0 or done == settings.steps:
            save(out / CHECKPOINT, Checkpoint(done, net.state_dict(), {}, optimizer_tensors(optimizer)))
    return net.eval(), {name: float(values[-1]) for name, values in log.read(out / LOG).items()}


def fresh(settings: FastSettings) -> PaintingNet:
    """The network that the seed draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.look.seed)
        return PaintingNet(settings.width, settings.blocks)


def begin_folder(out: Path, settings: FastSettings) -> None:
    """Note the settings, or compare them with those that are there."""
    kept = out / SETTINGS
    if kept.exists():
        if kept.read_text(encoding="utf-8") != settings.as_text():
            raise InvalidInput(f"{out} was begun with other settings, see {kept}: give the same, or another folder")
        return
    with replacing(kept) as fresh:
        fresh.write_text(settings.as_text(), encoding="utf-8")


def restored(out: Path, net: PaintingNet, optimizer: torch.optim.Optimizer) -> int:
    """Put a checkpoint's state back, and say how many steps it has seen; 0 where there is none."""
    if not (out / CHECKPOINT).exists():
        return 0
    found = load(out / CHECKPOINT)
    try:
        net.load_state_dict(found.weights)
    except RuntimeError as error:  # torch's word for names or shapes that differ
        raise DamagedFile(f"{out / CHECKPOINT} holds another network: delete it to start the run again") from error
    restore_optimizer(optimizer, found.optimizer)
    return found.step


def objective_of(style: Image, settings: FastSettings) -> Objective:
    """The costs of a painting; the content is given anew with each batch."""
    studio = Studio(settings.look)
    return studio.scene(style, [style], None, fitted(style, settings.look.size)).objective


def crops(photos: Sequence[Image], settings: FastSettings, step: int) -> Tensor:
    """The batch of a step: random squares of random photos, half of them mirrored, (B, 3, crop, crop) as 0..1."""
    rng = np.random.default_rng((settings.look.seed, step))
    drawn = [one_crop(photos[int(rng.integers(len(photos)))], settings.crop, rng) for _ in range(settings.batch)]
    return torch.cat([to_tensor(crop) for crop in drawn])


def one_crop(photo: Image, side: int, rng: np.random.Generator) -> Image:
    """A random square of a photo, mirrored or not."""
    y, x = (int(rng.integers(length - side + 1)) for length in photo.shape[:2])
    square = photo[y : y + side, x : x + side]
    return square[:, ::-1] if rng.random() < 0.5 else square


def one_step(
    net: PaintingNet, optimizer: torch.optim.Optimizer, objective: Objective, photos: Tensor, bf16: bool
) -> tuple[float, ...]:
    """One batch: total, content, style and variation before the step. Raises InvalidInput where they are no numbers."""
    with autocast(photos.device, bf16):
        wanted = content_of(objective.features, photos)
        costs = objective(net(photos).float(), wanted)
    numbers = costs.numbers()
    if not np.isfinite(numbers[0]):
        raise InvalidInput("the cost is no number any more: start again with a lower rate")
    optimizer.zero_grad()
    costs.total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return numbers


@torch.no_grad()
def content_of(features: Features, photos: Tensor) -> Tensor:
    """The content layer's maps of a batch."""
    maps: Tensor = features(photos)[-1]
    return maps
