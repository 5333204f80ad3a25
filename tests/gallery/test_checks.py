"""What may enter the gallery."""

from dataclasses import replace

import numpy as np
import pytest

from facerec.errors import InvalidInput
from facerec.gallery.checks import clean_name, clean_refusal, clean_source, clean_template, require_operating_point
from facerec.gallery.results import Refusal
from facerec.records import OperatingPoint

ODD_BUT_FINE = [
    "'; DROP TABLE subject; --",
    '"; DELETE FROM face',
    "%_",
    "Anna",
    "Robert'); SELECT * FROM subject",
    "مريم",
    "李小龍",
    "👩‍👩‍👧",
    "O'Brien, Jr.",
    "x" * 200,
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "None",
    "0",
]


@pytest.mark.parametrize("name", ODD_BUT_FINE)
def test_an_odd_name_is_a_name(name):
    assert clean_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", " Anna", "Anna ", "a\0b", "a\nb", "a\x1b[31mb", "a\x7fb", "a\u2028b", "a\udce9b", "x" * 201],
)
def test_a_name_that_cannot_be_shown_or_stored_is_refused(name):
    with pytest.raises(InvalidInput):
        clean_name(name)


def test_two_ways_of_typing_a_letter_are_one_name():
    assert clean_name("Zoe\u0308") == clean_name("Zo\u00eb")


def test_a_source_keeps_bytes_that_are_no_utf8_as_escapes():
    assert clean_source(b"caf\xe9.jpg".decode("utf-8", "surrogateescape")) == "caf\\udce9.jpg"
    with pytest.raises(InvalidInput):
        clean_source("a\0b")


@pytest.mark.parametrize(
    "change",
    [
        {"embedding": np.zeros(128, np.float32)},
        {"embedding": np.full(128, np.nan, np.float32)},
        {"embedding": np.full(128, np.inf, np.float32)},
        {"embedding": np.ones(128, np.float32)},
        {"embedding": np.ones(127, np.float32) / np.sqrt(127, dtype=np.float32)},
        {"embedding": np.eye(128)[0]},
        {"encoder": "resnet"},
        {"encoder": "A" * 64},
        {"image_sha256": "0" * 63},
        {"box": (0.0, 0.0, 0.0, 5.0)},
        {"box": (0.0, 0.0, float("nan"), 5.0)},
        {"box": (0.0, 0.0, float("inf"), 5.0)},
        {"quality": {"beauty": 1.0}},
        {"quality": {"score": float("nan")}},
        {"subject": ""},
        {"source": "a\0b"},
    ],
)
def test_f29_a_template_with_one_wrong_field_is_refused(make, change):
    clean_template(make())
    with pytest.raises(InvalidInput):
        clean_template(replace(make(), **change))


@pytest.mark.parametrize(
    "change",
    [{"reason": ""}, {"reason": "x" * 41}, {"pipeline": "x" * 201}, {"image_sha256": "x"}, {"subject": "\n"}],
)
def test_a_refusal_with_one_wrong_field_is_refused(change):
    refusal = Refusal("Anna", "a.jpg", "0" * 64, "no_face", "mtcnn")
    assert clean_refusal(refusal) == refusal
    with pytest.raises(InvalidInput):
        clean_refusal(replace(refusal, **change))


@pytest.mark.parametrize(
    "change",
    [{"threshold": np.nan}, {"fmr": -0.1}, {"fmr": 1.1}, {"impostors": 0}, {"subjects": 0}, {"encoder": ""}],
)
def test_an_operating_point_without_evidence_is_refused(encoder, change):
    point = OperatingPoint(0.0, 0.001, 3000, 100, encoder, "people outside the training set")
    require_operating_point(point)
    with pytest.raises(InvalidInput):
        require_operating_point(replace(point, **change))
