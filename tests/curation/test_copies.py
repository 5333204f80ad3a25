"""Copies in a folder: which is kept, which are copies of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from facerec import images
from facerec.curation.copies import PictureFile, find_copies, groups
from facerec.errors import InvalidInput


def bits(*, differ: int) -> np.ndarray:
    """A fingerprint that differs in so many bits from the one without any."""
    words = np.zeros(4, np.uint64)
    for bit in range(differ):
        words[bit // 64] |= np.uint64(1 << bit % 64)
    return words


def looked(name: str, differ: int, side: int = 100, digest: str = "") -> tuple[PictureFile, np.ndarray]:
    return PictureFile(Path(name), digest or name, 10, side, side), bits(differ=differ)


def test_the_largest_is_kept_and_the_nearest_copy_comes_first() -> None:
    (group,) = groups([looked("small", 9, 50), looked("large", 0, 200), looked("middle", 4, 100), looked("else", 200)])
    assert group.keep.file == Path("large")
    assert [(one.picture.file.name, one.distance, one.kind) for one in group.copies] == [
        ("middle", 4, "near"), ("small", 9, "near")
    ]  # fmt: skip


def test_a_chain_of_likenesses_does_not_make_one_group() -> None:
    found = list(groups([looked("a", 0, 300), looked("b", 30, 200), looked("c", 60, 100)]))
    assert [(one.keep.file.name, [copy.picture.file.name for copy in one.copies]) for one in found] == [("a", ["b"])]


def test_a_folder_with_copies(tmp_path: Path) -> None:
    images.save(data.astronaut(), tmp_path / "b.png")
    (tmp_path / "below").mkdir()
    shutil.copy(tmp_path / "b.png", tmp_path / "below" / "again.png")
    images.save(np.ascontiguousarray(data.astronaut()[::3, ::3]), tmp_path / "a.jpg")
    images.save(data.chelsea(), tmp_path / "cat.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    told: list[int] = []
    found = find_copies(tmp_path, lambda done, total: told.append(total - done))
    (group,) = found.groups
    assert (group.keep.file, group.keep.width) == (tmp_path / "b.png", 512)
    assert [(copy.picture.file.name, copy.kind) for copy in group.copies] == [
        ("again.png", "same_bytes"),
        ("a.jpg", "near"),
    ]
    assert found.pictures == 4 and [file.name for file, _ in found.refused] == ["broken.jpg"]
    assert told == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "place, said", [("nowhere", "is no folder"), ("file.jpg", "is no folder"), ("", "no pictures")]
)
def test_what_holds_no_pictures_is_refused(tmp_path: Path, place: str, said: str) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "file.txt").write_text("")
    images.save(data.chelsea(), tmp_path / "file.jpg")
    with pytest.raises(InvalidInput, match=said):
        find_copies(tmp_path / place if place else folder)
