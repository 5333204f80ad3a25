"""Verifying by the cosine and by a binary head: each at its own thresholds, also against enrolled templates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.faces.head import BinaryHead
from facerec.gallery import open_gallery
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition import Recognizer
from facerec.recognition.heads import HEADS, Cosine, head_named
from facerec.records import DIM, Float32
from tests.fakes import ANNA, BERT, ENCODER, picture, pipeline, points, save_picture

STRICT, LOOSE = points((1e-3, 0.9)), points((1e-3, 0.1))


@dataclass
class Card:
    operating_points: OperatingPoints
    probability: None = None


@dataclass
class Exported:
    """As much of an encoder as choosing a head asks for."""

    folder: Path
    digest: str = ENCODER

    @property
    def card(self) -> Card:
        return Card(LOOSE)


def binary_head(operating_points: OperatingPoints = STRICT) -> BinaryHead:
    weight = np.full(DIM, -1, np.float32)
    return BinaryHead("manhattan", weight, 6.0, ENCODER, {"operating_points": operating_points.as_dict()})


def test_the_cosine_is_the_product_of_unit_rows() -> None:
    rows = np.eye(DIM, dtype=np.float32)[:3]
    assert np.array_equal(Cosine(LOOSE)(rows, rows[:2]), np.eye(3, 2))


def test_heads_by_name(tmp_path: Path) -> None:
    assert head_named("cosine", Exported(tmp_path)).points == LOOSE
    with pytest.raises(MissingPart, match="no binary head"):
        head_named("binary", Exported(tmp_path))
    binary_head().write(tmp_path)
    assert head_named("binary", Exported(tmp_path)).points == STRICT
    with pytest.raises(InvalidInput, match="no head 'sigmoid'; known: cosine, binary"):
        head_named("sigmoid", Exported(tmp_path))
    assert set(HEADS) == {"cosine", "binary"}


def test_two_pictures_are_judged_by_the_head_at_its_own_threshold() -> None:
    by_head = Recognizer(pipeline(), LOOSE, head=binary_head())
    same, other = (by_head.verify(picture(ANNA), picture(who)) for who in (ANNA, BERT))
    assert same.similarity == pytest.approx(1 / (1 + np.exp(-6))) and same.outcome == "match"
    assert 0 < other.similarity < 0.1 and other.outcome == "no_match" and other.point == STRICT.at_fmr(1e-3)
    by_cosine = Recognizer(pipeline(), LOOSE)
    assert by_cosine.verify(picture(ANNA), picture(BERT)).point == LOOSE.at_fmr(1e-3)


class Seen:
    """A head that remembers what it was asked, and takes the second template for the likest."""

    points = replace(STRICT)

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def __call__(self, a: Float32, b: Float32, /) -> Float32:
        self.asked.append((len(a), len(b)))
        return np.array([[0.2], [0.95]], np.float32)


def test_a_probe_is_scored_against_every_template_of_a_precomputed_gallery(tmp_path: Path) -> None:
    gallery = open_gallery(tmp_path / "gallery.db", True)
    first = save_picture(tmp_path / "1.png", ANNA)
    second = save_picture(tmp_path / "2.png", ANNA, None)
    cosine = Recognizer(pipeline(), LOOSE, gallery)
    assert [one.outcome for one in cosine.enroll("Anna", [first, second])] == ["enrolled", "enrolled"]
    seen = Seen()
    answer = Recognizer(pipeline(), LOOSE, gallery, head=seen).verify_subject("Anna", picture(ANNA))
    assert seen.asked == [(2, 1)] and answer.similarity == pytest.approx(0.95)
    assert answer.point == STRICT.at_fmr(1e-3)  # not the gallery's own point, which is of the cosine
    assert cosine.verify_subject("Anna", picture(ANNA)).point.threshold == LOOSE.at_fmr(1e-3).threshold
