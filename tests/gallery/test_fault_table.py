"""docs/gallery.md names a test for every fault, and every one that it names is there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROWS = re.findall(r"^\| (F\d+[^|]*) \| (.*) \|$", (ROOT / "docs" / "gallery.md").read_text("utf-8"), re.MULTILINE)


def test_every_fault_has_a_row() -> None:
    numbers = [int(number) for fault, _ in ROWS for number in re.findall(r"F(\d+)", fault)]
    assert numbers == list(range(1, 51))


def test_every_named_test_is_there() -> None:
    missing = []
    for fault, words in ROWS:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", words)
        assert named or "not yet: " in words, fault
        for file, test in named:
            path = ROOT / file if "/" in file else HERE / file
            if f"def {test}(" not in path.read_text("utf-8"):
                missing.append(f"{fault}: {file}::{test}")
    assert missing == []
