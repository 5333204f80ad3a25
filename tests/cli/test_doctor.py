"""`facerec doctor`, `encoders` and the help: what is here, and is it what it should be?"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from facerec.cli.main import COMMANDS
from facerec.faces.encoder import PACKAGED
from facerec.gallery.exchange import sealed


def test_doctor_finds_everything_well(facerec) -> None:
    ran = facerec("doctor", "--json")
    assert ran.status == 0
    assert [answer["part"] for answer in ran.answers] == [
        "facerec",
        "inference engine",
        "detector",
        "encoder",
        "gallery",
    ]
    assert {answer["outcome"] for answer in ran.answers} == {"ok"}


def test_doctor_finds_a_changed_encoder_and_a_broken_gallery(facerec, tmp_path: Path) -> None:
    encoder = shutil.copytree(PACKAGED["default"], tmp_path / "encoder")
    weights = encoder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00\x00")
    (tmp_path / "gallery.db").write_bytes(b"this is no database at all" * 100)
    ran = facerec("doctor", "--encoder", encoder)
    assert ran.status == 2
    assert "WRONG  encoder: " in ran.out and "WRONG  gallery: " in ran.out


def test_doctor_repairs_what_needs_no_backup(facerec, tmp_path: Path) -> None:
    assert facerec("doctor", "--repair").status == 0  # nothing there, nothing to do
    people = tmp_path / "people.jsonl"
    facerec("gallery", "import", empty_export(people))
    with closing(sqlite3.connect(tmp_path / "gallery.db")) as connection, connection:
        connection.execute("UPDATE meta SET generation = 9")
    assert "WRONG  gallery: " in facerec("doctor").out
    ran = facerec("doctor", "--repair", "--json")
    assert ran.status == 0
    assert ran.answers[0]["reason"] == "the gallery's generation was counted again"
    (tmp_path / "gallery.db").write_bytes(b"hello" * 1000)
    ran = facerec("doctor", "--repair")
    assert ran.status == 2 and "WRONG  repair: " in ran.out


def test_a_folder_that_cannot_be_listed_is_told_in_one_line(facerec, tmp_path: Path, monkeypatch) -> None:
    facerec("gallery", "import", empty_export(tmp_path / "people.jsonl"))
    listed = os.scandir

    def refuses(folder: str | Path = "."):
        if Path(folder) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr("facerec.gallery.snapshots.os.scandir", refuses)
    for words in (("doctor",), ("doctor", "--repair")):
        ran = facerec(*words)
        assert ran.status == 2 and f"WRONG  gallery: the folder {tmp_path} cannot be used: Permission denied" in ran.out
    assert facerec("gallery", "list").status == 0
    assert "cannot be used: Permission denied" in ran.out.partition("WRONG  repair: ")[2].splitlines()[0]


def empty_export(path: Path) -> Path:
    """An export without people, which makes a gallery."""
    head = sealed({"kind": "gallery", "format": 1})
    end = {"kind": "end", "lines": 1, "sha256": hashlib.sha256(head).hexdigest()}
    path.write_bytes(head + json.dumps(end).encode() + b"\n")
    return path


def test_encoders_lists_the_packaged_thresholds(facerec) -> None:
    ran = facerec("encoders")
    assert ran.status == 0 and ran.out.startswith("default  ") and "FMR 0.001: threshold 0." in ran.out
    assert facerec("encoders", "--json").answers[0]["operating_points"]["points"]


def test_every_command_explains_itself(facerec) -> None:
    for name in COMMANDS:
        ran = facerec(name, "--help")
        assert ran.status == 0 and len(ran.out) > 150, name
    listed = facerec("--help").out.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line] == [*COMMANDS]


def test_an_unknown_command_is_wrong_use(facerec) -> None:
    ran = facerec("verfy")
    assert ran.status == 2 and "No such command 'verfy'" in ran.err


def test_a_bug_does_not_look_like_no_match(tmp_path: Path) -> None:
    code = "import sys; from facerec.cli.main import fail; sys.excepthook = fail; 1 / 0"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and "ZeroDivisionError" in ran.stderr
