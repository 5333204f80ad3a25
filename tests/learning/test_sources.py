"""What --data may point to, and how subjects are divided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facerec.errors import FacerecError, InvalidInput, MissingPart
from facerec.learning.sources import is_packed, named_pictures
from facerec.learning.splits import require_strangers, split_subjects


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for path in ("ann/1.png", "ann/deep/2.jpg", "bob/1.png", "bob/notes.txt", ".cache/1.png"):
        (tmp_path / "people" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "people" / path).write_bytes(b"")
    return tmp_path / "people"


def test_a_folder_per_subject(people: Path) -> None:
    assert [(str(path.relative_to(people)), name) for path, name in named_pictures(people)] == [
        ("ann/1.png", "ann"), ("ann/deep/2.jpg", "ann"), ("bob/1.png", "bob"),
    ]  # fmt: skip


def test_a_list_whose_paths_hold_spaces(tmp_path: Path) -> None:
    lines = "# path, subject\n\nours/a b.png ann\n  ours/c.png\tbob\r\n/elsewhere/my pictures/d.png ann  \n"
    (tmp_path / "list.txt").write_text(lines, encoding="utf-8-sig")
    assert named_pictures(tmp_path / "list.txt") == [
        (tmp_path / "ours" / "a b.png", "ann"), (tmp_path / "ours" / "c.png", "bob"),
        (Path("/elsewhere/my pictures/d.png"), "ann"),
    ]  # fmt: skip


@pytest.mark.parametrize("make, kind, words", [
    (lambda place: place / "nowhere", MissingPart, "nothing at .*give a folder with faces.csv"),
    (lambda place: place, InvalidInput, "no picture of anybody"),
    (lambda place: written(place / "l.txt", b"one-word"), InvalidInput, "line 1: 'one-word' is not `path label`"),
    (lambda place: written(place / "l.txt", b"\xff\xfe\x00 a"), InvalidInput, "no list of `path label` lines in UTF-8"),
    (lambda place: written(place / "l.txt", b"# nothing"), InvalidInput, "no picture of anybody"),
    (lambda place: written(place / "faces.csv", b"shard"), InvalidInput, "give the folder"),
])  # fmt: skip
def test_what_is_none_of_them(tmp_path: Path, make, kind: type[FacerecError], words: str) -> None:
    with pytest.raises(kind, match=words):
        named_pictures(make(tmp_path))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_folder_of_faces_is_known_by_its_table(people: Path) -> None:
    assert not is_packed(people)
    (people / "faces.csv").write_text("")
    assert is_packed(people)


def test_subjects_are_divided_once_each_and_the_seed_decides() -> None:
    names = [f"s{k}" for k in range(20)] * 3
    split = split_subjects(names, 0.25, np.random.default_rng(1))
    assert len(split) == 20 and sorted(split.values()) == ["train"] * 15 + ["val"] * 5
    assert split == split_subjects(reversed(names), 0.25, np.random.default_rng(1))
    assert split != split_subjects(names, 0.25, np.random.default_rng(2))
    assert set(split_subjects(names, 0, np.random.default_rng(1)).values()) == {"train"}


def test_somebody_in_both_splits_is_named(tmp_path: Path) -> None:
    rows = [("ann", "train"), ("bob", "train"), ("bob", "val"), ("carl", "val"), ("", "unlabelled"), ("", "val")]
    lines = ["shard,file,subject,split", *(f"a.tar,{k}.png,{who},{split}" for k, (who, split) in enumerate(rows))]
    (tmp_path / "faces.csv").write_text("\n".join(lines))
    with pytest.raises(InvalidInput, match="1 subjects of split val were trained on, bob for one"):
        require_strangers(tmp_path / "faces.csv", "val", ("train", "unlabelled"))
    require_strangers(tmp_path / "faces.csv", "val", ("unlabelled",))
