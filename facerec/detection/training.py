"""A settings file in, a detector's folder out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from facerec.detection.annotated import Progress, silent
from facerec.detection.datasets import read_annotated
from facerec.detection.detector import CARD
from facerec.detection.export import export
from facerec.detection.fitting import Step, begin, learn, plan_for, require_trainable
from facerec.detection.framed import Framed, frame_all
from facerec.detection.settings import DetectorSettings
from facerec.errors import InvalidInput
from facerec.learning import log

LOG = "log.csv"
LOG_EVERY = 10
"""Steps between two lines of the log."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a settings file asks for, read: how to train, and the pictures to learn from and to measure on."""

    settings: DetectorSettings
    train: Framed
    val: Framed | None

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """(source, reason) of every picture that was left out."""
        return self.train.refused + (self.val.refused if self.val else ())


def read_material(config: Path, out: Path, reading: Progress = silent) -> Material:
    """Read a settings file and the pictures that it names.

    Raises InvalidInput where `out` holds a detector already or there is nothing to learn, and what reading raises.
    """
    settings = DetectorSettings.read(config)
    if (out / CARD).exists():
        raise InvalidInput(f"{out} holds a trained detector already: choose another folder, or delete it")
    here = config.parent
    train = frame_all(read_annotated(here / settings.train, settings.names), settings.size, reading)
    require_trainable(train)
    if not settings.val:
        return Material(settings, train, None)
    val = frame_all(read_annotated(here / settings.val, train.names), settings.size, reading)
    return Material(settings, train, val)


def train_into(out: Path, material: Material, hear: Callable[[Step, int], None]) -> dict[str, object]:
    """Train into the folder `out`, going on from its checkpoint; returns what the card says of the training.

    `hear` gets every step and the number of all. Raises Diverged where the loss is no number any more.
    """
    settings, train = material.settings, material.train
    out.mkdir(parents=True, exist_ok=True)
    plan = plan_for(settings, train)
    run = begin(settings, plan, len(train), out)
    log.cut(out / LOG, run.step)
    measured = None
    for step in learn(run, settings, plan, train, material.val):
        measured = step.mean_ap if step.mean_ap is not None else measured
        if run.is_due(LOG_EVERY) or step.mean_ap is not None:
            log.append(out / LOG, {name: "" if value is None else value for name, value in asdict(step).items()})
        hear(step, run.settings.steps)
    facts: dict[str, object] = {
        "steps": run.step,
        "pictures": len(train),
        "objects": sum(len(each) for each in train.objects),
        "val_mean_ap": measured,
        "settings": asdict(replace(settings, train=Path(settings.train).name, val=Path(settings.val).name)),
    }
    export(run.averaged(), plan, settings, out, facts)
    return facts
