"""A gallery's life in short, so that every step of it can be the last: for tests that kill, and for `scripts/soak`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facerec.gallery import open_gallery
from facerec.gallery.arriving import survey, take_all_in
from facerec.gallery.copies import backup, restore
from facerec.gallery.factory_index import Factory
from facerec.gallery.searcher import Searcher
from facerec.gallery.store import Gallery
from facerec.records import Template

SOURCE = Path(__file__).parents[2] / "facerec"

APPROXIMATE = Factory("SQ8")
"""What builds an index that is kept."""

Make = Callable[[str, int], Template]
People = dict[str, tuple[int, ...]]
"""Name -> numbers of the pictures."""


def failpoints() -> list[str]:
    """Every failpoint that the package's source names: a new one is here by being written."""
    found = set()
    for file in SOURCE.rglob("*.py"):
        if "failpoint(" in (text := file.read_text(encoding="utf-8")):
            found |= {call.args[0].value for call in _calls(ast.parse(text)) if isinstance(call.args[0], ast.Constant)}
    return sorted(found)


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failpoint" and node.args:
            yield node


@dataclass
class Step:
    """Something done, and who must be there once it has returned."""

    do: Callable[[], object]
    people: People


@dataclass
class Life:
    """Steps over the gallery at `path`; `people` is who was there at the beginning."""

    path: Path
    make: Make
    encoder: str
    people: People
    steps: list[Step] = field(default_factory=list)

    def gallery(self) -> Gallery:
        return open_gallery(self.path)

    def templates(self, people: People) -> list[Template]:
        return [self.make(name, number) for name, numbers in people.items() for number in numbers]

    def enroll(self, name: str, *numbers: int) -> None:
        templates = [self.make(name, number) for number in numbers]
        self._then(lambda: self.gallery().enroll(templates), {name: numbers})

    def leave(self, name: str, how: str) -> None:
        self._then(lambda: getattr(self.gallery(), how)(name), {}, name)

    def rename(self, old: str, new: str) -> None:
        self._then(lambda: self.gallery().rename(old, new), {new: self._now()[old]}, old)

    def search(self) -> None:
        self._then(lambda: Searcher(self.gallery(), self.encoder).current(), {})

    def search_approximately(self) -> None:
        self._then(lambda: Searcher(self.gallery(), self.encoder, APPROXIMATE).current(), {})

    def back_up(self, to: Path) -> None:
        self._then(lambda: backup(self.path, to), {})

    def restore(self, source: Path, people: People) -> None:
        self.steps.append(Step(lambda: restore(source, self.path), people))

    def export(self, to: Path) -> None:
        self._then(lambda: self.gallery().export(to), {})

    def arrive(self, source: Path, people: People) -> None:
        self._then(lambda: take_all_in(self.gallery(), source, survey(source)), people)

    def repair(self) -> None:
        self._then(lambda: self.gallery().repair(), {})

    def run(self, acknowledge: Callable[[], object]) -> None:
        """Do the steps; each is acknowledged once it has returned."""
        for step in self.steps:
            step.do()
            acknowledge()

    def before_and_after(self, acknowledged: int) -> tuple[People, People]:
        """Who must be there after so many acknowledgements: all of one or all of the other."""
        states = [self.people, *(step.people for step in self.steps)]
        return states[acknowledged], states[min(acknowledged + 1, len(self.steps))]

    def _now(self) -> People:
        return self.steps[-1].people if self.steps else self.people

    def _then(self, do: Callable[[], object], more: People, without: str = "") -> None:
        people = {name: numbers for name, numbers in self._now().items() if name != without}
        self.steps.append(Step(do, people | more))
