"""Labels as a user writes them, mistakes included."""

from pathlib import Path

import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.labels import read_labels


def written(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder / "labels.csv"


def test_labels_of_people_and_of_pictures(tmp_path: Path) -> None:
    people = read_labels(written(tmp_path, "\ufeffsubject,sex,age\nAnn, f ,20\nBo,m,\nAnn,f,20\n"))
    assert people.by == "subject" and list(people.columns) == ["sex", "age"]
    assert people.of("sex", ["a.jpg", "b.jpg", "c.jpg"], ["Ann", "Bo", "Cy"]).tolist() == ["f", "m", ""]
    assert people.of("age", ["a.jpg", "b.jpg"], ["Ann", "Bo"]).tolist() == ["20", ""]
    pictures = read_labels(written(tmp_path, "light,picture\nday,a.jpg\nnight,b.jpg\n"))
    assert pictures.of("light", ["b.jpg", "a.jpg"], ["Ann", "Ann"]).tolist() == ["night", "day"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "must have a column"),
        ("name,sex\nAnn,f\n", "must have a column"),
        ("subject\nAnn\n", "must have a column"),
        ("subject,picture,sex\nAnn,a.jpg,f\n", "must have a column"),
        ("subject,sex,sex\nAnn,f,f\n", "must have a column"),
        ("subject,sex\nAnn,f\nAnn,m\n", "line 3: Ann is m and f"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_labels(written(tmp_path, text))


def test_no_table_and_names_that_never_meet_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="no table of labels"):
        read_labels(tmp_path)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_labels(tmp_path / "binary.csv")
    labels = read_labels(written(tmp_path, "subject,sex\nann,f\n"))
    with pytest.raises(InvalidInput, match="called like 'Ann_Lee', the labels' like 'ann'"):
        labels.of("sex", ["a.jpg"], ["Ann_Lee"])
