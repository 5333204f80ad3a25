"""Embeddings as bytes: exact there and back, and nothing unsound comes back."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facerec.gallery.codec import EMBEDDING_BYTES, from_bytes, to_bytes
from facerec.records import require_embeddings, unit

ROW = unit(np.random.default_rng(0).standard_normal((1, 128)))[0]


def test_bytes_are_little_endian_floats_in_order():
    assert to_bytes(ROW) == struct.pack("<128f", *ROW.tolist())
    rows, sound = from_bytes([to_bytes(ROW), to_bytes(-ROW)])
    np.testing.assert_array_equal(rows, [ROW, -ROW])
    assert sound.all() and rows.dtype == np.float32


def test_nothing_decodes_to_nothing():
    rows, sound = from_bytes([])
    assert rows.shape == (0, 128) and sound.shape == (0,)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        bytes(EMBEDDING_BYTES),
        to_bytes(ROW)[:-1],
        to_bytes(ROW) + b"\0",
        to_bytes(2 * ROW),
        to_bytes(np.full(128, np.nan, np.float32)),
        to_bytes(np.full(128, np.inf, np.float32)),
        "x" * EMBEDDING_BYTES,
        None,
    ],
)
def test_a_bad_row_is_marked_and_its_neighbours_are_not(bad):
    rows, sound = from_bytes([to_bytes(ROW), bad, to_bytes(ROW)])
    assert sound.tolist() == [True, False, True]
    np.testing.assert_array_equal(rows[1], np.zeros(128))
    np.testing.assert_array_equal(rows[[0, 2]], [ROW, ROW])


@given(st.lists(st.binary(min_size=510, max_size=514), max_size=4))
def test_whatever_the_bytes_a_sound_row_is_an_embedding(stored):
    rows, sound = from_bytes(stored)
    require_embeddings(rows[sound])


@given(st.floats(0.9985, 1.0015))
def test_what_may_be_written_may_be_read(length):
    scaled = (ROW * np.float32(length))[None]
    try:
        require_embeddings(scaled)
        writable = True
    except ValueError:
        writable = False
    assert from_bytes([to_bytes(scaled[0])])[1].item() == writable
