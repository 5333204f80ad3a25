"""How a run begins: its batches, its trunk, the weights that it starts from, and what of them stays as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from facerec.cnn.transfer import LoadReport, freeze, load_fitting
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.encoder import PACKAGED
from facerec.faces.trunks import Trunk, create_trunk, load_weights
from facerec.faces.trunks.facenet import read_facenet
from facerec.learning import samplers
from facerec.learning.batches import Batches, input_size
from facerec.learning.datasets import Crops
from facerec.learning.embedding import embed
from facerec.learning.lookalikes import ConfusedBatches
from facerec.learning.objectives import objective_of
from facerec.learning.processes import processes
from facerec.learning.run import LoopSettings, Run
from facerec.learning.settings import TrainSettings
from facerec.records import Float32, Int64
from facerec.replacing import replacing
from facerec.training.material import LOOKALIKES, WEIGHTS

START = "start.json"
"""What became of each weight that a run started from, where not all had to fit."""


def begin(settings: TrainSettings, crops: Crops, folder: Path) -> tuple[Run, Batches]:
    """The run as its folder has it, from the first step where the folder is new.

    Raises InvalidInput where the crops lack what the loss needs or fill no step, where the trunk does not take a size
    or has no such part to freeze, and what `start_from` and `Run` raise.
    """
    if (settings.distil or settings.relation) and crops.targets.shape[1] == 0:
        raise InvalidInput(
            "distillation needs a teacher: put targets.npy beside faces.csv, or set distil = 0 and relation = 0"
        )
    batches, batches_per_epoch = batches_of(settings, crops.labels)
    steps = round(settings.epochs * batches_per_epoch / settings.accumulate)
    if not steps:
        raise InvalidInput(f"{settings.epochs} epochs of {batches_per_epoch} batches are no step: set more epochs")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        trunk = create_trunk(settings.trunk)
        objective = objective_of(settings, subjects=int(crops.labels.max()) + 1)
    require_sides(trunk, settings.sizes)
    if settings.start:
        start_from(settings, trunk, folder)
    freeze(trunk, settings.freeze)
    if not any(weights.requires_grad for weights in trunk.parameters()):
        raise InvalidInput("freeze leaves nothing of the trunk to learn: name fewer parts")
    run = Run(trunk, loop_settings(settings, steps), folder, settings.augment, objective)
    return run, confused_batches(settings, crops, run) if settings.mine_every else batches


def batches_of(settings: TrainSettings, labels: Int64) -> tuple[Batches, int]:
    """The batches of each epoch, and how many an epoch has. Raises InvalidInput where there is not one."""

    def epoch(number: int) -> Iterator[Int64]:
        rng = np.random.default_rng([settings.seed, number])
        if settings.of_pairs:
            return samplers.balanced(labels, settings.subjects, settings.per_subject, rng)
        return samplers.shuffled(len(labels), settings.batch, rng)

    count = sum(1 for _ in epoch(0))
    if not count:
        raise InvalidInput(f"{len(labels)} crops do not fill one batch of {settings.batch}: set a smaller batch")
    return epoch, count


def loop_settings(settings: TrainSettings, steps: int) -> LoopSettings:
    """The part of the settings that the loop wants."""
    shared = {f.name for f in fields(LoopSettings)} & {f.name for f in fields(TrainSettings)}
    return LoopSettings(steps=steps, **{name: getattr(settings, name) for name in shared})


def require_sides(trunk: Trunk, sizes: tuple[tuple[float, int], ...]) -> None:
    """Raise InvalidInput, before hours of training, where a trunk does not take one of the sides to come."""
    for _, side in sizes:
        if not trunk.takes(side):
            raise InvalidInput(f"this trunk takes {trunk.sides()}, not {side}: set sizes = [[0.0, {trunk.side}]]")


def start_from(settings: TrainSettings, trunk: Trunk, folder: Path) -> None:
    """Take over the weights that the settings name: all of them, or with `start_strict` off those that fit.

    Then what became of each is written into the run's folder. Raises what `read_weights` does, and InvalidInput where
    they are another network's.
    """
    weights = read_weights(PACKAGED.get(settings.start, Path(settings.start)))
    if settings.start_strict:
        load_weights(trunk, weights)
        return
    report = load_fitting(trunk, weights)
    if processes().writes:
        with replacing(folder / START) as fresh:
            fresh.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")


def start_in_words(folder: Path) -> str:
    """What became of the weights that a run started from; empty where all had to fit."""
    path = folder / START
    return str(LoadReport(**json.loads(path.read_text(encoding="utf-8")))) if path.exists() else ""


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights that a finished run, or an export, left in a folder; or those of facenet-pytorch's published file.

    Raises MissingPart or DamagedFile, and InvalidInput for a file of another network.
    """
    if folder.is_file():
        return read_facenet(folder)
    return read_tensors(folder / WEIGHTS)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """A file that a finished run leaves. Raises MissingPart where there is none, DamagedFile where it is not whole."""
    if not path.exists():
        raise MissingPart(f"no weights in {path.parent}: a finished run leaves {path.name} there")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamagedFile(f"{path} is no whole file of weights: {error}") from error


def confused_batches(settings: TrainSettings, crops: Crops, run: Run) -> Batches:
    """Batches of subjects whom the run's trunk confuses, as it sees their crops whenever it is asked.

    A run that begins does so without what an older one in its folder has found.
    """
    if run.step == 0 and run.processes.writes:
        shutil.rmtree(run.folder / LOOKALIKES, ignore_errors=True)

    def embedded(rows: Int64) -> Float32:
        size = input_size(settings.sizes, run.step / run.settings.steps)
        with run.autocast():
            return embed(run.trunk, crops[rows].pixels, size)

    return ConfusedBatches(
        crops.labels, settings.subjects, settings.per_subject, settings.seed, settings.mine_every, embedded,
        run.folder / LOOKALIKES,
    )  # fmt: skip
