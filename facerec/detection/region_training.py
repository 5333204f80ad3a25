"""A settings file with a `method` of the R-CNN family in, a detector's folder out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from facerec import images
from facerec.detection.annotated import Annotated, Progress, silent
from facerec.detection.choosing import MEASURING
from facerec.detection.datasets import read_annotated
from facerec.detection.detector import CARD, REGIONS
from facerec.detection.evaluating import Find, measure
from facerec.detection.framed import frame_all
from facerec.detection.rcnn import RCNN, RCNNSettings, fit_linear, lesson_of, region_features, together
from facerec.detection.rcnn_file import save_rcnn
from facerec.detection.selective_search import selective_search
from facerec.detection.two_stage import TwoStage
from facerec.detection.two_stage_file import load_two_stage, save_two_stage
from facerec.detection.two_stage_fitting import TWO_STAGE, TwoStageSettings, begin_two_stage, learn_two_stage
from facerec.digest import sha256
from facerec.errors import BadImage, InvalidInput
from facerec.learning.tables import from_table, read_toml
from facerec.metrics.detection import mean_ap
from facerec.replacing import replacing

METHODS = ("rcnn", *TWO_STAGE)
Hear = Callable[[int, int, str], None]
"""Gets how many steps or pictures are done, of how many, and a note."""


@dataclass(frozen=True, slots=True)
class RegionTraining:
    """How a detector of the R-CNN family is made. Raises InvalidInput for a value that no run can have.

    train, val, names  as `DetectorSettings` has them
    weights            a file with SqueezeNet's ImageNet weights; "" starts from fresh ones
    The rest is for the networks: R-CNN itself is fitted, and sees pictures as they are.
    """

    train: str
    method: str = "faster_rcnn"
    val: str = ""
    names: tuple[str, ...] = ()
    weights: str = ""
    size: tuple[int, int] = (240, 320)
    epochs: float = 25.0
    batch: int = 4
    learning_rate: float = 3e-4
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InvalidInput(f"method must be one of {', '.join(METHODS)}, or left out for a YOLO")
        if any(side < 32 or side % 8 for side in self.size):
            raise InvalidInput("size must be a height and a width of 32 or more that 8 divides")
        if not (self.epochs > 0 and self.batch > 0 and self.learning_rate > 0 and self.seed >= 0):
            raise InvalidInput("epochs, batch and learning_rate must be above 0, and seed 0 or more")

    @classmethod
    def read(cls, path: Path) -> RegionTraining:
        """From a TOML file; places in it are looked for beside it. Raises MissingPart or InvalidInput."""
        table = read_toml(path)
        if "train" not in table:
            raise InvalidInput(f"{str(path)!r} needs train: a VOC folder or a list of it, a COCO .json or a list file")
        settings, here = from_table(cls, table), path.parent
        found = {name: str(here / value) for name in ("train", "val", "weights") if (value := getattr(settings, name))}
        return replace(settings, train=found["train"], val=found.get("val", ""), weights=found.get("weights", ""))


def train_regions_into(
    out: Path, config: Path, hear: Hear, reading: Progress = silent
) -> tuple[dict[str, object], tuple[tuple[str, str], ...]]:
    """Train or fit into the folder `out`: what the card says of it, and (source, reason) of pictures left out.

    Raises InvalidInput where `out` holds a detector already or there is nothing to learn, and what reading raises.
    """
    settings = RegionTraining.read(config)
    if (out / CARD).exists():
        raise InvalidInput(f"{out} holds a trained detector already: choose another folder, or delete it")
    data = read_annotated(Path(settings.train), settings.names)
    if not any(len(each) for each in data.objects):
        raise InvalidInput("there is no object on these pictures: a detector learns from marked ones")
    out.mkdir(parents=True, exist_ok=True)
    fit = _fit_rcnn if settings.method == "rcnn" else _train_network
    find, steps, refused = fit(out, settings, data, hear, reading)
    facts: dict[str, object] = {
        "steps": steps,
        "pictures": len(data) - len(refused),
        "objects": sum(len(each) for each in data.objects),
        "val_mean_ap": _on_val(find, settings, data.names),
        "settings": asdict(replace(settings, train=Path(settings.train).name, val=Path(settings.val).name)),
    }
    card = {"method": settings.method, "classes": list(data.names), "size": list(settings.size)}
    card["digest"] = sha256((out / REGIONS).read_bytes())
    with replacing(out / CARD) as fresh:
        fresh.write_text(json.dumps(card | {"training": facts}, indent=2) + "\n", encoding="utf-8")
    return facts, refused


Fitted = tuple[Find, int, tuple[tuple[str, str], ...]]


def _train_network(out: Path, settings: RegionTraining, data: Annotated, hear: Hear, reading: Progress) -> Fitted:
    """Fast R-CNN, Faster R-CNN or R-FCN, going on from the folder's checkpoint."""
    framed = frame_all(data, settings.size, reading)
    how = TwoStageSettings(
        settings.method, settings.size, settings.epochs, settings.batch, settings.learning_rate,
        device=settings.device, seed=settings.seed,
    )  # fmt: skip
    regions = None
    if settings.method == "fast_rcnn":
        regions = [selective_search(pixels) for pixels in framed.pixels]
    weights = Path(settings.weights) if settings.weights else None
    run = begin_two_stage(how, len(data.names), len(framed), out, weights)
    for step in learn_two_stage(run, how, framed, regions):
        hear(step.step, step.steps, f"loss {step.loss:.3f}")
    net = run.averaged().cpu()
    assert isinstance(net, TwoStage)
    save_two_stage(out / REGIONS, net, settings.method, settings.size, data.names)
    return load_two_stage(out / REGIONS, MEASURING)[0], run.step, framed.refused


def _fit_rcnn(out: Path, settings: RegionTraining, data: Annotated, hear: Hear, reading: Progress) -> Fitted:
    """R-CNN: features of every picture's regions, then the SVMs and regressions."""
    how, rng = RCNNSettings(), np.random.default_rng(settings.seed)
    features = region_features(Path(settings.weights) if settings.weights else None, how)
    lessons, refused = [], []
    for done, (path, objects) in enumerate(zip(data.paths, data.objects, strict=True), start=1):
        try:
            image = images.load(path, images.ANY_SIZE)
            lessons.append(lesson_of(image, objects, len(data.names), features, selective_search, how, rng))
        except BadImage as error:
            refused.append((str(path), str(error)))
        hear(done, len(data) + len(data.names), "features")
    if not lessons:
        raise InvalidInput(f"none of {len(data)} pictures can be read; the first: {refused[0][1]}")
    classes = len(data.names)
    linear = fit_linear(together(lessons), how, rng, lambda done, of: hear(len(data) + done, len(data) + of, "SVMs"))
    model = RCNN(features, linear, how, selective_search)
    save_rcnn(out / REGIONS, model, data.names)
    return model, len(lessons) + classes, tuple(refused)


def _on_val(find: Find, settings: RegionTraining, names: tuple[str, ...]) -> float | None:
    """mAP at IoU 0.5 on val, where there is one."""
    if not settings.val:
        return None
    measured = measure(find, read_annotated(Path(settings.val), names))
    return mean_ap(measured.found, measured.truth, len(names))
