"""Face detectors, by name. A detector is a callable from a picture to its faces, which takes several at once too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from facerec.digest import read_verified, sha256
from facerec.errors import InvalidInput
from facerec.faces.mtcnn import Mtcnn
from facerec.faces.single_shot import CARD, open_single_shot
from facerec.faces.yunet import YuNet
from facerec.records import Faces, Image
from facerec.runtime import open_graph


class Detector(Protocol):
    def __call__(self, image: Image) -> Faces:
        """All faces of a picture, best score first: (H, W, 3) uint8 RGB, upright -> Faces in its pixels."""

    def detect_all(self, images: Sequence[Image]) -> list[Faces]:
        """The same of each picture, whatever their sizes and whatever else is looked at with it."""


def mtcnn(source: str) -> Detector:
    """`mtcnn`: the default; its weights come with facenet-pytorch."""
    if source:
        raise InvalidInput(f"the detector mtcnn takes nothing after its name, got {source!r}")
    return Mtcnn()


def yunet(source: str) -> Detector:
    """`yunet:PATH` or `yunet:URL`, with `#sha256=DIGEST` behind it: a path may, an address must."""
    if not source:
        raise InvalidInput("the detector yunet needs its weights: yunet:FILE.onnx or yunet:https://...#sha256=DIGEST")
    return YuNet(open_graph(_weights(source)))


def facerec(source: str) -> Detector:
    """`facerec`: our own, small and fast; `facerec:FOLDER`, one that `scripts/train_face_detector` wrote."""
    return open_single_shot(Path(source)) if source else open_single_shot()


DETECTORS: dict[str, Callable[[str], Detector]] = {"facerec": facerec, "mtcnn": mtcnn, "yunet": yunet}


def create_detector(spec: str = "mtcnn") -> Detector:
    """The detector that `spec` names: NAME, or NAME:SOURCE where it needs weights.

    Raises InvalidInput for an unknown name or a source that the detector cannot use, MissingPart when the weights
    cannot be had, and DamagedFile when they are not what their digest says.
    """
    name, _, source = spec.partition(":")
    if name not in DETECTORS:
        raise InvalidInput(f"no detector {name!r}; known: {', '.join(sorted(DETECTORS))}")
    return DETECTORS[name](source)


def detector_identity(spec: str) -> str:
    """What the detector's answers depend on, of at most 80 characters: the digest of its weights in place of a source.

    A file whose content changed is another detector, and one that was moved is not.
    """
    name, _, source = spec.partition(":")
    place, _, digest = source.partition("#sha256=")
    if not digest and source:
        file = Path(place) / CARD if Path(place).is_dir() else Path(place)  # a card names its graphs by their digests
        digest = sha256(file.read_bytes() if file.is_file() else source.encode())
    return f"{name}:{digest.lower()}"[:80] if digest else spec


def _weights(source: str) -> bytes | Path:
    """The content of PATH or URL, checked where a digest stands behind it; a path without one as it is."""
    place, _, digest = source.partition("#sha256=")
    remote = "://" in place
    if not digest and remote:
        raise InvalidInput(f"weights from an address need their digest: {place}#sha256=DIGEST")
    if digest and not _is_digest(digest):
        raise InvalidInput(f"a sha256 is 64 hex digits, not {digest!r}")
    if remote:
        from facerec.cache.download import fetch  # brings Python's network modules, which nothing else here needs

        return fetch(place, digest)
    return read_verified(Path(place), digest) if digest else Path(place)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdefABCDEF")
