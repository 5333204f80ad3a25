"""Own photographs become crops to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.faces.align import align
from facerec.faces.packing import pack, with_margin
from facerec.learning.datasets import load_shards
from facerec.learning.shards import write_shards
from facerec.records import Faces, Image
from tests.fakes import ANNA, BERT, CARL, look, save_picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five people with two photographs each; Eve has one without a face and one that is broken too."""
    folder = tmp_path / "photos"
    for name, colour in {"anna": ANNA, "bert": BERT, "carl": CARL, "dora": (9, 9, 200), "eve": (90, 0, 90)}.items():
        save_picture(folder / name / "1.png", colour)
        save_picture(folder / name / "2.png", colour, None)
    save_picture(folder / "eve" / "empty.png", None)
    (folder / "eve" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "a file beside the folders.txt").write_text("not looked at")
    return folder


def test_every_usable_photograph_gives_a_crop_and_the_others_a_reason(photos: Path) -> None:
    refused: list[tuple[str, str]] = []
    samples = list(pack(photos, look, lambda photo, why: refused.append((photo.name, why))))
    assert [(s.subject, s.source) for s in samples] == [
        (name, f"{k}.png") for name in ("anna", "bert", "carl", "dora", "eve") for k in (1, 2)
    ]
    assert [name for name, _ in refused] == ["broken.jpg", "empty.png"] and "no face" in refused[1][1]
    assert {s.crop.shape for s in samples} == {(128, 128, 3)} and samples[0].crop[64, 64].tolist() == list(ANNA)


def test_nobody_is_in_both_splits(photos: Path) -> None:
    def split(share: float, seed: int) -> dict[str, set[str]]:
        rng, people = np.random.default_rng(seed), {"train": set(), "val": set()}
        for sample in pack(photos, look, lambda *_: None, share, rng):
            people[sample.split].add(sample.subject)
        return people

    for seed in range(5):
        people = split(0.4, seed)
        assert len(people["val"]) == 2 and len(people["train"]) == 3 and not people["val"] & people["train"]
    assert len({frozenset(split(0.4, seed)["val"]) for seed in range(5)}) > 1
    assert split(0, 1)["val"] == set()


def test_what_was_packed_is_read_again(photos: Path, tmp_path: Path) -> None:
    samples = list(pack(photos, look, lambda *_: None))
    assert write_shards(tmp_path / "faces", samples) == 10
    crops = load_shards(tmp_path / "faces", ("train", "val"))
    assert np.array_equal(crops.pixels, np.stack([sample.crop for sample in samples]))
    assert crops.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_the_middle_of_a_crop_is_the_aligned_face(portrait: Image) -> None:
    tilted = np.array([[[190, 100], [240, 108], [212, 135], [190, 158], [232, 164]]], np.float32)
    face = Faces(np.array([[150, 60, 270, 200]], np.float32), tilted, np.ones(1, np.float32))
    apart = with_margin(portrait, face)[8:120, 8:120].astype(int) - align(portrait, face)[0]
    assert np.abs(apart).max() <= 1


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidInput, match="one folder of photographs per person"):
            list(pack(folder, look, lambda *_: None))
