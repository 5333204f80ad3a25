"""Which encoder a gallery uses: switching, going back, and what is refused."""

import json
import shutil

import pytest

from facerec.errors import EncoderMismatch, InvalidInput
from facerec.faces.encoder import PACKAGED, Card
from facerec.gallery import open_gallery
from facerec.recognition.encoder_in_use import encoder_in_use, switch_back, switch_to
from tests.gallery.conftest import template_of

DEFAULT = Card.read(PACKAGED["default"])


@pytest.fixture
def gallery(tmp_path):
    opened = open_gallery(tmp_path / "gallery.db")
    opened.enroll([template_of("Anna", 1, DEFAULT.digest)])
    return opened


@pytest.fixture
def other(tmp_path):
    """Another encoder's folder, of which nothing but the card is read here."""
    folder = tmp_path / "other"
    folder.mkdir()
    write_card(folder, "a" * 64)
    return folder


def write_card(folder, digest):
    facts = json.loads((PACKAGED["default"] / "card.json").read_text())
    facts["digest"] = digest
    text = json.dumps({**facts, "name": "other"}).replace(DEFAULT.digest, digest)
    (folder / "card.json").write_text(text)


def test_the_packaged_one_until_another_is_switched_to_and_back_in_one_step(gallery, other):
    assert encoder_in_use(gallery) == "default"
    gallery.add_templates("a" * 64, {1: template_of("", 2).embedding})
    assert switch_to(gallery, other).name == "other" and encoder_in_use(gallery) == str(other)
    assert encoder_in_use(open_gallery(str(gallery))) == str(other)
    assert switch_back(gallery).digest == DEFAULT.digest and encoder_in_use(gallery) == "default"
    assert switch_back(gallery).name == "other"


def test_not_before_every_face_has_a_template(gallery, other):
    with pytest.raises(InvalidInput, match=r"1 would not be found; .*gallery migrate --to"):
        switch_to(gallery, other)
    assert encoder_in_use(gallery) == "default"
    switch_to(gallery, other, is_incomplete_meant=True)
    assert encoder_in_use(gallery) == str(other)


def test_there_is_nothing_to_go_back_to_at_first(gallery):
    with pytest.raises(InvalidInput, match="nothing to go back to"):
        switch_back(gallery)


def test_an_encoder_that_was_changed_in_its_folder_is_not_used_in_silence(gallery, other):
    switch_to(gallery, other, is_incomplete_meant=True)
    write_card(other, "b" * 64)
    with pytest.raises(EncoderMismatch, match="lies by now"):
        encoder_in_use(gallery)
    shutil.rmtree(other)
    with pytest.raises(InvalidInput, match="no encoder"):
        encoder_in_use(gallery)
