"""A detector by name: faces, or what somebody trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facerec.detection.choosing import USUAL, Choice
from facerec.detection.detector import open_detector, read_card, regions_of
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.detector import create_detector
from facerec.records import Detections, Image

FACES, SAFETENSORS = "faces", ".safetensors"


@dataclass(frozen=True, slots=True)
class Finder:
    """What finds, and the names of what it finds."""

    find: Callable[[Image], Detections]
    names: tuple[str, ...]

    def __call__(self, image: Image) -> Detections:
        return self.find(image)


def open_finder(model: str = FACES, choice: Choice = USUAL) -> Finder:
    """`faces`, `faces:DETECTOR` (as --detector of other commands has it), a trained folder, or an R-CNN's file.

    A face detector has limits of its own; of the choice only the least score holds for it.
    Raises what opening a detector raises.
    """
    name, _, source = model.partition(":")
    if name == FACES:
        return Finder(face_finder(source or "mtcnn", choice.floor), ("face",))
    if model.endswith(SAFETENSORS):
        return region_finder(Path(model), choice)
    if "method" in read_card(Path(model)):
        return region_finder(regions_of(Path(model)), choice)
    detector = open_detector(Path(model), choice)
    return Finder(detector, detector.names)


def region_finder(path: Path, choice: Choice) -> Finder:
    """A detector of the R-CNN family, from the one file that it is kept in; these need torch.

    Raises MissingPart where there is none, DamagedFile or InvalidInput for another file.
    """
    kinds = metadata_of(path)
    if "two_stage" in kinds:
        from facerec.detection.two_stage_file import load_two_stage

        return Finder(*load_two_stage(path, choice))
    if "rcnn" in kinds:
        from facerec.detection.rcnn_file import load_rcnn

        model, names = load_rcnn(path)
        return Finder(lambda image: at_least(model(image), choice.floor), names)
    raise InvalidInput(f"{str(path)!r} holds no detector: give a folder that `facerec detect train` wrote, or an R-CNN")


def at_least(found: Detections, floor: float) -> Detections:
    """Those with a score from `floor` on."""
    return found[found.scores >= floor]


def metadata_of(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except FileNotFoundError as error:
        raise MissingPart(f"no detector in {str(path)!r}") from error
    except (OSError, SafetensorError) as error:
        raise DamagedFile(f"{path} is no whole safetensors file ({error})") from error


def face_finder(spec: str, floor: float) -> Callable[[Image], Detections]:
    """A face detector as one of things."""
    detector = create_detector(spec)

    def find(image: Image) -> Detections:
        faces = detector(image)
        faces = faces[faces.scores >= floor]
        return Detections(faces.boxes, faces.scores, np.zeros(len(faces), np.int64))

    return find
