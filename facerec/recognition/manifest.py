"""Which picture gave which embedding, as digests: what two machines that made the same gallery can compare.

One JSON line per template, in the order of picture and place: sha256 of the picture, the face's box in whole pixels,
sha256 of the embedding's 512 bytes, sha256 of the encoder. It holds no name, no path and no embedding. Machines whose
processors round differently give other bytes: what a manifest proves is that two are equal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from facerec.digest import sha256
from facerec.errors import InvalidInput
from facerec.replacing import part_of, replacing

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery


class Line(NamedTuple):
    """One template: digests of the picture, the embedding and the encoder, and the face's box in whole pixels."""

    image: str
    box: tuple[int, ...]
    encoder: str
    embedding: str


Manifest = Counter[Line]
"""Every template of an encoder; a picture that is two subjects' has two equal lines."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two manifests side by side, in numbers of templates; of `different` the place is equal, the embedding is not."""

    equal: int
    different: int
    only_first: int
    only_second: int

    @property
    def is_none(self) -> bool:
        return not (self.different or self.only_first or self.only_second)


def manifest(gallery: Gallery, encoder: str) -> Manifest:
    """Every template of an encoder."""
    enrolled = gallery.faces(encoder)
    return Counter(
        Line(face.image_sha256, tuple(round(side) for side in face.box), encoder, sha256(row.astype("<f4").tobytes()))
        for face, row in zip(enrolled.faces, enrolled.stored.rows, strict=True)
    )


def lines(found: Manifest) -> Iterator[str]:
    """A manifest as it is written."""
    for image, box, encoder, embedding in sorted(found.elements()):
        yield json.dumps({"image": image, "box": box, "embedding": embedding, "encoder": encoder})


def require_target(target: Path) -> None:
    """Raise InvalidInput unless a manifest can be written there, which is tried; no folder is made."""
    from facerec.gallery.connect import require_folder

    path = target.absolute()
    if path.is_dir():
        raise InvalidInput(f"{target} is a folder: name a file for the manifest")
    require_folder(path, "manifest")
    try:
        part_of(path).touch()
        part_of(path).unlink()
    except OSError as error:
        raise InvalidInput(f"{target} cannot be written: {error.strerror}") from error


def write_manifest(gallery: Gallery, encoder: str, target: Path) -> int:
    """Write a manifest, whole or not at all; how many templates it names. Raises as `require_target` does."""
    require_target(target)
    found = manifest(gallery, encoder)
    try:
        with replacing(target.absolute()) as fresh:
            fresh.write_text("".join(f"{line}\n" for line in lines(found)), encoding="ascii")
    except OSError as error:
        raise InvalidInput(f"{target} cannot be written: {error.strerror}") from error
    return found.total()


def read_manifest(source: Path) -> Manifest:
    """What `write_manifest` wrote. Raises InvalidInput where this is none."""
    try:
        rows = [json.loads(line) for line in source.read_text(encoding="ascii").splitlines()]
        return Counter(Line(row["image"], tuple(row["box"]), row["encoder"], row["embedding"]) for row in rows)
    except OSError as error:
        raise InvalidInput(f"{source} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{source} is no manifest: `facerec gallery manifest FILE` writes one") from error


def compared(first: Manifest, second: Manifest) -> Difference:
    """How many are equal, how many not, and how many only one of them has."""
    ours, theirs = (Counter(line[:3] for line in (one - other).elements())
                    for one, other in ((first, second), (second, first)))  # fmt: skip
    different = (ours & theirs).total()
    return Difference((first & second).total(), different, ours.total() - different, theirs.total() - different)
