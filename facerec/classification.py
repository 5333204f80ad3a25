"""Training a classifier: a settings file with a folder of pictures in, a folder with weights and a report out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from facerec.cnn.networks import create, published
from facerec.cnn.preparation import Preparation, plain
from facerec.cnn.pretrained import open_classifier
from facerec.cnn.transfer import LoadReport, begin_head, load_fitting
from facerec.cnn.weight_files import FACTS
from facerec.errors import InvalidInput
from facerec.learning import log
from facerec.learning.class_loop import Epoch, Listener, learn, predict
from facerec.learning.class_settings import ClassifierSettings
from facerec.learning.labelled import Labelled, Progress, held_out, read_labelled, silent
from facerec.replacing import replacing

__all__ = ["ClassifierSettings", "Material", "Outcome", "read_material", "train_classifier", "train_into"]

WEIGHTS, REPORT, LOG = "weights.safetensors", "report.json", "log.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A trained classifier and how well it does.

    confusion  (C, C) int64: rows are the true classes of the test pictures, columns what they were taken for
    loaded     what became of the weights that it started from; None where it started fresh
    """

    net: nn.Module
    preparation: Preparation
    names: tuple[str, ...]
    epochs: tuple[Epoch, ...]
    confusion: np.ndarray
    loaded: LoadReport | None = None

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / self.confusion.sum())

    def as_dict(self) -> dict[str, object]:
        """For the report: shares of the test pictures, seconds of training."""
        known = np.maximum(self.confusion.sum(axis=1), 1)
        return {
            "accuracy": self.accuracy,
            "tested_on": int(self.confusion.sum()),
            "seconds": sum(epoch.seconds for epoch in self.epochs),
            "classes": dict(zip(self.names, (self.confusion.diagonal() / known).tolist(), strict=True)),
            "confusion": self.confusion.tolist(),
            "loaded": str(self.loaded) if self.loaded else None,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a settings file asks for, read: how to train, and the pictures to learn from and to test on."""

    settings: ClassifierSettings
    train: Labelled
    test: Labelled

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """(source, reason) of every picture that was left out."""
        return tuple(dict.fromkeys(self.train.refused + self.test.refused))


def read_material(config: Path, out: Path, reading: Progress = silent) -> Material:
    """Read a settings file and the pictures that it names. Raises InvalidInput where `out` holds a run already."""
    settings = ClassifierSettings.read(config)
    if (out / WEIGHTS).exists():
        raise InvalidInput(f"{out} holds a trained classifier already: choose another folder, or delete it")
    here, side = config.parent, side_of(settings)
    if settings.start:
        settings = replace(settings, start=str(here / settings.start))
    train = read_labelled(here / settings.data, side, progress=reading)
    if settings.test:
        return Material(settings, train, read_labelled(here / settings.test, side, train.names, reading))
    learned, tested = held_out(train.labels, settings.holdout, np.random.default_rng(settings.seed))
    return Material(settings, train[learned], train[tested])


def train_into(out: Path, material: Material, report: Listener | None = None) -> Outcome:
    """Train into the folder `out`: weights.safetensors, log.csv and report.json."""
    out.mkdir(parents=True, exist_ok=True)
    (out / LOG).unlink(missing_ok=True)

    def hear(epoch: Epoch) -> None:
        log.append(out / LOG, asdict(epoch))
        if report:
            report(epoch)

    outcome = train_classifier(material.settings, material.train, material.test, hear)
    keep(outcome, material.settings.net, out)
    return outcome


def train_classifier(
    settings: ClassifierSettings, train: Labelled, test: Labelled, report: Listener | None = None
) -> Outcome:
    """Train a classifier on pictures at hand. The same settings and pictures give the same weights on one machine.

    Raises InvalidInput for an unknown network, for fewer than two classes and where there is nothing to test on.
    """
    if len(train.names) < 2 or not len(test):
        raise InvalidInput("a classifier needs two classes or more, and a picture to test on")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net, prepare, loaded = begin(settings, len(train.names))
        epochs = []
        for epoch in learn(net, train, test, prepare, settings):
            epochs.append(epoch)
            if report:
                report(epoch)
    confusion = np.zeros((len(train.names),) * 2, np.int64)
    np.add.at(confusion, (test.labels, predict(net, test.pixels, prepare)), 1)
    return Outcome(net.eval(), prepare, train.names, tuple(epochs), confusion, loaded)


def begin(settings: ClassifierSettings, classes: int) -> tuple[nn.Module, Preparation, LoadReport | None]:
    """The network, with fresh weights or with all that fit of a file's: the head is new where classes differ."""
    channels = settings.channels or published(settings.net).channels
    net = create(settings.net, classes, channels)
    if not settings.start:
        return net, plain(side_of(settings), channels), None
    source = open_classifier(settings.net, Path(settings.start))
    prepare = replace(source.preparation, resize=side_of(settings), crop=side_of(settings))
    loaded = load_fitting(net, source.net.state_dict())
    if loaded.misshapen:
        begin_head(net)
    return net, prepare, loaded


def side_of(settings: ClassifierSettings) -> int:
    """Side of the input, pixels. Raises InvalidInput for an unknown network."""
    return settings.side or published(settings.net).size


def keep(outcome: Outcome, network: str, out: Path) -> None:
    """Write the weights, with what `open_classifier` needs to know of them, and the report."""
    facts = {"network": network, "names": outcome.names, "preparation": asdict(outcome.preparation)}
    state = {name: value.contiguous() for name, value in outcome.net.state_dict().items()}
    with replacing(out / WEIGHTS) as fresh:
        save_file(state, fresh, metadata={FACTS: json.dumps(facts)})
    with replacing(out / REPORT) as fresh:
        fresh.write_text(json.dumps(outcome.as_dict(), indent=2) + "\n", encoding="utf-8")
