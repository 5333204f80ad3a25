"""Annotations as PASCAL VOC keeps them: an XML file for each picture (Everingham et al., 2010).

A folder holds `Annotations/*.xml`, `JPEGImages/` and lists of names in `ImageSets/Main/*.txt`. Corners are whole
numbers from 1, the far ones inclusive: an object of one pixel has xmin = xmax.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from facerec.detection.annotated import Annotated, Marked, Progress, gather, silent
from facerec.errors import DamagedFile, InvalidInput, MissingPart

SETS, ANNOTATIONS, PICTURES = ("ImageSets", "Main"), "Annotations", "JPEGImages"
LARGEST = 10_000_000
"""Bytes of an annotation file; entities that multiply themselves are refused by size and by their declaration."""


def read_voc(place: Path, names: Sequence[str] = (), progress: Progress = silent) -> Annotated:
    """The pictures of a VOC folder, or of one of its lists, `.../ImageSets/Main/train.txt`.

    Raises MissingPart for a file that is not there, DamagedFile for one that is cut off or no annotation, and what
    `gather` raises.
    """
    root, stems = (place, all_stems(place)) if place.is_dir() else (place.parent.parent.parent, listed_stems(place))
    marked = []
    for done, stem in enumerate(stems, start=1):
        marked.append(read_annotation(root / ANNOTATIONS / f"{stem}.xml", root / PICTURES))
        progress(done, len(stems))
    return gather(marked, names, place)


def all_stems(folder: Path) -> list[str]:
    """The names of all annotations in a VOC folder, sorted."""
    return sorted(path.stem for path in (folder / ANNOTATIONS).glob("*.xml"))


def listed_stems(listing: Path) -> list[str]:
    """The names in a list; the -1, 0 or 1 that VOC's lists of one class have behind each is passed over."""
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise MissingPart(f"no list of pictures at {str(listing)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{str(listing)!r} is no list of names in UTF-8: {error}") from error
    return [line.split()[0] for line in lines if line.strip()]


def read_annotation(path: Path, pictures: Path) -> tuple[Path, list[Marked]]:
    """One XML file: its picture's place, and its objects."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingPart(f"no annotation at {str(path)!r}: {error.strerror}") from error
    if len(content) > LARGEST or b"<!ENTITY" in content:
        raise DamagedFile(f"{path} is no annotation: it is too large or declares entities")
    try:
        root = ElementTree.fromstring(content)
        objects = [marked_of(element) for element in root.iter("object")]
    except (ElementTree.ParseError, ValueError, OverflowError) as error:
        raise DamagedFile(f"{path} is no whole annotation ({error}): fetch it or mark the picture again") from error
    return picture_of(pictures, path.stem, root.findtext("filename")), objects


def marked_of(element: ElementTree.Element) -> Marked:
    """One <object>. Raises ValueError where something is missing."""
    name, box = element.findtext("name"), element.find("bndbox")
    if not name or box is None:
        raise ValueError("an object without a name or a box")
    x1, y1, x2, y2 = (float(box.findtext(corner) or "") for corner in ("xmin", "ymin", "xmax", "ymax"))
    return Marked((x1 - 1, y1 - 1, x2, y2), name, element.findtext("difficult") == "1")


def picture_of(pictures: Path, stem: str, filename: str | None) -> Path:
    """Where a picture lies: named after its annotation, or as the annotation says."""
    usual = pictures / f"{stem}.jpg"
    said = pictures / Path(filename or usual.name).name
    return usual if usual.exists() or not said.exists() else said
