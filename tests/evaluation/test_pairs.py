"""Lists of pairs: what is read, and what is refused with the line it stands on."""

from pathlib import Path

import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.pairs import joined, read_any_pairs, read_csv, read_pairs

LFW = """2\t2
Ann_Lee\t1\t2
Bo\t3\t12
Ann_Lee\t1\tBo\t4
Cy\t1\tAnn_Lee\t2
Dee\t1\t2
Dee\t2\t3
Cy\t1\tBo\t1
Dee\t4\tBo\t2
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "pairs.txt"
    path.write_bytes(text.encode())
    return path


def test_lfw_pairs_are_read_fold_by_fold(tmp_path: Path) -> None:
    pairs = read_pairs(written(tmp_path, LFW))
    assert pairs.first[:3] == ("Ann_Lee/Ann_Lee_0001.jpg", "Bo/Bo_0003.jpg", "Ann_Lee/Ann_Lee_0001.jpg")
    assert pairs.second[:3] == ("Ann_Lee/Ann_Lee_0002.jpg", "Bo/Bo_0012.jpg", "Bo/Bo_0004.jpg")
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.folds.tolist() == [0] * 4 + [1] * 4
    assert pairs.first_subject[3] == "Cy" and pairs.second_subject[3] == "Ann_Lee"
    assert len(pairs.pictures) == len(set(pairs.first) | set(pairs.second))


def test_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    plain = read_pairs(written(tmp_path, LFW))
    odd = read_pairs(written(tmp_path, "\ufeff" + LFW.replace("\n", "\r\n") + "\r\n"))
    assert (odd.first, odd.second) == (plain.first, plain.second)


def test_one_number_announces_one_fold(tmp_path: Path) -> None:
    pairs = read_pairs(written(tmp_path, "1\nAnn\t1\t2\nAnn\t1\tBo\t1\n"))
    assert len(pairs) == 2 and pairs.folds.tolist() == [0, 0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1"),
        ("two\t2\n", "line 1"),
        (LFW.replace("2\t2\n", "3\t2\n", 1), "announces 3 x 2 x 2 pairs and has 8"),
        (LFW.replace("Cy\t1\tBo\t1", "Cy\t1\t2"), "pair 7 is impostor"),
        (LFW.replace("Dee\t1\t2", "Dee\t1\tone\t2"), "pair 5 is genuine"),
        (LFW.replace("Bo\t3\t12", "Bo\t3\ttwelve"), "line 3"),
        (LFW.replace("Bo\t3\t12", "Bo"), "line 3"),
        (LFW.replace("Cy\t1\tBo\t1", "Bo\t2\tBo\t1"), "pair 7 is impostor, and yet"),
    ],
)
def test_a_file_that_is_no_list_of_pairs_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_pairs(written(tmp_path, text))


def test_no_file_and_no_text_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingPart):
        read_pairs(tmp_path / "nowhere.txt")
    (tmp_path / "pairs.txt").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_pairs(tmp_path / "pairs.txt")


def test_csv_pictures_joined_by_genuine_pairs_are_one_subject(tmp_path: Path) -> None:
    pairs = read_csv(written(tmp_path, "same,a,b\n1,x.jpg,y.jpg\nTrue,y.jpg,z.jpg\nno,x.jpg,q.jpg\n0,q.jpg,z.jpg\n"))
    assert pairs.same.tolist() == [True, True, False, False]
    assert len({pairs.first_subject[0], pairs.second_subject[0], pairs.second_subject[1]}) == 1
    assert pairs.second_subject[2] not in pairs.first_subject[:2]


def test_csv_may_name_its_subjects(tmp_path: Path) -> None:
    text = "a,b,same,subject_a,subject_b\nx,y,1,Ann,Ann\np,q,0,Bo,Ann\n"
    pairs = read_csv(written(tmp_path, text))
    assert pairs.first_subject == ("Ann", "Bo") and pairs.second_subject == ("Ann", "Ann")


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b\nx,y\n", "columns a,b,same"),
        ("a,b,same,subject_a\nx,y,1,Ann\n", "both subject_a,subject_b"),
        ("a,b,same\n", "no pair"),
        ("a,b,same\nx,y,1\nx,,0\n", "line 3"),
        ("a,b,same\nx,y,maybe\n", "line 2"),
        ("a,b,same\nx,y\n", "line 2"),
        ("a,b,same\nx,y,1\ny,z,1\nx,z,0\n", "pair 3 is impostor"),
        ("a,b,same,subject_a,subject_b\nx,y,1,Ann,Bo\n", "pair 1 is genuine"),
        ("a,b,same\nx,y,1\nz,z,1\n", "line 3 compares z with itself"),
        ("a,b,same,subject_a,subject_b\nx,y,1,Ann,Ann\nx,z,0,Bo,Cy\n", "x shows Ann, and that it shows Bo|x shows Bo"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_csv(written(tmp_path, text))


def test_the_first_line_tells_the_two_formats_apart(tmp_path: Path) -> None:
    assert len(read_any_pairs(written(tmp_path, LFW))) == 8
    assert len(read_any_pairs(written(tmp_path, "same,a,b\n1,x.jpg,y.jpg\n"))) == 1
    with pytest.raises(InvalidInput, match="line 1"):
        read_any_pairs(written(tmp_path, "hello"))
    with pytest.raises(MissingPart):
        read_any_pairs(tmp_path)  # a folder


def test_joining_goes_through_long_chains() -> None:
    names = [str(number) for number in range(5000)]
    whose = joined(names[:-1], names[1:], [True] * 4999)
    assert len(set(whose.values())) == 1


def test_the_real_list_of_pairs(data: Path) -> None:
    pairs = read_pairs(data / "lfw" / "pairs.txt")
    folds = int(pairs.folds.max()) + 1
    assert len(pairs) == 600 * folds and pairs.same.sum() == 300 * folds
