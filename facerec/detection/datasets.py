"""Any of the forms in which annotated pictures come, told by what lies at the place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facerec.detection.annotated import Annotated, Progress, silent
from facerec.detection.box_list import read_box_list
from facerec.detection.coco import read_coco
from facerec.detection.voc import ANNOTATIONS, SETS, read_voc
from facerec.errors import InvalidInput


def read_annotated(place: Path, names: Sequence[str] = (), progress: Progress = silent) -> Annotated:
    """A VOC folder or one of its lists (`ImageSets/Main/train.txt`), a COCO `.json`, or a list file.

    Raises InvalidInput for a folder that is none of VOC's, and what `read_voc`, `read_coco` and `read_box_list` raise.
    """
    if place.suffix.lower() == ".json":
        return read_coco(place, names)
    if place.parts[-3:-1] == SETS or (place / ANNOTATIONS).is_dir():
        return read_voc(place, names, progress)
    if place.is_dir():
        raise InvalidInput(f"{place} has no {ANNOTATIONS} in it: give a VOC folder, a COCO .json or a list file")
    return read_box_list(place, names)
