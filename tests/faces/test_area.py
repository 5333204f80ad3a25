"""Resizing by area against means taken one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facerec.faces.area import crops, resized, running_sums, shrink, windows


def slow_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mean under every output pixel, straight from the definition."""
    out = np.empty((height, width, 3))
    for y in range(height):
        for x in range(width):
            top, bottom = y * len(image) // height, -(-(y + 1) * len(image) // height)
            left, right = x * image.shape[1] // width, -(-(x + 1) * image.shape[1] // width)
            out[y, x] = image[top:bottom, left:right].mean(axis=(0, 1))
    return out


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_windows_share_a_pixel_where_the_cut_falls_inside_one():
    first, past = windows(np.array([10]), np.array([15]), 2)
    assert first.tolist() == [[10, 12]]
    assert past.tolist() == [[13, 15]]


@settings(max_examples=40, deadline=None)
@given(*[st.integers(1, 40)] * 4)
def test_resizing_means_what_it_says(height, width, out_height, out_width):
    image = noise(height, width)
    means = resized(running_sums(image), out_height, out_width)
    assert means.dtype == np.float32
    assert not means[..., 3].any()
    np.testing.assert_allclose(means[..., :3], slow_resize(image, out_height, out_width), atol=1e-4)


def test_a_crop_is_the_resized_part_of_the_picture():
    image = noise(50, 70)
    boxes = np.array([[0, 0, 70, 50], [3, 5, 40, 41], [69, 49, 70, 50], [10, 10, 14, 48]])
    for box, crop in zip(boxes, crops(running_sums(image), boxes, 24), strict=True):
        part = image[box[1] : box[3], box[0] : box[2]]
        np.testing.assert_allclose(crop[..., :3], slow_resize(part, 24, 24), atol=1e-4)


def test_sums_that_pass_32_bits_still_give_the_right_means():
    white = np.full((4200, 4200, 3), 255, np.uint8)  # 255 * 4200^2 > 2^32
    table = running_sums(white)
    assert table[-1, -1, 0] != 255 * 4200**2
    np.testing.assert_allclose(resized(table, 7, 5)[..., :3], 255, rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 20), (100, 160)])
def test_shrinking_in_strips_is_resizing_rounded(size):
    image = noise(100, 160)
    small = shrink(image, *size)
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small, slow_resize(image, *size), atol=0.5 + 1e-4)
