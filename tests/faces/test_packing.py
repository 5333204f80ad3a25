"""Own pictures become a folder of faces: crops as they are, the largest face of the others, nobody in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.faces import packing
from facerec.faces.align import align
from facerec.faces.detector import Detector, create_detector
from facerec.faces.golden import draw_face
from facerec.faces.packing import left_out, pack, with_margin
from facerec.learning.datasets import load_shards
from facerec.learning.sources import named_pictures
from facerec.records import Faces, Image
from tests.drawn_crops import drawn_crop
from tests.fakes import ANNA, BERT, look, save_picture

EVERYBODY = dict.fromkeys(("anna", "bert", "carl"), "train")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three people; Carl has ready crops of both sizes, and three pictures that cannot be used."""
    folder = tmp_path / "photos"
    for name, colour in {"anna": ANNA, "bert": BERT}.items():
        save_picture(folder / name / "1.png", colour)
        save_picture(folder / name / "more" / "2.png", colour, None)
    save_picture(folder / "carl" / "empty.png", None)
    (folder / "carl" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "carl" / "text.png").write_text("no picture")
    images.save(drawn_crop(3, 0), folder / "carl" / "ready.png")
    images.save(drawn_crop(3, 1)[8:120, 8:120], folder / "carl" / "tight.png")
    (folder / "a file beside the folders.txt").write_text("not looked at")
    (folder / ".hidden").mkdir()
    return folder


def opened() -> Detector:
    return look


def never() -> Detector:
    raise AssertionError("no detector is needed")


def test_photographs_are_cut_and_crops_stay_as_they_are(photos: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    pack(tmp_path / "faces", named_pictures(photos), EVERYBODY, opened, lambda *count: heard.append(count))
    crops = load_shards(tmp_path / "faces", ("train",))
    assert crops.labels.tolist() == [0, 0, 1, 1, 2, 2] and heard == [(9, 9)]
    assert [crop[64, 64].tolist() for crop in crops.pixels[:4]] == [list(ANNA)] * 2 + [list(BERT)] * 2
    assert np.array_equal(crops.pixels[4], drawn_crop(3, 0))
    assert np.array_equal(crops.pixels[5, 8:120, 8:120], drawn_crop(3, 1)[8:120, 8:120])
    assert np.array_equal(crops.pixels[5, 7], crops.pixels[5, 9])  # the edge is mirrored


def test_what_is_left_out_is_listed_with_its_reason(photos: Path, tmp_path: Path) -> None:
    pack(tmp_path / "faces", named_pictures(photos), EVERYBODY, opened)
    refused = left_out(tmp_path / "faces")
    assert [Path(source).name for source, _ in refused] == ["broken.jpg", "empty.png", "text.png"]
    assert "no face" in refused[1][1] and all(reason for _, reason in refused)
    assert left_out(photos) == ()


def test_ready_crops_need_no_detector(photos: Path, tmp_path: Path) -> None:
    ready = [pair for pair in named_pictures(photos) if pair[0].name in ("ready.png", "tight.png", "text.png")]
    pack(tmp_path / "faces", ready, EVERYBODY, never)
    assert len(load_shards(tmp_path / "faces", ("train",))) == 2


def test_what_was_packed_is_not_packed_again_and_what_changed_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "PER_SHARD", 3)
    seen: list[int] = []

    def counting() -> Detector:
        def detect(image: Image) -> Faces:
            seen.append(1)
            if len(seen) == 4:
                raise KeyboardInterrupt
            return look(image)

        return detect

    pictures, faces = named_pictures(photos), tmp_path / "faces"
    with pytest.raises(KeyboardInterrupt):
        pack(faces, pictures, EVERYBODY, counting)
    assert not (faces / "faces.csv").exists()
    pack(faces, pictures, EVERYBODY, counting)  # the first shard, with three photographs, is there
    assert len(seen) == 4 + 2
    whole = load_shards(faces, ("train",))
    pack(tmp_path / "at once", pictures, EVERYBODY, opened)
    again = load_shards(tmp_path / "at once", ("train",))
    assert np.array_equal(whole.pixels, again.pixels) and whole.labels.tolist() == again.labels.tolist()
    pack(faces, pictures[1:], EVERYBODY, opened)
    assert len(load_shards(faces, ("train",))) == 5


def test_names_that_are_no_utf8_and_names_with_commas(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    odd = [folder / "Berg, Ann" / "1.png", Path(str(folder / "B\udcff") + "/1.png")]
    for place, path in enumerate(odd):
        path.parent.mkdir(parents=True)
        images.save(drawn_crop(place, 0), path)
    pictures = named_pictures(folder)
    pack(tmp_path / "faces", pictures, dict.fromkeys([name for _, name in pictures], "train"), never)
    assert len(set(load_shards(tmp_path / "faces", ("train",)).labels.tolist())) == 2


def test_the_middle_of_a_crop_is_the_aligned_face(portrait: Image) -> None:
    tilted = np.array([[[190, 100], [240, 108], [212, 135], [190, 158], [232, 164]]], np.float32)
    face = Faces(np.array([[150, 60, 270, 200]], np.float32), tilted, np.ones(1, np.float32))
    apart = with_margin(portrait, face)[8:120, 8:120].astype(int) - align(portrait, face)[0]
    assert np.abs(apart).max() <= 1


def test_a_drawn_face_in_a_photograph_is_found_and_aligned(tmp_path: Path) -> None:
    photo = np.full((360, 360, 3), 90, np.uint8)
    photo[68:292, 68:292] = draw_face(0).repeat(2, axis=0).repeat(2, axis=1)
    (tmp_path / "photos" / "anna").mkdir(parents=True)
    images.save(photo, tmp_path / "photos" / "anna" / "1.jpg")
    pack(tmp_path / "faces", named_pictures(tmp_path / "photos"), {"anna": "train"}, create_detector)
    middle = load_shards(tmp_path / "faces", ("train",)).pixels[0, 8:120, 8:120].astype(int)
    assert np.abs(middle - draw_face(0)).mean() < np.abs(middle - draw_face(0)[::-1]).mean() / 3
