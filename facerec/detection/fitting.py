"""Training a detector: annotated pictures in, weights out, and at any step a checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facerec.cnn.transfer import to_training
from facerec.detection.choosing import MEASURING, Choice, choose
from facerec.detection.framed import Framed, sizes_of
from facerec.detection.networks import Family, family
from facerec.detection.settings import COARSEST, DetectorSettings
from facerec.detection.views import views
from facerec.detection.yolo.places import Anchors, Places, places, rows_of
from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings
from facerec.learning.reports import Diverged
from facerec.learning.run import LoopSettings, Run
from facerec.metrics.detection import mean_ap
from facerec.records import Detections, Int64

SAME_SIZE = 10
"""Batches of one size before another is drawn (Redmon and Farhadi, 2017, multi-scale training)."""

STEEPEST = 10.0
"""Largest norm of a step's gradient; a longer one is cut to it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: its number, its loss in parts and in all, its rate, and mAP at IoU 0.5 where measured."""

    step: int
    loss: float
    box: float
    object: float
    kind: float
    learning_rate: float
    mean_ap: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A network with the anchors that it predicts from."""

    family: Family
    anchors: Anchors
    names: tuple[str, ...]

    def places(self, size: tuple[int, int], of: tuple[int, int]) -> Places:
        """For an input of `size`; anchors were found at an input of `of`, and grow with it."""
        factor = np.array([size[1] / of[1], size[0] / of[0]])
        grown = [[(w * factor[0], h * factor[1]) for w, h in own] for own in self.anchors]
        return places(size, self.family.strides, grown)


def plan_for(settings: DetectorSettings, data: Framed) -> Plan:
    """The anchors come from the data's own boxes. Raises InvalidInput where there are too few."""
    kind = family(settings.net)
    return Plan(kind, kind.priors(sizes_of(data.objects), np.random.default_rng(settings.seed)), data.names)


def steps_of(settings: DetectorSettings, pictures: int) -> tuple[int, int]:
    """Steps of the whole run, and of an epoch. Raises InvalidInput where an epoch has no batch."""
    a_round = max(1, pictures // settings.batch)
    return max(1, round(settings.epochs * a_round)), a_round


def begin(settings: DetectorSettings, plan: Plan, pictures: int, folder: Path) -> Run:
    """A fresh run, or the one that the folder's checkpoint holds."""
    steps, a_round = steps_of(settings, pictures)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = plan.family.build(len(plan.names), settings.width)
    loop = LoopSettings(
        steps, settings.epochs, 1, settings.learning_rate, settings.weight_decay, settings.schedule,
        settings.step_epochs, settings.factor, settings.milestones, settings.warmup, settings.average,
        device=settings.device, bf16=settings.bf16, compiled=False, seed=settings.seed,
        checkpoint_every=5 * a_round, validate_every=max(1, round(settings.validate_epochs * a_round)),
    )  # fmt: skip
    return Run(net, loop, folder, AugmentSettings())


def learn(run: Run, settings: DetectorSettings, plan: Plan, train: Framed, val: Framed | None = None) -> Iterator[Step]:
    """Train to the last step, measuring and saving on the way; yields after every step. Raises Diverged."""
    while run.step < run.settings.steps:
        rate = run.set_rate()
        parts = one_step(run, settings, plan, train, batch_of(settings, len(train), run.step))
        measured = None
        if val is not None and run.is_due(run.settings.validate_every):
            found = find_all(run.averaged(), plan, val, settings.size)
            measured = mean_ap(found, val.truth, len(plan.names))
        yield Step(run.step, sum(parts), *parts, rate, measured)
        if run.is_due(run.settings.checkpoint_every):
            run.save()


def batch_of(settings: DetectorSettings, pictures: int, step: int) -> Int64:
    """The rows of a step, by the seed and its number alone: every picture once an epoch, the last few left out."""
    batch = min(settings.batch, pictures)
    epoch, place = divmod(step, max(1, pictures // batch))
    order = np.random.default_rng((settings.seed, 1, epoch)).permutation(pictures)
    return order[place * batch : (place + 1) * batch]


def size_of(settings: DetectorSettings, step: int) -> tuple[int, int]:
    """The input's (height, width) at a step."""
    scale = np.random.default_rng((settings.seed, 2, step // SAME_SIZE)).choice(settings.scales)
    height, width = (max(COARSEST, round(side * scale / COARSEST) * COARSEST) for side in settings.size)
    return height, width


def one_step(run: Run, settings: DetectorSettings, plan: Plan, data: Framed, rows: Int64) -> tuple[float, float, float]:
    """Learn from some pictures: the loss of boxes, of objects and of classes."""
    size = size_of(settings, run.step)
    where = plan.places(size, settings.size)
    rng = np.random.default_rng((settings.seed, 3, run.step))
    seen, objects = views(data.pixels[rows], [data.objects[row] for row in rows], size, settings.views, rng)
    to_training(run.trunk)
    with run.autocast():
        maps = run.trunk(seen.to(run.device).contiguous(memory_format=torch.channels_last))
    parts = plan.family.loss(rows_of(maps, plan.family.anchors).float(), plan.family.encode(objects, where), where)
    sources = np.array([str(data.sources[row]) for row in rows])
    if not torch.isfinite(parts.total):
        raise Diverged("loss", run.step, rows, sources)
    run.optimizer.zero_grad()
    parts.total.backward()  # type: ignore[no-untyped-call]
    if not nn.utils.clip_grad_norm_(run.parameters, STEEPEST).isfinite():
        raise Diverged("gradient", run.step, rows, sources)
    run.advance()
    return parts.box.item(), parts.object.item(), parts.kind.item()


@torch.no_grad()
def find_all(
    net: nn.Module, plan: Plan, data: Framed, size: tuple[int, int], how: Choice = MEASURING, batch: int = 16
) -> list[Detections]:
    """What a network in evaluation mode finds on framed pictures, in pixels of the pictures as they were."""
    where, device = plan.places(size, size), next(net.parameters()).device
    found = []
    for start in range(0, len(data), batch):
        levels = torch.from_numpy(data.pixels[start : start + batch]).permute(0, 3, 1, 2).to(device).float() / 255
        rows = rows_of(net(levels.contiguous(memory_format=torch.channels_last)), plan.family.anchors)
        boxes, scores = (each.cpu().numpy() for each in plan.family.decode(rows.float(), where))
        for place, letter in enumerate(data.letters[start : start + batch]):
            found.append(choose(letter.back(boxes[place]), scores[place], how))
    return found


Listener = Callable[[Step], None]
"""Hears of every step."""


def require_trainable(data: Framed) -> None:
    """Raise InvalidInput where there is nothing to learn."""
    if not data.names or not any(len(each) for each in data.objects):
        raise InvalidInput("there is no object on these pictures: a detector learns from marked ones")
