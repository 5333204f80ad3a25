"""From settings and pictures to weights, or on from where a stopped run stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from facerec.errors import InvalidInput
from facerec.learning import log
from facerec.learning.datasets import TABLE, Crops, Progress
from facerec.learning.loop import Validate, go
from facerec.learning.processes import joined
from facerec.learning.reports import Report
from facerec.learning.settings import TrainSettings
from facerec.learning.splits import require_strangers
from facerec.learning.validation import Validation
from facerec.plots.figure import save
from facerec.plots.training import training_figure
from facerec.replacing import replacing
from facerec.training.beginning import begin, start_in_words
from facerec.training.material import (
    BESIDE,
    CURVES,
    LOG,
    SETTINGS,
    WEIGHTS,
    Material,
    folder_of_faces,
    is_begun,
    load_faces,
)

LOG_EVERY = 50  # steps
FREE = ("device", "workers", "checkpoint_every", "validate", "validate_every", "validate_fmr")
"""Settings that may change while a run is stopped: it learns the same with any of them."""

Listener = Callable[[Report, int], None]
"""Hears of every step, and of how many there are."""


def train_from(
    config: Path,
    data: Path,
    out: Path,
    report: Listener | None = None,
    reading: Progress | None = None,
    packing: Progress | None = None,
) -> Material:
    """Train by a settings file on the pictures in `data`, into the folder `out`; or go on with the run that is there.

    A finished run is left as it is, and nothing is read. `packing` hears of every few hundred pictures that become
    crops, `reading` of every shard. Under torchrun all its processes make one run, and one of them writes and reports.
    Raises InvalidInput where `out` holds a run with other settings or on other crops.
    """
    settings = TrainSettings.read(config)
    with joined(settings.device) as processes:
        with processes.one_before_the_others():
            if processes.writes:
                adopt(settings, config, out)
            kept = Material.read(out)
            if kept is not None and (out / WEIGHTS).exists():
                return kept
            faces = folder_of_faces(data, settings, out, packing)
            crops = load_faces(faces, settings.splits, reading if processes.writes else None)
            material = Material(len(crops), crops.refused)
            if processes.writes:
                material.keep(out)
        validate = validation(settings, faces) if settings.validate and processes.writes else None
        train(settings, crops, out, report, validate)
        if processes.writes:
            material = replace(material, start=start_in_words(out))
            material.keep(out)
        return material


def adopt(settings: TrainSettings, config: Path, out: Path) -> None:
    """Keep a copy of a settings file in the run's folder, which is made where it is missing.

    Raises InvalidInput where that cannot be done, and where a run with other settings is there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{str(out)!r} cannot be the folder of a run ({error.strerror}): name another") from error
    kept = out / SETTINGS
    if kept.exists() and is_begun(out):
        before = TrainSettings.read(kept)
        other = [f.name for f in fields(settings) if getattr(settings, f.name) != getattr(before, f.name)]
        if fixed := [name for name in other if name not in FREE]:
            raise InvalidInput(
                f"{out} holds a run with other settings ({', '.join(fixed)}): choose another folder, or delete it"
            )
        if not other:
            return
    content = config.read_bytes()
    with replacing(kept) as fresh:
        fresh.write_bytes(content)


def validation(settings: TrainSettings, faces: Path) -> Validation:
    """How a trunk does on the split that the settings name. Raises InvalidInput where it cannot tell."""
    require_strangers(faces / TABLE, settings.validate, settings.splits)
    _, size = settings.sizes[-1]
    return Validation.of(load_faces(faces, (settings.validate,)), size, settings.validate_fmr)


def train(
    settings: TrainSettings,
    crops: Crops,
    folder: Path,
    report: Listener | None = None,
    validate: Validate | None = None,
) -> nn.Module:
    """Train an encoder, or go on with the run in `folder`, and leave weights.safetensors, log.csv and log.png there;
    what the loss learned beside the trunk, such as a binary head, in beside.safetensors.

    Returns the trunk with its averaged weights, in eval mode.
    Raises InvalidInput where the crops lack what the loss needs, Diverged where the loss is no longer a number, and
    what `Run` does where the folder's checkpoint cannot be gone on from.
    """
    run, batches = begin(settings, crops, folder)
    last, writes = run.settings.steps, run.processes.writes
    if writes:
        folder.mkdir(parents=True, exist_ok=True)
        log.cut(folder / LOG, run.step, tuple(f.name for f in fields(Report)))
    for now in go(run, crops, batches, run.beside, validate):
        if writes and (now.step % LOG_EVERY == 0 or now.step == last or now.tar is not None):
            log.append(folder / LOG, asdict(now))
        if writes and report:
            report(now, last)
    if writes:
        leave(run.average, run.beside_average if any(True for _ in run.beside.parameters()) else {}, folder)
    run.trunk.load_state_dict(run.average)
    trunk: nn.Module = run.trunk.eval()
    return trunk


def leave(weights: dict[str, torch.Tensor], beside: dict[str, torch.Tensor], folder: Path) -> None:
    """Write what a run has learned, and its curves; the trunk's weights last, because they say that it is finished."""
    if (folder / LOG).exists():
        save(training_figure(log.read(folder / LOG)), folder / CURVES)
    if beside:
        keep_weights(folder / BESIDE, beside)
    keep_weights(folder / WEIGHTS, weights)


def keep_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write weights as safetensors, replacing the file whole."""
    with replacing(path) as fresh:
        save_file({name: value.contiguous() for name, value in weights.items()}, fresh)
