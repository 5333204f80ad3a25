"""How far apart pictures and their copies look."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from skimage import data

from facerec import images
from facerec.curation.copies import NEAR
from facerec.curation.fingerprint import BITS, distances, fingerprint, near_pairs

PICTURES = {"portrait": data.astronaut(), "cat": data.chelsea(), "cup": data.coffee(), "rocket": data.rocket()}


def saved_again(pixels: np.ndarray, side: float, quality: int) -> np.ndarray:
    """Resized, then through a JPEG file."""
    height, width = (round(side * length) for length in pixels.shape[:2])
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).resize((width, height)).save(file, "JPEG", quality=quality)
    return images.decode(file.getvalue())


def apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(distances(fingerprint(a)[None], fingerprint(b)[None])[0, 0])


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("side, quality", [(1, 30), (0.5, 75), (0.3, 75), (2, 90)])
def test_a_copy_resized_or_saved_again_is_near(name: str, side: float, quality: int) -> None:
    assert apart(PICTURES[name], saved_again(PICTURES[name], side, quality)) <= NEAR


def test_other_pictures_are_far() -> None:
    prints = np.array([fingerprint(picture) for picture in PICTURES.values()])
    assert (distances(prints, prints)[~np.eye(len(prints), dtype=bool)] > 2 * NEAR).all()


def test_the_mirror_image_turns_every_bit_of_an_uneven_picture() -> None:
    ramp = np.repeat(np.arange(0, 238, 2, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(32, axis=0)
    assert apart(ramp, ramp[:, ::-1]) == BITS


def test_bits_and_pairs_are_those_counted_one_by_one() -> None:
    rng = np.random.default_rng(0)
    prints = rng.integers(0, 2**64, (700, 4), dtype=np.uint64)
    prints[650] = prints[3] ^ np.uint64(5)  # two bits in each of four words
    slow = sum(int(a ^ b).bit_count() for a, b in zip(prints[0].tolist(), prints[1].tolist(), strict=True))
    assert distances(prints[:1], prints[1:2])[0, 0] == slow
    assert list(near_pairs(prints, 40)) == [(3, 650, 8)]
    assert list(near_pairs(prints[:0], 40)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 3), (16, 17, 3)])
def test_any_size_has_a_fingerprint(shape: tuple[int, int, int]) -> None:
    print_ = fingerprint(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert print_.shape == (4,) and print_.dtype == np.uint64
