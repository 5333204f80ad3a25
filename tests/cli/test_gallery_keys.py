"""`facerec gallery init | new-key | encrypt | rotate-key | move`, as somebody types them who has read nothing."""

from __future__ import annotations

import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from facerec import failpoint
from facerec.cli.gallery_leaving import LOG_IS_LEFT
from facerec.gallery import connect, open_gallery
from facerec.gallery.connect import connect_file
from facerec.gallery.making import make_encrypted
from facerec.records import Template, unit
from tests.gallery.conftest import in_child

pytest.importorskip("cryptography")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key will be; there is none yet."""
    monkeypatch.delenv("FACEREC_GALLERY_KEY", raising=False)
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "keys" / "gallery.key"))
    return tmp_path / "keys" / "gallery.key"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Where the gallery will be: not beside the key."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "faces.db"


def enroll(where: Path) -> None:
    import numpy as np

    embedding = unit(np.ones((1, 128), np.float32))[0]
    open_gallery(where).enroll([Template("Anna", "a.jpg", "a" * 64, (0.0, 0.0, 9.0, 9.0), {}, "e" * 64, embedding)])


def test_a_gallery_is_made_encrypted_and_its_key_changed(facerec, where, tmp_path, key):
    made = facerec("gallery", "init", "--encrypt", "--gallery", where, "--json")
    (answer,) = made.answers
    assert made.status == 0 and answer["gallery"] == str(where) and key.stat().st_mode & 0o777 == 0o600
    assert answer["key_id"] in made.err and "keep a copy" in made.err
    enroll(where)
    new = facerec("gallery", "new-key", "--json").answers[0]
    assert new == {"key_id": new["key_id"], "file": str(key), "schema": 1}
    rotated = facerec("gallery", "rotate-key", "--gallery", where, "--json").answers[0]
    assert (rotated["key_id"], rotated["sealed"], rotated["left"]) == (new["key_id"], 1, 0)
    assert facerec("gallery", "stats", "--gallery", where, "--json").answers[0]["key_id"] == new["key_id"]
    assert new["key_id"] in facerec("gallery", "stats", "--gallery", where).out


def test_a_gallery_is_encrypted_later(facerec, where, tmp_path, key):
    assert facerec("gallery", "init", "--gallery", where).out.strip() == f"{where} is there, not encrypted"
    enroll(where)
    refused = facerec("gallery", "encrypt", "--gallery", where)
    assert refused.status == 2 and "new-key" in refused.err
    facerec("gallery", "new-key")
    done = facerec("gallery", "encrypt", "--gallery", where)
    assert done.status == 0 and "1 templates encrypted" in done.out and "backups" in done.err
    again = facerec("gallery", "encrypt", "--gallery", where)
    assert again.status == 2 and "rotate-key" in again.err
    key.unlink()
    lost = facerec("gallery", "list", "--gallery", where)
    assert lost.status == 2 and "FACEREC_GALLERY_KEY_FILE" in lost.err and "nothing was touched" in lost.err


def test_nothing_is_made_over_what_is_there_and_no_key_for_nothing(facerec, where, tmp_path, key):
    where.write_text("a letter")
    refused = facerec("gallery", "init", "--encrypt", "--gallery", where)
    assert refused.status == 2 and where.read_text() == "a letter" and not key.exists()
    facerec("gallery", "init", "--gallery", tmp_path / "plain.db")
    assert facerec("gallery", "rotate-key", "--gallery", tmp_path / "plain.db").status == 2


def test_a_key_beside_the_gallery_is_refused_before_either_is_made(facerec, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(tmp_path / "gallery.key"))
    refused = facerec("gallery", "init", "--encrypt", "--gallery", tmp_path / "faces.db")
    assert refused.status == 2 and "beside the gallery" in refused.err
    assert list(tmp_path.glob("*.key")) == list(tmp_path.glob("faces.db*")) == []


def test_a_gallery_is_moved(facerec, tmp_path):
    enroll(tmp_path / "old.db")
    moved = facerec("gallery", "move", tmp_path / "new.db", "--gallery", tmp_path / "old.db", "--json")
    (answer,) = moved.answers
    assert (moved.status, answer["subjects"], answer["templates"]) == (0, 1, 1) and "delete the old one" in moved.err
    open_gallery(tmp_path / "old.db").save_setting("index", "server")
    said = facerec("gallery", "move", tmp_path / "other.db", "--gallery", tmp_path / "old.db")
    assert said.out.startswith("1 subject, 1 template; ") and "it is searched exactly now" in said.err
    again = facerec("gallery", "move", tmp_path / "new.db", "--gallery", tmp_path / "old.db")
    assert again.status == 2 and "holds a gallery already" in again.err
    assert facerec("gallery", "move", "postgresql://nobody@localhost:1/x", "--gallery", tmp_path / "old.db").status == 2
    missing = facerec("gallery", "move", tmp_path / "x.db", "--gallery", tmp_path / "typo.db")
    assert missing.status == 2 and not (tmp_path / "x.db").exists()


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_without_the_package_nothing_is_made(facerec, tmp_path, key, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    refused = facerec("gallery", "init", "--encrypt", "--gallery", tmp_path / "faces.db")
    assert refused.status == 2 and "facerec[encryption]" in refused.err
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("point", ["migration.before_commit", "encrypt.sealed", "write.after_commit"])
def test_what_fails_on_the_way_leaves_nothing(where, tmp_path, key, monkeypatch, point):
    monkeypatch.setattr(failpoint, "order", f"{point}:raise")
    with pytest.raises(failpoint.Reached):
        make_encrypted(where)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("point", ["migration.before_commit", "encrypt.sealed", "write.after_commit"])
def test_a_kill_on_the_way_leaves_no_gallery_and_it_can_be_made_again(facerec, where, tmp_path, key, point):
    def killed() -> None:
        failpoint.set_order(f"{point}:kill")
        make_encrypted(where)

    assert in_child(killed)[0] == -signal.SIGKILL and not where.exists()
    assert facerec("gallery", "init", "--encrypt", "--gallery", where, "--json").answers[0]["key_id"]
    assert files_in(tmp_path) == ["data/faces.db", "keys/gallery.key"]


def test_a_reader_that_keeps_the_log_is_said(facerec, where, tmp_path, key, monkeypatch):
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.05)
    enroll(where)
    for command in ("encrypt", "rotate-key"):
        facerec("gallery", "new-key")
        with closing(connect_file(where)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM meta").fetchall()
            done = facerec("gallery", command, "--gallery", where, "--json")
        assert done.status == 0 and done.answers[0]["is_log_empty"] is False and LOG_IS_LEFT in done.err
    again = facerec("gallery", "rotate-key", "--gallery", where, "--json")
    assert again.answers[0]["is_log_empty"] is True and LOG_IS_LEFT not in again.err


def test_a_plain_backup_is_not_restored_over_an_encrypted_gallery_unasked(facerec, where, tmp_path, key):
    kept = tmp_path / "kept.db"
    enroll(where)
    facerec("gallery", "backup", kept, "--gallery", where)
    facerec("gallery", "new-key")
    facerec("gallery", "encrypt", "--gallery", where)
    restore = ("gallery", "restore", kept, "--yes", "--gallery", where)
    refused = facerec(*restore)
    assert refused.status == 2 and "--plain" in refused.err and refused.err.count("facerec: ") == 1
    assert facerec("gallery", "stats", "--gallery", where, "--json").answers[0]["key_id"]
    assert facerec(*restore, "--plain").status == 0
    assert facerec("gallery", "stats", "--gallery", where, "--json").answers[0]["key_id"] is None
