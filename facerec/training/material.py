"""What a run learns from, and what its folder says of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.detector import create_detector
from facerec.faces.packing import left_out, pack
from facerec.learning.datasets import Crops, Progress, Refused, load_shards
from facerec.learning.run import CHECKPOINT
from facerec.learning.settings import TrainSettings
from facerec.learning.sources import is_packed, named_pictures
from facerec.learning.splits import split_subjects
from facerec.replacing import replacing

SETTINGS, MATERIAL, LOG, CURVES = "settings.toml", "material.json", "log.csv", "log.png"
WEIGHTS, BESIDE, LOOKALIKES, FACES = "weights.safetensors", "beside.safetensors", "lookalikes", "faces"
"""What lies in the folder of a run, besides its checkpoint."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from.

    crops    how many
    refused  (source, reason) of every picture that was left out
    start    what became of the weights that it started from, in words; empty where all had to fit
    """

    crops: int
    refused: Refused
    start: str = ""

    @classmethod
    def read(cls, run: Path) -> Material | None:
        """What the folder of a run says of it; None where it says nothing. Raises DamagedFile for another content."""
        path = run / MATERIAL
        if not path.exists():
            return None
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            refused = tuple((str(source), str(reason)) for source, reason in kept["refused"])
            return cls(int(kept["crops"]), refused, str(kept.get("start", "")))
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


def folder_of_faces(data: Path, settings: TrainSettings, run: Path, progress: Progress | None = None) -> Path:
    """The folder of faces that a run learns from: `data`, or what is packed of its pictures into the run's folder.

    Where `data` says nothing of splits, a share of its subjects is kept apart as `val`. Once the run is begun, what it
    packed stays as it is. Raises what `named_pictures` does.
    """
    if is_packed(data):
        return data
    faces = run / FACES
    if not (is_begun(run) and is_packed(faces)):
        pictures = named_pictures(data)
        subjects = [subject for _, subject in pictures]
        split = split_subjects(subjects, settings.holdout, np.random.default_rng(settings.holdout_seed))
        pack(faces, pictures, split, create_detector, progress)
    return faces


def load_faces(faces: Path, splits: Sequence[str], progress: Progress | None = None) -> Crops:
    """The crops of some splits of a folder of faces; refused are also the pictures that it was packed without."""
    crops = load_shards(faces, splits, progress=progress)
    return Crops(crops.pixels, crops.labels, crops.targets, crops.sources, (*left_out(faces), *crops.refused))
