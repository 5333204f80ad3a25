"""Who is enrolled from which picture and who is searched for: the choice behind an identification test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from facerec.errors import InvalidInput, MissingPart
from facerec.images import is_picture_name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture and the subject it shows."""

    subject: str
    picture: Path

    @property
    def name(self) -> str:
        """`subject/file`, wherever the folders lie."""
        return f"{self.subject}/{self.picture.name}"


@dataclass(frozen=True, slots=True)
class IdentificationPlan:
    """Pictures to enroll and pictures to search for; a probe whose subject is not in the gallery is a stranger."""

    gallery: tuple[Shown, ...]
    probes: tuple[Shown, ...]

    def __post_init__(self) -> None:
        if not self.gallery or not self.probes:
            raise InvalidInput("identification needs pictures to enroll and pictures to search for")
        twice = {shown.picture for shown in self.gallery} & {shown.picture for shown in self.probes}
        if twice:
            raise InvalidInput(f"{len(twice)} pictures are both enrolled and searched for, such as {min(twice)}")

    @property
    def subjects(self) -> list[str]:
        """Everybody to be enrolled, sorted."""
        return sorted({shown.subject for shown in self.gallery})


def list_subjects(folder: Path) -> dict[str, list[Path]]:
    """Everybody in a folder of one folder per subject: name -> pictures, both sorted; empty and hidden ones left out.

    Raises MissingPart where there is no such folder.
    """
    if not folder.is_dir():
        raise MissingPart(f"no folder {folder}")
    inside = [inner for inner in sorted(folder.iterdir()) if inner.is_dir() and not inner.name.startswith(".")]
    people = {inner.name: _pictures(inner) for inner in inside}
    return {name: pictures for name, pictures in people.items() if pictures}


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if is_picture_name(file) and file.is_file())


def folders_plan(gallery: Path, probes: Path) -> IdentificationPlan:
    """Enroll everything in one folder and search for everything in another, each with one folder per subject."""
    return IdentificationPlan(_all(gallery), _all(probes))


def _all(folder: Path) -> tuple[Shown, ...]:
    people = list_subjects(folder)
    if not people:
        raise MissingPart(f"no pictures in folders of their own in {folder}: one folder per person is needed")
    return tuple(Shown(name, picture) for name, pictures in people.items() for picture in pictures)


def one_shot_plan(
    people: Mapping[str, Sequence[Path]], enrolled: int, strangers: int, rng: np.random.Generator
) -> IdentificationPlan:
    """Enroll subjects from one picture each, search for another picture of each and for one of each stranger.

    The enrolled are drawn from those with two pictures or more, the strangers from everybody else, all by `rng`
    from sorted names: same people, same seed, same plan. Raises InvalidInput where there are too few.
    """
    able = sorted(name for name, pictures in people.items() if len(pictures) >= 2)
    if len(able) < enrolled or len(people) - enrolled < strangers:
        raise InvalidInput(
            f"{enrolled} subjects with two pictures and {strangers} strangers are needed, there are {len(able)} "
            f"with two pictures among {len(people)}"
        )
    chosen = _drawn(able, enrolled, rng)
    others = _drawn(sorted(people.keys() - set(chosen)), strangers, rng)
    pairs = {name: _drawn(sorted(people[name]), 2, rng) for name in chosen}
    probes = [Shown(name, pairs[name][1]) for name in chosen]
    probes += [Shown(name, _drawn(sorted(people[name]), 1, rng)[0]) for name in others]
    return IdentificationPlan(tuple(Shown(name, pairs[name][0]) for name in chosen), tuple(probes))


def _drawn(items: Sequence[T], count: int, rng: np.random.Generator) -> list[T]:
    """`count` different items, in random order."""
    return [items[place] for place in rng.permutation(len(items))[:count]]
