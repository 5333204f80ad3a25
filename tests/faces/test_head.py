"""The binary head without torch: what it scores, and that a file of it is whole, measured and of this encoder."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import DamagedFile, EncoderMismatch, InvalidInput, MissingPart
from facerec.faces.head import HEAD, BinaryHead, open_head, sigmoid
from facerec.metrics.differences import DIFFERENCES
from facerec.records import DIM
from tests.fakes import ENCODER, points
from tests.people import clusters


def head(difference: str = "manhattan", seed: int = 0) -> BinaryHead:
    weight = -np.abs(np.random.default_rng(seed).normal(size=DIM)).astype(np.float32)
    return BinaryHead(difference, weight, 5.25, ENCODER, {"how": "drawn"})


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_the_score_is_the_sigmoid_of_a_weighted_difference(difference: str) -> None:
    rows, _ = clusters(np.random.default_rng(1), [2, 2, 3])
    found = head(difference)(rows[:3], rows[3:])
    assert found.shape == (3, 4) and found.dtype == np.float32
    for a in range(3):
        for b in range(4):
            each = DIFFERENCES[difference](rows[a].astype(float), rows[3 + b].astype(float))
            score = sum(w * d for w, d in zip(head().weight.tolist(), each.tolist(), strict=True)) + 5.25
            assert found[a, b] == pytest.approx(1 / (1 + math.exp(-score)), rel=1e-4)


def test_no_embedding_on_either_side_gives_no_score() -> None:
    rows, _ = clusters(np.random.default_rng(2), [3])
    assert head()(rows[:0], rows).shape == (0, 3) and head()(rows, rows[:0]).shape == (3, 0)


def test_the_sigmoid_rises_and_does_not_overflow() -> None:
    scores = np.array([-1e30, -100, -2, 0, 2, 100, 1e30], np.float32)
    with np.errstate(over="raise", invalid="raise", under="ignore"):
        found = sigmoid(scores)
    assert found.dtype == np.float32 and found[3] == 0.5 and (found[0], found[-1]) == (0, 1)
    assert (np.diff(found) >= 0).all() and np.allclose(found + found[::-1], 1)


def test_a_head_comes_back_from_its_folder_bit_for_bit(tmp_path: Path) -> None:
    first = replace(head(), facts={"operating_points": points().as_dict()})
    first.write(tmp_path)
    again = open_head(tmp_path, ENCODER)
    assert again.weight.dtype == np.float32 and np.array_equal(again.weight, first.weight)
    assert (again.bias, again.difference, again.digest) == (first.bias, first.difference, first.digest)
    assert again.points == points()


def test_a_head_that_is_not_there_or_not_measured_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match=r"no binary head in .*--fit-head"):
        open_head(tmp_path, ENCODER)
    head().write(tmp_path)
    with pytest.raises(InvalidInput, match=r"no measured threshold: .*--calibrate"):
        _ = open_head(tmp_path, ENCODER).points


def test_a_head_of_another_encoder_is_refused(tmp_path: Path) -> None:
    head().write(tmp_path)
    with pytest.raises(EncoderMismatch, match="export the encoder again with --fit-head"):
        open_head(tmp_path, "f" * 64)


@pytest.mark.parametrize("change", [
    {"weight": [1.0] * 127}, {"weight": "many"}, {"weight": [1.0] * 128}, {"bias": None}, {"bias": 5.26},
    {"difference": "cosine"}, {"difference": ["manhattan"]}, {"difference": "chi_square"}, {"weight": [math.nan] * 128},
    {"facts": 3}, {"digest": "0" * 64},
])  # fmt: skip
def test_a_changed_file_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    head().write(tmp_path)
    kept = json.loads((tmp_path / HEAD).read_text())
    (tmp_path / HEAD).write_text(json.dumps(kept | change))
    with pytest.raises(DamagedFile):
        BinaryHead.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"3", b"\xff\xfe", b'{"weight": [1'])
def test_other_content_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HEAD).write_bytes(content)
    with pytest.raises(DamagedFile, match="export the encoder again"):
        BinaryHead.read(tmp_path)


def test_weights_that_cannot_be_used_are_refused() -> None:
    for weight in (np.zeros(127, np.float32), np.zeros(128), np.full(128, np.inf, np.float32)):
        with pytest.raises(InvalidInput):
            BinaryHead("manhattan", weight, 0.0, ENCODER, {})
