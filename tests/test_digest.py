"""A file is used only when its content is what was meant."""

import hashlib

import pytest

from facerec.digest import read_verified, sha256, verify_digest
from facerec.errors import DamagedFile, MissingPart


def test_the_right_content_is_returned(tmp_path):
    (tmp_path / "weights").write_bytes(b"abc" * 1000)
    expected = hashlib.sha256(b"abc" * 1000).hexdigest()
    assert read_verified(tmp_path / "weights", expected) == b"abc" * 1000
    assert read_verified(tmp_path / "weights", expected.upper())


def test_every_flipped_bit_is_noticed():
    content = b"ten bytes!"
    expected = sha256(content)
    verify_digest(content, expected, "it")
    for bit in range(80):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedFile, match="it is not what was expected"):
            verify_digest(bytes(flipped), expected, "it")


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read_is_missing(tmp_path, name):
    with pytest.raises(MissingPart, match="cannot be read"):
        read_verified(tmp_path / name, "00")
