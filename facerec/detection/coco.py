"""Annotations as COCO keeps them: one JSON file for all pictures (Lin et al., 2014). Boxes are x y width height."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facerec.detection.annotated import Annotated, Marked, gather
from facerec.errors import DamagedFile, InvalidInput, MissingPart


def read_coco(place: Path, names: Sequence[str] = (), pictures: Path | None = None) -> Annotated:
    """The pictures of a COCO JSON file; they lie in `pictures`, else beside the file or in `images` there.

    Without `names`, the classes are the file's categories in the order of their numbers. Crowds are hard.
    Raises MissingPart where the file cannot be read, DamagedFile where it is cut off or lacks something, and what
    `gather` raises.
    """
    content = read_json(place)
    try:
        categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
        marked: dict[Any, list[Marked]] = {entry["id"]: [] for entry in content["images"]}
        for entry in content["annotations"]:
            marked[entry["image_id"]].append(marked_of(entry, categories, place))
        files = [(entry["id"], str(entry["file_name"])) for entry in content["images"]]
    except InvalidInput:  # a ValueError too, and clear as it is
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{place} is no COCO annotation file: {error!r} is missing or unusable") from error
    found = [(picture_at(place, name, pictures), marked[number]) for number, name in files]
    return gather(found, tuple(names) or tuple(categories[number] for number in sorted(categories)), place)


def read_json(place: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingPart(f"no annotations at {str(place)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{place} is no whole JSON file ({error}): fetch it again") from error


def marked_of(entry: dict[str, Any], categories: dict[Any, str], place: Path) -> Marked:
    """One annotation. Raises InvalidInput where its category is not in the file's list."""
    if entry["category_id"] not in categories:
        raise InvalidInput(f"{place}: annotation {entry.get('id')} is of category {entry['category_id']}, not listed")
    x, y, width, height = (float(number) for number in entry["bbox"])
    return Marked((x, y, x + width, y + height), categories[entry["category_id"]], bool(entry.get("iscrowd", 0)))


def picture_at(place: Path, name: str, pictures: Path | None) -> Path:
    """Where a picture lies, which may not be outside of the data set's folder."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InvalidInput(f"{place} names the picture {name!r}: it must lie below the data set's folder")
    if pictures:
        return pictures / name
    beside = place.parent / name
    return beside if beside.exists() else place.parent / "images" / name
