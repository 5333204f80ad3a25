"""Hand-made filters beside SciPy and scikit-image, on two real pictures."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import skimage.filters
import sklearn.datasets

from facerec.cnn.filters import FILTERS, convolve, cross_correlate, edge_maps, edge_strength, grey
from facerec.errors import InvalidInput

PICTURES = ["china.jpg", "flower.jpg"]


@pytest.fixture(scope="module", params=PICTURES)
def picture(request: pytest.FixtureRequest) -> np.ndarray:
    return sklearn.datasets.load_sample_image(request.param)


def inner(values: np.ndarray) -> np.ndarray:
    """Without the border of a pixel, where libraries invent what lies outside."""
    return values[1:-1, 1:-1]


def test_every_filter_is_scipys_correlation(picture: np.ndarray) -> None:
    levels = grey(picture)
    for name, found in edge_maps(picture).items():
        assert found.shape == (picture.shape[0] - 2, picture.shape[1] - 2)
        assert np.allclose(found, inner(scipy.ndimage.correlate(levels, FILTERS[name])), atol=1e-4)


@pytest.mark.parametrize(
    "name, theirs",
    [
        ("vertical", lambda x: scipy.ndimage.prewitt(x, axis=1)),
        ("horizontal", lambda x: scipy.ndimage.prewitt(x, axis=0)),
        ("sobel_vertical", lambda x: scipy.ndimage.sobel(x, axis=1)),
        ("sobel_horizontal", lambda x: scipy.ndimage.sobel(x, axis=0)),
        ("vertical", lambda x: 3 * skimage.filters.prewitt_v(x)),
        ("sobel_vertical", lambda x: 4 * skimage.filters.sobel_v(x)),
        ("sobel_horizontal", lambda x: 4 * skimage.filters.sobel_h(x)),
        ("scharr_vertical", lambda x: 16 * skimage.filters.scharr_v(x)),
        ("scharr_horizontal", lambda x: 16 * skimage.filters.scharr_h(x)),
    ],
)
def test_edges_are_theirs(picture: np.ndarray, name: str, theirs: object) -> None:
    """scikit-image scales the smoothing along the edge to a sum of 1."""
    expected = inner(theirs(grey(picture)))  # type: ignore[operator]
    assert np.allclose(cross_correlate(grey(picture), FILTERS[name]), expected, atol=1e-4)


def test_strength_is_scikit_images_sobel(picture: np.ndarray) -> None:
    maps = edge_maps(picture)
    strength = edge_strength(maps["sobel_vertical"], maps["sobel_horizontal"])
    assert np.allclose(strength, inner(4 * np.sqrt(2) * skimage.filters.sobel(grey(picture))), atol=1e-4)


def test_convolution_turns_the_filter_and_correlation_does_not() -> None:
    rng = np.random.default_rng(0)
    values, kernel = rng.random((12, 9)), rng.random((4, 3))
    assert np.allclose(convolve(values, kernel), scipy.signal.convolve2d(values, kernel, mode="valid"), atol=1e-5)
    assert np.allclose(
        cross_correlate(values, kernel), scipy.signal.correlate2d(values, kernel, mode="valid"), atol=1e-5
    )
    assert not np.allclose(convolve(values, kernel), cross_correlate(values, kernel), atol=0.1)


def test_an_edge_filter_turned_by_half_a_turn_changes_its_sign() -> None:
    values = np.random.default_rng(1).random((8, 8))
    for kernel in FILTERS.values():
        assert np.allclose(convolve(values, kernel), -cross_correlate(values, kernel), atol=1e-5)


def test_a_step_to_the_light_is_above_zero() -> None:
    """Six dark columns, then light ones: the 6 x 6 example of many courses, with the lighter side to the right."""
    step = np.repeat([[0, 0, 0, 10, 10, 10]], 6, axis=0).astype(np.float32)
    assert cross_correlate(step, FILTERS["vertical"]).tolist() == [[0, 30, 30, 0]] * 4
    assert cross_correlate(step, FILTERS["horizontal"]).tolist() == [[0, 0, 0, 0]] * 4
    assert cross_correlate(step.T, FILTERS["sobel_horizontal"])[:, 0].tolist() == [0, 40, 40, 0]
    assert cross_correlate(step, FILTERS["scharr_vertical"])[0].tolist() == [0, 160, 160, 0]


def test_grey_weighs_the_colours() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], np.uint8)
    assert np.allclose(grey(colours), [[0.299, 0.587, 0.114, 1, 0]], atol=1e-6)


def test_a_filter_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not fit"):
        cross_correlate(np.zeros((2, 9)), np.zeros((3, 3)))
