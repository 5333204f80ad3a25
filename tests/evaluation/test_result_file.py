"""A result says what it was made on, and reads back; what is no result is told."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.evaluation.checkout import commit
from facerec.evaluation.data_digest import digest_pictures
from facerec.evaluation.result_file import read_result, write_result

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_a_result_reads_back_with_its_circumstances(tmp_path: Path) -> None:
    write_result(tmp_path / "new" / "result.json", {"auc": 0.5})
    result = read_result(tmp_path / "new" / "result.json")
    assert result["auc"] == 0.5 and result["made_by"].keys() >= {"facerec", "commit", "processor", "cores", "at"}


@pytest.mark.parametrize("name", ["lfw.json", "lfw-identification.json"])
def test_results_from_before_still_read(name: str) -> None:
    assert read_result(RESULTS / name)["schema"] == 1


def test_what_is_no_result_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingPart):
        read_result(tmp_path)
    for text in ("{", "[1]", '{"schema": 99}', "\xff"):
        (tmp_path / "other.json").write_text(text, encoding="latin-1")
        with pytest.raises(DamagedFile):
            read_result(tmp_path / "other.json")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_result(tmp_path, {})  # a folder


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    ran = subprocess.run(["git", "-C", folder, *identity, *words], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_the_commit_is_told_only_of_a_package_that_git_tracks(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    assert commit(package) is None
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    assert commit(package) is None  # such as one installed below somebody's checkout
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(package) == head
    (package / "__init__.py").write_text("changed = True")
    assert commit(package) == head + "+"


def test_the_digest_of_pictures_is_what_sha256sum_would_give(tmp_path: Path) -> None:
    for name, content in (("b/1.jpg", b"two"), ("a/1.jpg", b"one")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    lines = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n"
                    for name, content in (("a/1.jpg", b"one"), ("b/1.jpg", b"two")))  # fmt: skip
    expected = hashlib.sha256(lines.encode()).hexdigest()
    assert digest_pictures(tmp_path, ["b/1.jpg", "a/1.jpg"]) == expected
    with pytest.raises(MissingPart):
        digest_pictures(tmp_path, ["c/1.jpg"])
