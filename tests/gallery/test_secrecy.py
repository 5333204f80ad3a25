"""The search for secrets finds each of them, in every place: a test that could not fail would say nothing."""

import base64
import logging
import os
import shutil
import signal
import sys

import pytest

from facerec.errors import InvalidInput
from facerec.gallery.codec import to_bytes
from facerec.gallery.keys import add_key, find_keys
from tests.gallery.secrecy import hearing, nothing_lies_about, nothing_was_said

log = logging.getLogger("facerec.gallery.anything")


@pytest.fixture(autouse=True)
def secrets_are_kept() -> None:
    """Not here: these tests tell them on purpose."""


@pytest.fixture
def secrets(tmp_path, monkeypatch, make) -> dict[str, bytes]:
    """A key and a template."""
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "keys" / "gallery.key"))
    add_key(tmp_path / "keys" / "gallery.key")
    return {"key": find_keys().newest.secret, "template": to_bytes(make("Anna", 1).embedding)}


FORMS = {
    "hex": lambda secret: secret.hex(),
    "base64": lambda secret: base64.b64encode(secret).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret).decode(),
    "Python": repr,
}


def raised(words: str) -> None:
    with pytest.raises(InvalidInput):
        raise InvalidInput(words)


WAYS = {
    "logged": lambda words: log.debug("what came: %s", words),
    "the message of an error": raised,
    "stderr": lambda words: print(words, file=sys.stderr),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["key", "template"])
def test_what_is_said_is_heard(tmp_path, secrets, secret, form, way):
    with hearing(tmp_path):
        WAYS[way]("nothing in particular")
        nothing_was_said([secrets["template"]], ["Anna"])
        WAYS[way](FORMS[form](secrets[secret]))
        with pytest.raises(AssertionError):
            nothing_was_said([secrets["template"]], ["Anna"])


def test_numbers_of_a_template_and_names_in_the_log_are_heard(tmp_path, make):
    template = make("Anna", 1)
    with hearing(tmp_path / ".."):
        log.warning("a gallery of Annas was looked at")
        nothing_was_said([to_bytes(template.embedding)], ["Anna"])
        for words in (f"{template.embedding.tolist()}", f"{template.embedding[:3]!r}"):
            raised(words)
            with pytest.raises(AssertionError):
                nothing_was_said([to_bytes(template.embedding)], [])
    with hearing(tmp_path):
        raised("Anna is not enrolled")  # an answer to whoever gave the name
        nothing_was_said([], ["Anna"])
        log.info("Anna was looked at")
        with pytest.raises(AssertionError):
            nothing_was_said([], ["Anna"])


def test_a_process_that_was_killed_is_heard(tmp_path, child, secrets):
    def speak() -> None:
        log.warning("%r", secrets["key"])
        os.kill(os.getpid(), signal.SIGKILL)

    with hearing(tmp_path):
        assert child(speak)[0] < 0
        with pytest.raises(AssertionError):
            nothing_was_said([], [])


def test_a_key_that_was_used_once_is_looked_for_still(tmp_path, gallery, secrets, monkeypatch):
    pytest.importorskip("cryptography")
    with hearing(tmp_path):
        gallery.encrypt()
        monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "keys" / "another.key"))
        raised(secrets["key"].hex())
        with pytest.raises(AssertionError):
            nothing_was_said([], [])


@pytest.mark.parametrize("name", ["gallery.db.erased", "gallery.db-shm", ".gallery.db.part", "notes.txt"])
def test_a_key_or_a_template_that_lies_about_is_found(gallery, path, make, name, secrets):
    gallery.enroll([make("Anna", 1)])
    nothing_lies_about(path, [secrets["template"]], is_sealed=False)
    file = path.with_name(name)
    for secret in ("key", "template"):
        file.write_bytes(b"before" + secrets[secret] + b"after")
        if (secret, name) == ("template", "notes.txt"):  # an export, say: not the gallery's own
            nothing_lies_about(path, [secrets["template"]], is_sealed=False)
        else:
            with pytest.raises(AssertionError):
                nothing_lies_about(path, [secrets["template"]], is_sealed=False)


def test_a_plain_template_in_a_file_of_an_encrypted_gallery_is_found(gallery, path, make, tmp_path, secrets):
    pytest.importorskip("cryptography")
    gallery.enroll([make("Anna", 1)])
    shutil.copy(path, tmp_path / "plain")
    gallery.encrypt()
    nothing_lies_about(path, [secrets["template"]], is_sealed=True)
    (tmp_path / "plain").rename(path)
    with pytest.raises(AssertionError):
        nothing_lies_about(path, [secrets["template"]], is_sealed=True)
