"""What an operator wants to know first: is each part here, and does it do what was measured?"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from facerec.errors import FacerecError
from facerec.faces.detector import create_detector
from facerec.faces.encoder import golden_distance, open_encoder, require_whole
from facerec.version import VERSION


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, whether it is well, and what there is to say or to do about it."""

    part: str
    is_well: bool
    words: str


def examine(gallery: str, detector: str, encoder: str | Path) -> Iterator[Finding]:
    """Look at every part in turn."""
    yield Finding("facerec", True, f"{VERSION} on Python {platform.python_version()}, {platform.machine()}")
    yield finding("inference engine", lambda: f"onnxruntime {version('onnxruntime')}")
    yield finding("detector", lambda: look_at_detector(detector))
    yield finding("encoder", lambda: look_at_encoder(encoder))
    yield finding("gallery", lambda: look_at_gallery(gallery))


def finding(part: str, look: Callable[[], str]) -> Finding:
    """What a look at one part found; an error is a finding too."""
    try:
        return Finding(part, True, look())
    except FacerecError as error:
        return Finding(part, False, str(error))


def look_at_detector(detector: str) -> str:
    """Open the detector and time it on an empty picture. Raises what the detector does."""
    detect = create_detector(detector)
    empty = np.full((250, 250, 3), 128, np.uint8)
    detect(empty)
    started = time.perf_counter()
    faces = detect(empty)
    return f"{detector}, {len(faces)} faces on an empty picture, {1e3 * (time.perf_counter() - started):.0f} ms"


def look_at_encoder(encoder: str | Path) -> str:
    """Check digests and golden embeddings. Raises DamagedFile where either is wrong."""
    opened = open_encoder(encoder)
    require_whole(opened)
    return f"{opened.card.name} {opened.digest[:12]}, golden faces within {golden_distance(opened):.1e}"


def look_at_gallery(gallery: str) -> str:
    """Open the gallery where there is one and read every row. Raises GalleryUnusable with its first problem."""
    from facerec.errors import GalleryUnusable
    from facerec.gallery import open_gallery

    if "://" not in gallery and not Path(gallery).exists():
        return f"none yet at {gallery}; `facerec enroll` makes it"
    opened = open_gallery(gallery, create=False)
    if problems := opened.problems():
        raise GalleryUnusable(f"{opened}: {'; '.join(problems)}")
    numbers = opened.stats()
    return f"{opened}: {numbers.subjects} subjects, {numbers.faces} faces, generation {numbers.generation}"


def mend(gallery: str) -> Iterator[Finding]:
    """Put the gallery right where that is possible, and say what was done; what is not possible is a finding too."""
    if "://" not in gallery and not Path(gallery).exists():
        return
    try:
        from facerec.gallery import open_gallery

        done = open_gallery(gallery, create=False).repair()
        yield from (Finding("repair", True, words) for words in done or ["there was nothing to do"])
    except FacerecError as error:
        yield Finding("repair", False, str(error))
