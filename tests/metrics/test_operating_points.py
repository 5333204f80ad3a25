"""The table of measured thresholds: read, asked, and refused."""

import json

import pytest

from facerec.errors import InvalidInput
from facerec.metrics.intervals import Interval
from facerec.metrics.operating_points import MeasuredPoint, OperatingPoints
from facerec.records import OperatingPoint


def row(fmr: float, threshold: float, worth: float = 40.0) -> MeasuredPoint:
    point = OperatingPoint(threshold, fmr, 10**6, 500, "ab" * 32, "by hand")
    return MeasuredPoint(fmr, point, 0.1, 100, 10, worth, Interval(0, 2 * fmr), Interval(0.05, 0.2))


TABLE = OperatingPoints((row(1e-3, 0.3), row(1e-4, 0.4), row(1e-5, 0.5, worth=29.0)), ((1e-6, "too few people"),))


def test_the_table_comes_back_from_json_as_it_was() -> None:
    assert OperatingPoints.of(json.loads(json.dumps(TABLE.as_dict()))) == TABLE


def test_a_row_has_the_fields_of_the_record_it_stands_for() -> None:
    first = TABLE.as_dict()["points"][0]
    assert OperatingPoint(**{name: first[name] for name in OperatingPoint.__dataclass_fields__}) == row(1e-3, 0.3).point


def test_a_target_is_found_and_one_that_was_refused_says_why() -> None:
    assert TABLE.at_fmr(1e-4).threshold == 0.4
    with pytest.raises(InvalidInput, match="too few people"):
        TABLE.at_fmr(1e-6)
    with pytest.raises(InvalidInput, match=r"measured: 0.001, 0.0001, 1e-05"):
        TABLE.at_fmr(0.5)


@pytest.mark.parametrize(
    "gallery_size, threshold",
    [
        (1, 0.3),  # an FMR of 1e-2 would do
        (90, 0.4),  # 1.1e-4
        (110, 0.5),  # 9.1e-5: 1e-4 is not strict enough
    ],
)
def test_a_gallery_gets_the_most_permissive_point_that_keeps_its_fpir(gallery_size: int, threshold: float) -> None:
    assert TABLE.for_gallery(gallery_size, 0.01).threshold == threshold


def test_a_gallery_too_large_for_the_measurement_is_told_what_it_takes() -> None:
    with pytest.raises(InvalidInput, match=r"among 2000 .* an FMR of 5\.0e-06.* at least 1094 subjects"):
        TABLE.for_gallery(2000, 0.01)


def test_fewer_than_thirty_errors_are_marked() -> None:
    assert [one.is_uncertain for one in TABLE.rows] == [False, False, True]


@pytest.mark.parametrize("spoil", [{"schema": 2}, {"points": [{"threshold": 0.5}]}])
def test_a_table_that_cannot_be_read_is_refused(spoil: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        OperatingPoints.of(TABLE.as_dict() | spoil)
