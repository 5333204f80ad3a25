"""The log of a run that was stopped and gone on with."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from facerec.learning.log import append, cut, read


def write(path: Path, *steps: int) -> None:
    for step in steps:
        append(path, {"step": step, "loss": step / 8})


def steps(path: Path) -> list[int]:
    with path.open(newline="") as handle:
        return [int(row["step"]) for row in csv.DictReader(handle)]


def test_lines_after_the_checkpoint_go_and_come_again_once(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write(path, 50, 100, 150, 200)
    cut(path, 100)
    write(path, 150, 200, 250)
    assert steps(path) == [50, 100, 150, 200, 250]


def test_a_log_that_is_cut_nowhere_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write(path, 50, 100)
    before = path.read_bytes()
    cut(path, 100)
    assert path.read_bytes() == before


def test_an_unfinished_last_line_goes(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write(path, 50, 100)
    path.write_bytes(path.read_bytes()[:-3])
    cut(path, 100)
    write(path, 100)
    assert steps(path) == [50, 100]


def test_an_unfinished_header_starts_the_file_again(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,lo")
    cut(path, 100)
    write(path, 100)
    assert steps(path) == [100]


def test_no_file_is_no_error(tmp_path: Path) -> None:
    cut(tmp_path / "log.csv", 5)
    assert not (tmp_path / "log.csv").exists()


def test_a_log_from_before_a_column_was_kept_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write(path, 50, 100, 150)
    cut(path, 100, ("step", "loss", "tar"))
    append(path, {"step": 150, "loss": 1.5, "tar": 0.75})
    append(path, {"step": 200, "loss": 1.0, "tar": None})
    found = read(path)
    assert found["step"].tolist() == [50, 100, 150, 200] and found["loss"][2] == 1.5
    assert np.isnan(found["tar"]).tolist() == [True, True, False, True] and found["tar"][2] == 0.75
    before = path.read_bytes()
    cut(path, 200, ("step", "loss", "tar"))
    assert path.read_bytes() == before
