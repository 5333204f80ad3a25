"""Annotations in all three forms, whole and broken."""

import json
from pathlib import Path

import pytest

from facerec.detection.datasets import read_annotated
from facerec.errors import DamagedFile, InvalidInput, MissingPart

OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>"
    "<ymax>{}</ymax></bndbox></object>"
)


def voc(root: Path, **pictures: str) -> Path:
    """A VOC folder: name of a picture -> its objects."""
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, objects in pictures.items():
        text = f"<annotation><filename>{name}.jpg</filename>{objects}</annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(text)
        (root / "JPEGImages" / f"{name}.jpg").touch()
    return root


def test_a_voc_folder_and_its_list(tmp_path):
    root = voc(
        tmp_path, b=OBJECT.format("dog", 1, 11, 21, 30, 40) + OBJECT.format("cat", 0, 5, 5, 5, 5), a=""
    )  # fmt: skip
    every = read_annotated(root)
    assert [path.name for path in every.paths] == ["a.jpg", "b.jpg"] and every.names == ("cat", "dog")
    assert len(every.objects[0]) == 0
    assert every.objects[1].boxes.tolist() == [[10, 20, 30, 40], [4, 4, 5, 5]]  # the second is one pixel
    assert every.objects[1].labels.tolist() == [1, 0] and every.objects[1].hard.tolist() == [True, False]
    (root / "ImageSets/Main/val.txt").write_text("b  1\n\n")
    assert read_annotated(root / "ImageSets/Main/val.txt", ("dog", "cat")).objects[0].labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("<annotation><object><name>cat</na", DamagedFile, "no whole annotation"),
        ("", DamagedFile, "no whole annotation"),
        ("<annotation><object><name>cat</name></object></annotation>", DamagedFile, "without a name or a box"),
        ("<annotation>" + OBJECT.format("cat", 0, "x", 1, 2, 2) + "</annotation>", DamagedFile, "could not convert"),
        ("<annotation>" + OBJECT.format("cow", 0, 1, 1, 2, 2) + "</annotation>", InvalidInput, "'cow'.*cat"),
        ("<annotation>" + OBJECT.format("cat", 0, 9, 1, 2, 2) + "</annotation>", InvalidInput, "holds nothing"),
        ("<annotation>" + OBJECT.format("cat", 0, "nan", 1, 2, 2) + "</annotation>", InvalidInput, "holds nothing"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', DamagedFile, "entities"),
    ],
)
def test_a_broken_annotation_says_which_file_and_why(tmp_path, text, kind, words):
    root = voc(tmp_path, a="")
    (root / "Annotations" / "a.xml").write_text(text)
    with pytest.raises(kind, match=words) as caught:
        read_annotated(root, ("cat",))
    assert "a." in str(caught.value)


def test_a_list_that_names_no_annotation(tmp_path):
    root = voc(tmp_path, a="")
    (root / "ImageSets/Main/val.txt").write_text("missing\n")
    with pytest.raises(MissingPart, match=r"missing\.xml"):
        read_annotated(root / "ImageSets/Main/val.txt")
    (root / "ImageSets/Main/val.txt").write_text("")
    with pytest.raises(InvalidInput, match="lists no picture"):
        read_annotated(root / "ImageSets/Main/val.txt")


COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 3, "file_name": "b.jpg"}],
    "categories": [{"id": 9, "name": "cat"}, {"id": 4, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 9, "bbox": [1, 2, 10.5, 20], "iscrowd": 0},
        {"id": 2, "image_id": 3, "category_id": 4, "bbox": [0, 0, 1, 1], "iscrowd": 1},
    ],
}


def test_a_coco_file(tmp_path):
    place = tmp_path / "coco.json"
    place.write_text(json.dumps(COCO))
    data = read_annotated(place)
    assert data.names == ("dog", "cat") and [path.name for path in data.paths] == ["a.jpg", "b.jpg"]
    assert data.objects[1].boxes.tolist() == [[1, 2, 11.5, 22], [0, 0, 1, 1]]
    assert data.objects[1].labels.tolist() == [1, 0] and data.objects[1].hard.tolist() == [False, True]
    assert data[1:].paths == data.paths[1:] and len(data[1:]) == 1


@pytest.mark.parametrize(
    "change, kind, words",
    [
        (lambda c: json.dumps(c)[:-40], DamagedFile, "no whole JSON"),
        (lambda c: "{}", DamagedFile, "categories"),
        (lambda c: "[]", DamagedFile, "no COCO"),
        (lambda c: json.dumps(c | {"categories": COCO["categories"][:1]}), InvalidInput, "category 4"),
        (lambda c: json.dumps(c | {"images": COCO["images"][:1]}), DamagedFile, "3"),
        (lambda c: json.dumps(c | {"images": [{"id": 3, "file_name": "../../x.jpg"}]}), InvalidInput, "below"),
    ],
)
def test_a_broken_coco_file(tmp_path, change, kind, words):
    place = tmp_path / "coco.json"
    place.write_text(change(COCO))
    with pytest.raises(kind, match=words):
        read_annotated(place)


def test_a_list_file(tmp_path):
    place = tmp_path / "list.txt"
    place.write_text("# a comment\nmy pictures/a b.jpg 1,2,30,40.5,cat 5,5,6,6,dog\n\nempty.png\n")
    data = read_annotated(place)
    assert data.paths == (tmp_path / "my pictures/a b.jpg", tmp_path / "empty.png")
    assert data.objects[0].boxes.tolist() == [[1, 2, 30, 40.5], [5, 5, 6, 6]] and len(data.objects[1]) == 0
    place.write_text("a.jpg 1,2,3,4\n")
    with pytest.raises(InvalidInput, match=r"line 1.*x1,y1,x2,y2,class"):
        read_annotated(place)


def test_what_is_no_data_set(tmp_path):
    with pytest.raises(InvalidInput, match="VOC folder"):
        read_annotated(tmp_path)
    with pytest.raises(MissingPart, match="no list"):
        read_annotated(tmp_path / "nothing.txt")
    with pytest.raises(MissingPart, match="no annotations"):
        read_annotated(tmp_path / "nothing.json")
