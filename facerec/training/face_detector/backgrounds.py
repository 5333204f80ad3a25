"""Pictures without faces, from the data folder and from the packages that the tests need anyway."""

from __future__ import annotations

import importlib.util
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facerec import images, videos
from facerec.errors import DamagedFile, MissingPart
from facerec.faces.detector import Detector
from facerec.geometry import nms
from facerec.records import Float32, Image

SKIMAGE = ("brick.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png", "grass.png", "gravel.png",
           "horse.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg",
           "rocket.jpg", "text.png")  # fmt: skip
"""The pictures in scikit-image's wheel that show no face, not even on a coin."""
SKLEARN = ("china.jpg", "flower.jpg")


def of_archive(archive: Path, prefixes: Sequence[str]) -> list[Image]:
    """The pictures of a tar file whose names begin with one of `prefixes`, in the order of their names.

    Raises MissingPart or DamagedFile where the archive cannot be read.
    """
    try:
        with tarfile.open(archive) as opened:
            names = sorted(name for name in opened.getnames() if name.startswith(tuple(prefixes)))
            members = [opened.extractfile(name) for name in names if images.is_picture_name(name)]
            return [images.decode(member.read()) for member in members if member is not None]
    except FileNotFoundError as error:
        raise MissingPart(f"{archive} is missing: it holds pictures without faces") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedFile(f"{archive} is no whole tar file ({error}): fetch it again") from error


def streets(data: Path, parts: Sequence[str]) -> list[Image]:
    """CamVid's street scenes of some of train, val and test, 320x240: what a camera sees of streets, and no face in it
    large enough to be one.
    """
    return of_archive(data / "camvid.tar", [f"camvid/{part}/" for part in parts])


def cells(data: Path, held_out: bool = False) -> list[Image]:
    """Blood cells of BCCD, round things with dark spots that are no faces: those to learn from, with ISBI's membranes,
    or those that are held out, the last of each hundred.
    """
    names = [f"BCCD/JPEGImages/BloodImage_00{hundred}{ten}" for hundred in range(5) for ten in range(10)]
    if held_out:
        return of_archive(data / "bccd.tar", names[9::10])
    learnt = [name for name in names if name not in names[9::10]]
    return of_archive(data / "bccd.tar", learnt) + of_archive(data / "membrane.tar", ["membrane/train/image/"])


def people(data: Path, detectors: Sequence[Detector], every: int = 4) -> list[tuple[Image, Float32]]:
    """Pictures of people with bodies and hands, and the landmarks of all their faces, which have to be replaced before
    anything is learnt from them: every so many frames of the data folder's videos, and matplotlib's portrait.

    A face counts where any detector sees one.
    """
    found = []
    for picture in [*frames(data, every), portrait()]:
        faces = [detector(picture) for detector in detectors]
        boxes, scores = (np.concatenate([getattr(one, name) for one in faces]) for name in ("boxes", "scores"))
        kept = nms(boxes, scores, 0.2)
        found.append((picture, np.concatenate([one.landmarks for one in faces])[kept]))
    return found


def frames(data: Path, every: int) -> list[Image]:
    """Every so many frames of the videos."""
    videos_at_hand = sorted((data / "videos").glob("*.mp4"))
    return [frame for path in videos_at_hand for _, frame in videos.frames(path, every)]


def portrait() -> Image:
    """Grace Hopper in uniform, public domain, from matplotlib's package."""
    package = importlib.util.find_spec("matplotlib")
    assert package is not None and package.origin is not None  # facerec itself needs it
    return images.load(Path(package.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg")


def packages() -> list[Image]:
    """Pictures of things in scikit-image's and scikit-learn's packages; none where these are not installed."""
    found: list[Image] = []
    try:
        import skimage.data
        import sklearn.datasets
    except ImportError:
        return found
    folder = Path(str(skimage.data.__file__)).parent
    found += [images.load(folder / name) for name in SKIMAGE if (folder / name).exists()]
    return found + [np.asarray(sklearn.datasets.load_sample_image(name)) for name in SKLEARN]
