"""Training an encoder: a settings file and a folder of faces in, a folder with weights and a log out."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from facerec.calibration import measure_operating_points
from facerec.errors import InvalidInput
from facerec.faces.encoder import SIDE, open_encoder
from facerec.faces.encoder_export import export_encoder
from facerec.faces.trunks import create_trunk
from facerec.learning import losses, samplers
from facerec.learning.augment import AugmentSettings
from facerec.learning.datasets import Crops, load_shards
from facerec.learning.loop import Batches, LoopSettings, Objective, Report, Run, append_csv
from facerec.learning.miners import batch_hard
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import Int64

TARGETS = (0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""False match rates that a calibration tries to support."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How one encoder is made.

    The loss is `distil` times distillation plus `triplet` times triplet loss with batch-hard mining; with a triplet
    part, batches are `subjects` x `per_subject`, else `batch` crops in random order.
    """

    trunk: str = "residual"
    splits: tuple[str, ...] = ("train", "unlabelled")  # of faces.csv
    start: str = ""  # a folder with the weights of an earlier run; empty: from scratch
    epochs: float = 20  # passes over the crops, or over the subjects with a triplet part
    batch: int = 128
    subjects: int = 32  # P
    per_subject: int = 4  # K
    distil: float = 1.0
    triplet: float = 0.0
    margin: float = 0.2  # squared distance of unit rows
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.03
    average: float = 0.999
    sizes: tuple[tuple[float, int], ...] = ((0.0, 112),)
    bf16: bool = True
    compiled: bool = True
    seed: int = 0
    checkpoint_every: int = 1000
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    @classmethod
    def of(cls, values: dict[str, object]) -> TrainSettings:
        """From a parsed TOML table. Raises InvalidInput on a key that does not exist."""
        table = dict(values)
        refuse_unknown(cls, table)
        if isinstance(table.get("augment"), dict):
            refuse_unknown(AugmentSettings, table["augment"])
            table["augment"] = AugmentSettings(**table["augment"])
        if "splits" in table:
            table["splits"] = tuple(table["splits"])
        if "sizes" in table:
            table["sizes"] = tuple((float(start), int(size)) for start, size in table["sizes"])
        return cls(**table)

    @classmethod
    def read(cls, path: Path) -> TrainSettings:
        """From a TOML file. Raises InvalidInput where it is not TOML or has an unknown key."""
        try:
            return cls.of(tomllib.loads(path.read_text()))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} is not TOML: {error}") from error


def refuse_unknown(settings: type, table: dict[str, object]) -> None:
    """Raise InvalidInput where a table has a key that the settings lack."""
    unknown = table.keys() - {f.name for f in fields(settings)}
    if unknown:
        raise InvalidInput(f"unknown training settings: {', '.join(sorted(unknown))}")


def batches_of(settings: TrainSettings, labels: Int64) -> tuple[Batches, int]:
    """The batches of each epoch, and how many steps an epoch has."""

    def epoch(number: int) -> Iterator[Int64]:
        rng = np.random.default_rng([settings.seed, number])
        if settings.triplet:
            return samplers.balanced(labels, settings.subjects, settings.per_subject, rng)
        return samplers.shuffled(len(labels), settings.batch, rng)

    return epoch, sum(1 for _ in epoch(0))


def objective_of(settings: TrainSettings) -> Objective:
    """The loss that the settings describe."""

    def objective(embeddings: torch.Tensor, crops: Crops) -> tuple[torch.Tensor, float]:
        loss, active = embeddings.new_zeros(()), 1.0
        if settings.distil:
            loss = loss + settings.distil * losses.distillation(embeddings, torch.from_numpy(crops.targets))
        if settings.triplet:
            triplets = batch_hard(embeddings, torch.from_numpy(crops.labels))
            violation = losses.violations(embeddings, triplets, settings.margin)
            active = (violation > 0).float().mean().item()
            loss = loss + settings.triplet * losses.triplet(embeddings, triplets, settings.margin)
        return loss, active

    return objective


def loop_settings(settings: TrainSettings, steps: int) -> LoopSettings:
    """The part of the settings that the loop wants."""
    shared = {f.name for f in fields(LoopSettings)} & {f.name for f in fields(TrainSettings)}
    return LoopSettings(steps=steps, **{name: getattr(settings, name) for name in shared})


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The averaged weights that a run left in its folder."""
    path = folder / "weights.safetensors"
    if not path.exists():
        raise InvalidInput(f"no weights in {folder}: a finished run leaves weights.safetensors there")
    return load_file(path)


def train(
    settings: TrainSettings, crops: Crops, folder: Path, report: Callable[[Report, int], None] | None = None
) -> nn.Module:
    """Train an encoder, or go on with the run in `folder`, and leave weights.safetensors and log.csv there.

    Returns the trunk with its averaged weights, in eval mode. `report` hears of every step, and how many there are.
    Raises InvalidInput where the crops lack what the loss needs.
    """
    if settings.distil and crops.targets.shape[1] == 0:
        raise InvalidInput("distillation needs a teacher: put targets.npy beside faces.csv, or set distil = 0")
    torch.manual_seed(settings.seed)
    trunk = create_trunk(settings.trunk)
    if settings.start:
        trunk.load_state_dict(read_weights(Path(settings.start)))
    batches, steps_per_epoch = batches_of(settings, crops.labels)
    run = Run(trunk, loop_settings(settings, round(settings.epochs * steps_per_epoch)), folder, settings.augment)
    for now in run.go(crops, batches, objective_of(settings)):
        if now.step % 50 == 0:
            append_csv(folder / "log.csv", dataclasses.asdict(now))
        if report:
            report(now, run.settings.steps)
    trunk.load_state_dict(run.average)
    save_file({name: value.contiguous() for name, value in run.average.items()}, folder / "weights.safetensors")
    return trunk.eval()


def train_from(config: Path, data: Path, out: Path, report: Callable[[Report, int], None] | None = None) -> Crops:
    """Train by a settings file on the folder `data`, into the folder `out`; or go on with the run that is there.

    Returns the crops' bookkeeping without their pixels, so that a caller can say what was read and refused.
    Raises InvalidInput where `out` holds a run with other settings.
    """
    settings, kept = TrainSettings.read(config), out / "settings.toml"
    if kept.exists() and TrainSettings.read(kept) != settings:
        raise InvalidInput(f"{out} holds a run with other settings: choose another folder, or delete it")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(config, kept)
    crops = load_shards(data, settings.splits)
    train(settings, crops, out, report)
    return replace(crops, pixels=crops.pixels[:0])


def calibrate_on_split(folder: Path, data: Path, split: str = "val") -> OperatingPoints:
    """Measure an exported encoder's thresholds on the people of a split of `data`, into the encoder's card.

    Raises InvalidInput where a crop has no label or the people are too few for any threshold.
    """
    crops = load_shards(data, (split,))
    sources = f"split {split} of {data.name}: {len(crops)} crops of {len(np.unique(crops.labels))} people"
    return calibrate(folder, crops, f"{sources}, none of them in training")


def calibrate(folder: Path, crops: Crops, evidence: str, seed: int = 0) -> OperatingPoints:
    """The same on crops at hand; `evidence` says in words what they are."""
    encoder = open_encoder(folder)
    edge = (crops.pixels.shape[1] - SIDE) // 2
    embeddings = encoder(np.ascontiguousarray(crops.pixels[:, edge : edge + SIDE, edge : edge + SIDE]))
    if (crops.labels < 0).any():
        raise InvalidInput("calibration needs the subject of every crop")
    points = measure_operating_points(
        embeddings, [str(label) for label in crops.labels], encoder=encoder.digest, evidence=evidence,
        rng=np.random.default_rng(seed), targets=TARGETS,
    )  # fmt: skip
    encoder.card.facts["operating_points"] = points.as_dict()
    (folder / "card.json").write_text(json.dumps(encoder.card.facts, indent=2) + "\n", encoding="utf-8")
    return points


def export(run: Path, out: Path, name: str) -> None:
    """Turn the folder of a finished run into an encoder's folder."""
    settings = TrainSettings.read(run / "settings.toml")
    facts = {"training": dataclasses.asdict(settings)}
    export_encoder(read_weights(run), settings.trunk, out, name, facts)
