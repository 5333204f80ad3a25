"""Training an encoder: a settings file and a folder of faces in, a folder with weights and a log out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.encoder import PACKAGED
from facerec.faces.encoder_export import export_encoder
from facerec.faces.trunks import Trunk, create_trunk, load_weights
from facerec.faces.trunks.facenet import read_facenet
from facerec.learning import log, samplers
from facerec.learning.augment import AugmentSettings
from facerec.learning.batches import Batches, input_size
from facerec.learning.datasets import Crops, Progress, Refused, load_shards
from facerec.learning.embedding import embed
from facerec.learning.lookalikes import ConfusedBatches
from facerec.learning.loop import go
from facerec.learning.objectives import objective_of
from facerec.learning.reports import Report
from facerec.learning.run import CHECKPOINT, LoopSettings, Run
from facerec.learning.settings import TrainSettings
from facerec.records import Float32, Int64
from facerec.replacing import replacing

__all__ = [
    "AugmentSettings", "Material", "TrainSettings", "export", "train", "train_from",
]  # fmt: skip

SETTINGS, MATERIAL, LOG, WEIGHTS = "settings.toml", "material.json", "log.csv", "weights.safetensors"
BESIDE, LOOKALIKES = "beside.safetensors", "lookalikes"
LOG_EVERY = 50  # steps

Listener = Callable[[Report, int], None]
"""Hears of every step, and of how many there are."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from: how many crops, and (source, reason) of every picture that was left out."""

    crops: int
    refused: Refused

    @classmethod
    def read(cls, run: Path) -> Material | None:
        """What the folder of a run says of it; None where it says nothing. Raises DamagedFile for another content."""
        path = run / MATERIAL
        if not path.exists():
            return None
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(kept["crops"]), tuple((str(source), str(reason)) for source, reason in kept["refused"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{path} does not say what the run learns from ({error!r}): delete it") from error

    def keep(self, run: Path) -> None:
        """Write it into the folder of a run. Raises InvalidInput where the run was begun on another number of crops."""
        kept = Material.read(run)
        if kept is not None and is_begun(run) and kept.crops != self.crops:
            raise InvalidInput(
                f"{run} was begun on {kept.crops} crops, and there are {self.crops} now: put back what is missing, "
                "choose another folder, or delete it"
            )
        with replacing(run / MATERIAL) as fresh:
            fresh.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def is_begun(run: Path) -> bool:
    """Does the folder hold anything that another run would spoil?"""
    return (run / CHECKPOINT).exists() or (run / WEIGHTS).exists()


def batches_of(settings: TrainSettings, labels: Int64) -> tuple[Batches, int]:
    """The batches of each epoch, and how many steps an epoch has. Raises InvalidInput where there is not one."""

    def epoch(number: int) -> Iterator[Int64]:
        rng = np.random.default_rng([settings.seed, number])
        if settings.of_pairs:
            return samplers.balanced(labels, settings.subjects, settings.per_subject, rng)
        return samplers.shuffled(len(labels), settings.batch, rng)

    steps = sum(1 for _ in epoch(0))
    if not steps:
        raise InvalidInput(f"{len(labels)} crops do not fill one batch of {settings.batch}: set a smaller batch")
    return epoch, steps


def loop_settings(settings: TrainSettings, steps: int) -> LoopSettings:
    """The part of the settings that the loop wants."""
    shared = {f.name for f in fields(LoopSettings)} & {f.name for f in fields(TrainSettings)}
    return LoopSettings(steps=steps, **{name: getattr(settings, name) for name in shared})


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights that a finished run, or an export, left in a folder; or those of facenet-pytorch's published file.

    Raises MissingPart or DamagedFile, and InvalidInput for a file of another network.
    """
    if folder.is_file():
        return read_facenet(folder)
    path = folder / WEIGHTS
    if not path.exists():
        raise MissingPart(f"no weights in {folder}: a finished run leaves {WEIGHTS} there")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamagedFile(f"{path} is no whole file of weights: {error}") from error


def begin(settings: TrainSettings, crops: Crops, folder: Path) -> tuple[Run, Batches]:
    """The run as its folder has it, from the first step where the folder is new."""
    if (settings.distil or settings.relation) and crops.targets.shape[1] == 0:
        raise InvalidInput(
            "distillation needs a teacher: put targets.npy beside faces.csv, or set distil = 0 and relation = 0"
        )
    batches, steps_per_epoch = batches_of(settings, crops.labels)
    steps = round(settings.epochs * steps_per_epoch)
    if not steps:
        raise InvalidInput(f"{settings.epochs} epochs of {steps_per_epoch} batches are no step: set more epochs")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        trunk = create_trunk(settings.trunk)
        objective = objective_of(settings, subjects=int(crops.labels.max()) + 1)
    require_sides(trunk, settings.sizes)
    if settings.start:
        load_weights(trunk, read_weights(PACKAGED.get(settings.start, Path(settings.start))))
    run = Run(trunk, loop_settings(settings, steps), folder, settings.augment, objective)
    return run, confused_batches(settings, crops, run) if settings.mine_every else batches


def require_sides(trunk: Trunk, sizes: tuple[tuple[float, int], ...]) -> None:
    """Raise InvalidInput, before hours of training, where a trunk does not take one of the sides to come."""
    for _, side in sizes:
        if not trunk.takes(side):
            raise InvalidInput(f"this trunk takes {trunk.sides()}, not {side}: set sizes = [[0.0, {trunk.side}]]")


def confused_batches(settings: TrainSettings, crops: Crops, run: Run) -> Batches:
    """Batches of subjects whom the run's trunk confuses, as it sees their crops whenever it is asked."""

    def embedded(rows: Int64) -> Float32:
        size = input_size(settings.sizes, run.step / run.settings.steps)
        with run.autocast():
            return embed(run.trunk, crops[rows].pixels, size)

    return ConfusedBatches(
        crops.labels, settings.subjects, settings.per_subject, settings.seed, settings.mine_every, embedded,
        run.folder / LOOKALIKES,
    )  # fmt: skip


def train(settings: TrainSettings, crops: Crops, folder: Path, report: Listener | None = None) -> nn.Module:
    """Train an encoder, or go on with the run in `folder`, and leave weights.safetensors and log.csv there; what the
    loss learned beside the trunk, such as a binary head, in beside.safetensors.

    Returns the trunk with its averaged weights, in eval mode.
    Raises InvalidInput where the crops lack what the loss needs, Diverged where the loss is no longer a number, and
    what `Run` does where the folder's checkpoint cannot be gone on from.
    """
    run, batches = begin(settings, crops, folder)
    folder.mkdir(parents=True, exist_ok=True)
    log.cut(folder / LOG, run.step)
    last = run.settings.steps
    for now in go(run, crops, batches, run.beside):
        if now.step % LOG_EVERY == 0 or now.step == last:
            log.append(folder / LOG, asdict(now))
        if report:
            report(now, last)
    if any(True for _ in run.beside.parameters()):
        keep_weights(folder / BESIDE, run.beside_average)
    run.trunk.load_state_dict(run.average)
    keep_weights(folder / WEIGHTS, run.average)
    trunk: nn.Module = run.trunk.eval()
    return trunk


def keep_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write weights as safetensors, replacing the file whole."""
    with replacing(path) as fresh:
        save_file({name: value.contiguous() for name, value in weights.items()}, fresh)


def train_from(
    config: Path, data: Path, out: Path, report: Listener | None = None, reading: Progress | None = None
) -> Material:
    """Train by a settings file on the folder `data`, into the folder `out`; or go on with the run that is there.

    A finished run is left as it is, and nothing is read. `reading` hears of every shard.
    Raises InvalidInput where `out` holds a run with other settings or on other crops.
    """
    settings = adopt(config, out)
    kept = Material.read(out)
    if kept is not None and (out / WEIGHTS).exists():
        return kept
    crops = load_shards(data, settings.splits, progress=reading)
    material = Material(len(crops), crops.refused)
    material.keep(out)
    train(settings, crops, out, report)
    return material


def adopt(config: Path, out: Path) -> TrainSettings:
    """Read a settings file and keep a copy in the run's folder. Raises InvalidInput where a run has others already."""
    settings, kept = TrainSettings.read(config), out / SETTINGS
    if kept.exists() and is_begun(out):
        before = TrainSettings.read(kept)
        if other := [f.name for f in fields(settings) if getattr(settings, f.name) != getattr(before, f.name)]:
            raise InvalidInput(
                f"{out} holds a run with other settings ({', '.join(other)}): choose another folder, or delete it"
            )
        return settings
    content = config.read_bytes()
    with replacing(kept) as fresh:
        fresh.write_bytes(content)
    return settings


def export(run: Path, out: Path, name: str, mirror: bool = True) -> None:
    """Turn the folder of a finished run into an encoder's folder. Raises MissingPart where it is not finished.

    With `mirror` it looks at each face and at its mirror image, at twice the cost of the face alone.
    """
    settings = TrainSettings.read(run / SETTINGS)
    facts: dict[str, Any] = {"training": asdict(settings)}
    if material := Material.read(run):
        facts["trained_on"] = {"crops": material.crops, "left_out": len(material.refused)}
    export_encoder(read_weights(run), settings.trunk, out, name, facts, mirror)
