"""From a settings file to a folder with a trained network: weights, an ONNX graph, a log and a report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from facerec.cnn.transfer import LoadReport
from facerec.cnn.weight_files import FACTS
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.learning import log
from facerec.learning.run import CHECKPOINT
from facerec.metrics.segmentation import PixelAgreement
from facerec.replacing import replacing
from facerec.segmentation.data import Masked, Progress, held_out, read_masked, silent
from facerec.segmentation.evaluating import as_answer, evaluate
from facerec.segmentation.export import export_segmenter
from facerec.segmentation.segmenter import GRAPH, open_segmenter
from facerec.segmentation.settings import SegmenterSettings
from facerec.segmentation.training import LOG, Beginning, Listener, begin, train

WEIGHTS, REPORT, SETTINGS = "weights.safetensors", "report.json", "settings.json"


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a settings file asks for, read: how to train, with what to begin, and the pictures to learn and to test."""

    settings: SegmenterSettings
    beginning: Beginning
    learned: Masked
    tested: Masked


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How well the exported network does on the test pictures.

    seconds  of training, those before a stop included
    loaded   what became of the weights that it started from; None where it started fresh
    """

    names: tuple[str, ...]
    agreement: PixelAgreement
    tested_on: int
    seconds: float
    loaded: LoadReport | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        found = as_answer(self.agreement, self.names)
        return {**found, "tested_on": self.tested_on, "seconds": self.seconds, "loaded": str(self.loaded or "")}


def read_material(config: Path, out: Path, reading: Progress = silent) -> Material:
    """Read a settings file, the network that it begins with, and the pictures that it names.

    Raises InvalidInput where `out` holds a finished network, or a run that was begun with other settings.
    """
    settings, here = SegmenterSettings.read(config), config.parent
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"{out} is a file: name a folder for the run")
    if (out / REPORT).exists():
        raise InvalidInput(f"{out} holds a trained network already: choose another folder, or delete it")
    require_same_settings(out, settings)
    labels, beginning = settings.labels, begin(settings, here)
    learned = read_masked(here / settings.data, folder(here, settings.masks), labels, reading)
    if settings.test:
        tested = read_masked(here / settings.test, folder(here, settings.test_masks), labels, reading)
    else:
        rows = held_out(len(learned), settings.holdout, np.random.default_rng(settings.seed))
        learned, tested = (learned[chosen] for chosen in rows)
    require_two_classes(learned, settings.names)
    return Material(settings, beginning, learned, tested)


def folder(here: Path, name: str) -> Path | None:
    """Beside the settings file, where one is named."""
    return here / name if name else None


def require_two_classes(learned: Masked, names: tuple[str, ...]) -> None:
    """Raise InvalidInput where all pixels that count are of one class."""
    seen = {label for mask in learned.masks for label in np.unique(mask).tolist() if label < len(names)}
    if len(seen) < 2:
        raise InvalidInput("the masks show fewer than two classes: there is nothing to learn")


def require_same_settings(out: Path, settings: SegmenterSettings) -> None:
    """Raise InvalidInput where the folder holds a run that was begun otherwise."""
    if not (out / CHECKPOINT).exists():
        return
    try:
        begun = json.loads((out / SETTINGS).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingPart(f"{out} holds a checkpoint without {SETTINGS}: delete it to start again") from error
    except ValueError as error:
        raise DamagedFile(f"{out / SETTINGS} is no JSON: delete {out} to start again") from error
    now = json.loads(json.dumps(asdict(settings)))
    if other := sorted(name for name in now if begun.get(name) != now[name]):
        raise InvalidInput(f"the run in {out} was begun with another {', '.join(other)}: choose another folder")


def train_into(out: Path, material: Material, hear: Listener) -> Outcome:
    """Train into the folder `out`, on from its checkpoint where there is one.

    Leaves weights.safetensors, model.onnx, log.csv and report.json; what is reported is what the graph does.
    """
    settings, beginning = material.settings, material.beginning
    with replacing(out / SETTINGS) as fresh:
        fresh.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    net = train(settings, beginning, material.learned, material.tested, out, hear)
    facts = {"network": settings.net, "names": settings.names, "preparation": asdict(beginning.preparation)}
    state = {name: value.contiguous().cpu() for name, value in net.state_dict().items()}
    with replacing(out / WEIGHTS) as fresh:
        save_file(state, fresh, metadata={FACTS: json.dumps(facts)})
    export_segmenter(net, beginning.preparation, settings.labels, out / GRAPH, network=settings.net)
    agreement = evaluate(open_segmenter(out), material.tested)
    seconds = seconds_of(log.read(out / LOG)["seconds"])
    outcome = Outcome(settings.names, agreement, len(material.tested), seconds, beginning.loaded)
    with replacing(out / REPORT) as fresh:
        fresh.write_text(json.dumps(outcome.as_dict(), indent=2) + "\n", encoding="utf-8")
    return outcome


def seconds_of(since: np.ndarray) -> float:
    """The whole time of a run whose processes each began to count anew.

    >>> seconds_of(np.array([1.0, 2.0, 0.5, 1.5]))
    3.5
    """
    ends = np.append(since[1:] < since[:-1], True)
    return float(since[ends].sum())
