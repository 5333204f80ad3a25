"""A trained two-stage detector as one safetensors file, and as a callable on pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from facerec.detection.choosing import Choice
from facerec.detection.letterbox import Letterbox
from facerec.detection.selective_search import selective_search
from facerec.detection.two_stage import RegionSettings, TwoStage
from facerec.detection.two_stage_fitting import TWO_STAGE, levels_of
from facerec.errors import DamagedFile, MissingPart
from facerec.learning.tables import from_table
from facerec.records import Detections, Image
from facerec.replacing import replacing


class TwoStageDetector:
    """A picture (H, W, 3) of any size -> what is on it; Fast R-CNN asks selective search first."""

    def __init__(self, net: TwoStage, size: tuple[int, int], how: Choice):
        self.net, self.size, self.how = net.eval(), size, how

    def __call__(self, image: Image) -> Detections:
        letter = Letterbox((image.shape[0], image.shape[1]), self.size)
        regions = None
        if self.net.rpn is None:
            regions = [torch.from_numpy(letter.into(selective_search(image)))]
        found = self.net.detect(levels_of(letter.image(image)[None]), self.how, regions)[0]
        return Detections(letter.back(found.boxes), found.scores, found.labels)


def save_two_stage(path: Path, net: TwoStage, kind: str, size: tuple[int, int], names: Sequence[str]) -> None:
    """Write a network of `TWO_STAGE`'s kind, the size of its input, and the names of its classes."""
    facts = {"net": kind, "size": list(size), "names": list(names), "regions": asdict(net.settings)}
    tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
    with replacing(path) as fresh:
        save_file(tensors, fresh, metadata={"two_stage": json.dumps(facts)})


def load_two_stage(path: Path, how: Choice | None = None) -> tuple[TwoStageDetector, tuple[str, ...]]:
    """Read what `save_two_stage` wrote. Raises MissingPart where there is none, DamagedFile for another file."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["two_stage"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  safe_open is no mapping
        settings = from_table(RegionSettings, facts["regions"])
        names, size = tuple(map(str, facts["names"])), (int(facts["size"][0]), int(facts["size"][1]))
        net = TWO_STAGE[facts["net"]](len(names), None, settings)
        net.load_state_dict(tensors)
    except FileNotFoundError as error:
        raise MissingPart(f"no detector in {str(path)!r}") from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise DamagedFile(f"{path} is no whole two-stage detector ({error}): train it again") from error
    return TwoStageDetector(net, size, how or Choice()), names
