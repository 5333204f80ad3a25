"""F8, F10, F12: power cuts, full disks and disks that fail, at every call that SQLite makes."""

import random
import shutil
from pathlib import Path

import pytest

from facerec.errors import GalleryUnusable
from facerec.gallery import open_gallery
from tests.gallery.disk_calls import FULL, IOERR_FSYNC, IOERR_WRITE, Call, Medium, watched


def history(path: Path, make, acknowledge) -> None:
    """Enrolments, a renaming and a removal; each is told once it has returned."""
    gallery = open_gallery(path)
    for number in range(3):
        gallery.enroll([make(f"subject {number}", 2 * number), make(f"subject {number}", 2 * number + 1)])
        acknowledge()
    gallery.rename("subject 0", "renamed")
    acknowledge()
    gallery.remove("subject 1")
    acknowledge()


def expected(make, acknowledged: int) -> list:
    """What must be there after so many acknowledgements, whatever was under way."""
    names = {0: [], 1: [0], 2: [0, 1], 3: [1, 2], 4: [2], 5: [2]}[acknowledged]  # 0 may be renamed, 1 removed already
    return [make(f"subject {n}", 2 * n + half) for n in names for half in (0, 1)]


def test_f8_a_power_cut_at_any_call_loses_nothing_that_was_acknowledged(gallery, path, tmp_path, make, holds, child):
    """What was not flushed is forgotten, or some of it got through: a part of the waiting calls, in any choice."""

    def cut_everywhere() -> int:
        medium, seen, acknowledged = Medium(path.parent), [], [0]
        calls: list[tuple[Call | None, int]] = []

        def watch(call: Call) -> int:
            calls.append((call, acknowledged[0]))
            return 0

        def acknowledge() -> None:
            acknowledged[0] += 1
            calls.append((None, acknowledged[0]))

        with watched(watch):
            history(path, make, acknowledge)
        rng = random.Random(0)
        for number, (call, done) in enumerate(calls):
            if call is not None:
                medium.take(call)
            for lucky in luck(medium, rng):
                state = hash((done, *sorted(medium.kept.items()), *lucky))
                if state in seen:
                    continue
                seen.append(state)
                folder = tmp_path / f"cut {number}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                medium.after_a_power_cut(lucky, folder)
                holds(open_gallery(folder / path.name, create=False), expected(make, done))
                shutil.rmtree(folder)
        return len(seen)

    status, said = child(cut_everywhere)
    assert status == 0, said
    assert int(said) > 40


def luck(medium: Medium, rng: random.Random) -> list[list[Call]]:
    """Nothing that waits got through; and now and then a random part of it."""
    waiting = medium.waiting
    part = [call for call in waiting if rng.random() < 0.5]
    return [[], part] if waiting and rng.random() < 0.15 else [[]]


def test_f9_power_lost_right_after_a_gallery_was_made(tmp_path, path, make, holds, child):
    """An empty, valid gallery, or clearly none; and in each case somebody can be enrolled."""

    def cut_everywhere() -> int:
        medium, states = Medium(path.parent), set()
        with watched(lambda call: medium.take(call) or states.add(frozenset(medium.kept.items())) or 0):
            open_gallery(path)
        for number, kept in enumerate(states):
            folder = tmp_path / f"cut {number}"
            folder.mkdir()
            medium.kept, medium.waiting = dict(kept), []
            medium.after_a_power_cut([], folder)
            again = open_gallery(folder / path.name)
            again.enroll([make("Anna", 1)])
            holds(again, [make("Anna", 1)])
        return len(states)

    status, said = child(cut_everywhere)
    assert status == 0 and int(said) >= 2, said


class FailingFrom:
    """Lets so many calls of one kind pass, and fails from the next on."""

    def __init__(self, failing: int, kind: str, code: int):
        self.failing, self.kind, self.code, self.count = failing, kind, code, 0

    def __call__(self, call: Call) -> int:
        self.count += call.kind == self.kind
        return self.code if call.kind == self.kind and self.count >= self.failing else 0


def enrolled(path: Path, templates: list) -> bool:
    """Enroll; False where it was refused, in words that say what became of it."""
    try:
        open_gallery(path).enroll(templates)
    except GalleryUnusable as error:
        assert "the disk is full; nothing was stored" in str(error) or "the disk is full or failing" in str(error)
        return False
    return True


@pytest.mark.parametrize("kind, code", [("write", FULL), ("write", IOERR_WRITE), ("sync", IOERR_FSYNC)])
def test_f10_f12_a_disk_that_fails_at_any_call_stores_nothing_by_half(gallery, path, make, holds, child, kind, code):
    gallery.enroll([make("Anna", 1)])
    clean = path.read_bytes()

    def fail_everywhere() -> int:
        for failing in range(1, 200):
            for file in path.parent.iterdir():
                file.unlink()
            path.write_bytes(clean)
            disk = FailingFrom(failing, kind, code)
            with watched(disk):
                is_stored = enrolled(path, [make("Ben", number) for number in range(2, 10)])
            again = open_gallery(path, create=False)
            names = [summary.name for summary in again.subjects()]
            assert names in ([["Anna", "Ben"]] if is_stored else [["Anna"], ["Anna", "Ben"]])
            holds(again, [make("Anna", 1), *(make("Ben", number) for number in range(2, 10) if is_stored)])
            if disk.count < failing:
                return failing
        return 0

    status, said = child(fail_everywhere)
    assert status == 0 and int(said) > 2, said


def test_a_commit_is_flushed_before_it_is_acknowledged(gallery, path, make, child):
    """And the log before the file that it goes into."""

    def order() -> list[str]:
        calls: list[str] = []
        with watched(lambda call: calls.append(f"{call.kind} {Path(call.path).name}") or 0):
            gallery.enroll([make("Anna", 1)])
        return calls

    status, said = child(order)
    assert status == 0, said
    calls = eval(said)
    log, file = "gallery.db-wal", "gallery.db"
    assert calls.index(f"sync {log}") < calls.index(f"write {file}")
    assert max(n for n, c in enumerate(calls) if c == f"write {log}") < calls.index(f"sync {log}", 2)
    assert max(n for n, c in enumerate(calls) if c == f"write {file}") < calls.index(f"sync {file}")
    assert calls.index(f"sync {file}") < calls.index(f"delete {log}")
