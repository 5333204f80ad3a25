"""Reading a folder of faces: what is kept, in which order, and what is said about everything else."""

from __future__ import annotations

import csv
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import DamagedFile, FacerecError, InvalidInput, MissingPart
from facerec.learning.datasets import Crops, load_shards, number
from facerec.learning.shards import HEADER, Sample, add_picture, write_shards
from tests.drawn_crops import directions, drawn_crop, drawn_crops


def test_the_rows_of_a_split_come_in_the_tables_order_with_pixels_labels_and_targets(faces: Path) -> None:
    crops = load_shards(faces, ("train", "unlabelled"))
    expected = [drawn_crop(s, t) for s in range(3) for t in range(4)] + [drawn_crop(9, t) for t in range(2)]
    assert np.array_equal(crops.pixels, np.stack(expected))
    assert crops.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [-1] * 2
    rows = [*range(12), 20, 21]
    assert np.abs(crops.targets - directions(22)[rows]).max() < 1e-3 and crops.targets.dtype == np.float32
    assert crops.sources[[0, 8]].tolist() == ["faces-00.tar/000000.png", "faces-01.tar/000008.png"]
    assert crops.refused == ()


def test_without_targets_there_are_none(faces: Path) -> None:
    (faces / "targets.npy").unlink()
    assert load_shards(faces, ("val",)).targets.shape == (8, 0)


def test_progress_hears_of_every_shard(faces: Path) -> None:
    heard: list[tuple[int, int]] = []
    load_shards(faces, ("train", "val"), progress=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_crops_are_chosen_by_mask_and_by_index_and_may_be_none() -> None:
    crops = drawn_crops(2, 3)
    chosen = crops[np.array([4, 0])]
    assert chosen.labels.tolist() == [1, 0] and chosen.sources.tolist() == ["drawn/4", "drawn/0"]
    assert np.array_equal(chosen.pixels, crops.pixels[[4, 0]]) and np.array_equal(chosen.targets, crops.targets[[4, 0]])
    assert len(crops[crops.labels == 7]) == 0
    with pytest.raises(InvalidInput, match="as many"):
        Crops(crops.pixels, crops.labels[:2], crops.targets, crops.sources)


def test_subjects_are_numbered_by_name() -> None:
    assert number(["zoe", "", "adam", "zoe"]).tolist() == [1, -1, 0, 1]


def rewrite_shard(shard: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write a shard again with each member's content changed; None leaves it out."""
    with tarfile.open(shard) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive}
    with tarfile.open(shard, "w") as archive:
        for name, old in content.items():
            if (new := change(name, old)) is not None:
                path = shard.with_name("member")
                path.write_bytes(new)
                archive.add(path, name)


def test_pictures_that_cannot_be_used_are_left_out_and_listed(faces: Path) -> None:
    def change(name: str, content: bytes) -> bytes | None:
        return {
            "000001.png": content[: len(content) // 2],
            "000002.png": b"no picture at all",
            "000003.png": None,
            "000004.png": b"",
        }.get(name, content)

    rewrite_shard(faces / "faces-00.tar", change)
    crops = load_shards(faces, ("train",))
    assert [source for source, _ in crops.refused] == [f"faces-00.tar/00000{k}.png" for k in (1, 2, 4, 3)]
    assert dict(crops.refused)["faces-00.tar/000003.png"] == "not in the shard"
    assert all(reason for _, reason in crops.refused)
    assert crops.labels.tolist() == [0] + [1] * 3 + [2] * 4
    assert np.array_equal(crops.pixels[1], drawn_crop(1, 1))
    assert np.abs(crops.targets - directions(22)[[0, 5, 6, 7, 8, 9, 10, 11]]).max() < 1e-3


def test_a_picture_of_another_size_is_left_out(faces: Path) -> None:
    from facerec import images

    small = images.encode(drawn_crop(0, 0)[:100], "PNG")
    rewrite_shard(faces / "faces-00.tar", lambda name, content: small if name == "000000.png" else content)
    assert load_shards(faces, ("train",)).refused == (
        ("faces-00.tar/000000.png", "expected 128x128 pixels, or 112x112, got 128x100"),
    )


def test_where_no_picture_can_be_read_that_is_an_error(faces: Path) -> None:
    for shard in faces.glob("*.tar"):
        rewrite_shard(shard, lambda name, content: b"no picture")
    with pytest.raises(InvalidInput, match="no picture of"):
        load_shards(faces, ("train",))


def test_a_missing_shard_is_named(faces: Path) -> None:
    (faces / "faces-01.tar").unlink()
    with pytest.raises(MissingPart, match=r"faces-01\.tar missing"):
        load_shards(faces, ("train",))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_shortened_shard_is_damaged_or_its_pictures_are_listed(faces: Path, share: float) -> None:
    shard = faces / "faces-00.tar"
    content = shard.read_bytes()
    shard.write_bytes(content[: int(len(content) * share) // 512 * 512 + 100])
    try:
        crops = load_shards(faces, ("train",))
    except DamagedFile as error:
        assert "faces-00.tar" in str(error)
    else:
        assert len(crops) + len(crops.refused) == 12


def table(folder: Path, *rows: dict[str, str], header: tuple[str, ...] = HEADER) -> None:
    with (folder / "faces.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, header, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


ROW = {
    "shard": "faces-00.tar", "file": "000000.png", "subject": "a", "split": "train", "source": "", "target": "0",
}  # fmt: skip


@pytest.mark.parametrize("rows, kind, words", [
    ([ROW | {"target": ""}], InvalidInput, "target ''"),
    ([ROW | {"target": "-1"}], InvalidInput, "target '-1'"),
    ([ROW | {"target": "22"}], InvalidInput, "which has 22"),
    ([ROW | {"target": "one"}], InvalidInput, "target 'one'"),
    ([ROW, ROW], InvalidInput, "lists faces-00.tar/000000.png 2 times"),
    ([ROW | {"split": "test"}], InvalidInput, "no row of split train"),
    ([ROW | {"shard": "../faces-00.tar"}], InvalidInput, "line 2: '../faces-00.tar'"),
    ([ROW, ROW | {"shard": ""}], InvalidInput, "line 3: ''"),
    ([ROW | {"file": ""}], InvalidInput, "line 2"),
    ([], InvalidInput, "no row of split train"),
])  # fmt: skip
def test_a_table_that_says_something_impossible(
    faces: Path, rows: list[dict[str, str]], kind: type[FacerecError], words: str
) -> None:
    table(faces, *rows)
    with pytest.raises(kind, match=words.replace(".", r"\.")):
        load_shards(faces, ("train",))


def test_a_table_without_a_needed_column(faces: Path) -> None:
    table(faces, ROW, header=("shard", "file", "subject"))
    with pytest.raises(InvalidInput, match="no column split"):
        load_shards(faces, ("train",))


def test_a_target_column_is_needed_only_where_there_are_targets(faces: Path) -> None:
    table(faces, ROW, header=("shard", "file", "subject", "split"))
    with pytest.raises(InvalidInput, match="target ''"):
        load_shards(faces, ("train",))
    (faces / "targets.npy").unlink()
    assert len(load_shards(faces, ("train",))) == 1


def test_a_row_that_ends_early(faces: Path) -> None:
    (faces / "faces.csv").write_text("shard,file,subject,split\nfaces-00.tar,000000.png\n")
    with pytest.raises(InvalidInput, match="line 2"):
        load_shards(faces, ("train",))


def test_a_table_that_is_missing_or_no_text(faces: Path) -> None:
    (faces / "faces.csv").write_bytes(b"\xff\xfe\x00\x01shard")
    with pytest.raises(InvalidInput, match="not CSV in UTF-8"):
        load_shards(faces, ("train",))
    (faces / "faces.csv").unlink()
    with pytest.raises(MissingPart, match=r"faces\.csv cannot be read"):
        load_shards(faces, ("train",))


def test_targets_must_be_rows_of_length_1(faces: Path) -> None:
    np.save(faces / "targets.npy", 2 * directions(22))
    with pytest.raises(InvalidInput, match="not of length 1"):
        load_shards(faces, ("train",))
    np.save(faces / "targets.npy", directions(22)[:, :64])
    with pytest.raises(InvalidInput, match="must be"):
        load_shards(faces, ("train",))


class Trap:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_a_pickle_in_place_of_targets_is_refused_and_not_run(faces: Path) -> None:
    trace = faces / "trace"
    (faces / "targets.npy").write_bytes(pickle.dumps(Trap(trace)))
    with pytest.raises(DamagedFile):
        load_shards(faces, ("train",))
    np.save(faces / "targets.npy", np.array([Trap(trace)], object), allow_pickle=True)
    with pytest.raises(DamagedFile):
        load_shards(faces, ("train",))
    assert not trace.exists()


def test_writing_refuses_a_crop_of_another_shape_and_leaves_no_shard(tmp_path: Path) -> None:
    samples = [Sample(drawn_crop(0, 0), "a", "train"), Sample(drawn_crop(0, 1)[:99], "a", "train")]
    with pytest.raises(InvalidInput, match="128, 128, 3"):
        write_shards(tmp_path / "new", samples)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_shard_keeps_pixels_without_loss(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "one.tar", "w") as archive:
        add_picture(archive, "a.png", drawn_crop(3, 1))
    (tmp_path / "faces.csv").write_text("shard,file,subject,split\none.tar,a.png,a,train\n")
    assert np.array_equal(load_shards(tmp_path, ("train",)).pixels[0], drawn_crop(3, 1))
