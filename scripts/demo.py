"""The main job on real photographs: one picture enrolls a person, other pictures are verified and identified.

With no argument: the portrait that comes with scikit-image (Eileen Collins, NASA, public domain), in takes that are
relit, scaled, turned and mirrored, a drawn face for a stranger, and photographs without a face. With a folder: your own
photos, one folder per person; the first of each enrolls, the others are asked about.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facerec import FacerecError, Recognizer, images
from facerec.faces.golden import draw_face

OUT = Path("demo-out")
Sample = tuple[str, Path]


def takes(portrait: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The portrait as other photographers might have taken it."""
    from skimage import transform

    def as_pixels(image: np.ndarray) -> np.ndarray:
        return (np.clip(image, 0, 1) * 255).astype(np.uint8)

    bright = portrait / 255.0
    yield "mirrored", np.ascontiguousarray(portrait[:, ::-1])
    yield "darker", as_pixels(bright**1.8)
    yield "half the size", as_pixels(transform.rescale(bright, 0.5, channel_axis=2, anti_aliasing=True))
    yield "turned by 12 degrees", as_pixels(transform.rotate(bright, 12, mode="edge"))
    yield "lit from one side", as_pixels(bright * np.linspace(0.45, 1.25, bright.shape[1])[None, :, None])


def packaged_photos() -> tuple[list[Sample], list[Sample]]:
    """(enroll, ask): the photographs that a fresh machine has, written to demo-out/photos."""
    from skimage import data

    folder = OUT / "photos"
    enroll, ask = [("Eileen Collins", folder / "Eileen Collins" / "portrait.jpg")], []
    portrait = data.astronaut()
    pictures = {enroll[0][1]: portrait}
    for name, take in takes(portrait):
        ask.append(("Eileen Collins", folder / "Eileen Collins" / f"{name}.jpg"))
        pictures[ask[-1][1]] = take
    stranger = np.full((360, 360, 3), 90, np.uint8)
    stranger[68:292, 68:292] = draw_face(0).repeat(2, axis=0).repeat(2, axis=1)
    others = {
        "a drawn stranger": stranger,
        "a cup of coffee": data.coffee(),
        "a cat": data.chelsea(),
        "a rocket": data.rocket(),
    }
    for name, picture in others.items():
        ask.append(("", folder / "others" / f"{name}.jpg"))
        pictures[ask[-1][1]] = picture
    for path, pixels in pictures.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save(pixels, path)
    return enroll, ask


def own_photos(folder: Path) -> tuple[list[Sample], list[Sample]]:
    """(enroll, ask): the first photo of each person, and all the others."""
    enroll, ask = [], []
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        first, *others = images.find(person) or [None]
        if first:
            enroll.append((person.name, first))
            ask += [(person.name, other) for other in others]
    return enroll, ask


def enroll_all(recognizer: Recognizer, samples: list[Sample]) -> dict[str, Path]:
    """One picture enrolls a person; returns the picture of each who was."""
    enrolled = {}
    for (name, path), result in zip(samples, recognizer.enroll_all(samples), strict=True):
        print(f"enroll    {name} from {path.name}: {result.reason or result.outcome.replace('_', ' ')}")
        if not result.is_refused:
            enrolled[name] = path
    return enrolled


def verify_all(recognizer: Recognizer, samples: list[Sample], enrolled: dict[str, Path]) -> None:
    """Is each picture of the person it is filed under?"""
    for name, path in samples:
        if name not in enrolled:
            continue
        try:
            answer = recognizer.verify(enrolled[name], path)
        except FacerecError as error:
            print(f"verify    {path.name}: could not answer: {error}")
            continue
        same = "the same person" if answer.outcome == "match" else "not the same person"
        numbers = f"similarity {answer.similarity:.2f}, threshold {answer.point.threshold:.2f}"
        print(f"verify    {path.name}: {same} ({numbers})")


def identify_all(recognizer: Recognizer, samples: list[Sample]) -> list[Path]:
    """Who is on each picture, if anybody enrolled? Returns the pictures with a face."""
    answered = []
    for _, path in samples:
        try:
            found = recognizer.identify(path)
        except FacerecError as error:
            print(f"identify  {path.name}: could not answer: {error}")
            continue
        if found:
            answered.append(path)
        names = [f"{one.subject or 'unknown'} ({one.similarity:.2f})" for one in found if one.similarity is not None]
        print(f"identify  {path.name}: {', '.join(names) or 'no face'}")
    return answered


def annotate(recognizer: Recognizer, path: Path) -> Path:
    """Save one picture with its faces named."""
    found = recognizer.identify(path)
    boxes = np.array([one.box for one in found], np.float32).reshape(-1, 4)
    names = [one.subject or "unknown" for one in found]
    out = OUT / "annotated.png"
    images.save(images.annotate(images.load(path), boxes, names, [(0, 150, 60)] * len(found)), out)
    return out


def main(folder: Path | None) -> None:
    if folder and folder.resolve().is_relative_to(OUT.resolve()):
        sys.exit(f"{folder} lies in {OUT}, which the demo empties: give a folder elsewhere")
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    recognizer = Recognizer.open(OUT / "gallery.db", face="largest")
    enroll, ask = own_photos(folder) if folder else packaged_photos()
    if not enroll:
        sys.exit(f"no photos in {folder}: it must hold one folder per person")
    enrolled = enroll_all(recognizer, enroll)
    verify_all(recognizer, ask, enrolled)
    answered = identify_all(recognizer, ask) or list(enrolled.values())
    if not answered:
        sys.exit("no picture shows a face that could be used: see the reasons above")
    picture = annotate(recognizer, answered[0])
    point = recognizer.points.at_fmr(1e-3)
    print(f"\nThresholds were measured on {point.evidence}.")
    print(f"An annotated picture is {picture}. The gallery is {OUT / 'gallery.db'}; look into it with")
    print(f"  .venv/bin/facerec gallery list --gallery {OUT / 'gallery.db'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
