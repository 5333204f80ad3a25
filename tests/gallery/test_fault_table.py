"""docs/gallery.md names a test for every fault, and every one that it names is there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROWS = re.findall(r"^\| (F\d+[^|]*) \| (.*) \|$", (ROOT / "docs" / "gallery.md").read_text("utf-8"), re.MULTILINE)

LOOKED_AT = ("holds", "must_hold", "must_hold_on_server", "rounds.run", "is_as_stored", "is_as_acknowledged")
"""What a test says that looks at V1 to V6 of the gallery that the fault leaves."""

WITHOUT_A_GALLERY = {
    "test_checks.py": "templates that are refused before there is a gallery",
    "test_kinds.py": "an index by itself",
    "test_f15_": "a file that is refused before a gallery is asked",
    "test_f16_": "a file that is refused before a gallery is asked",
    "test_f17_": "a file that is refused before a gallery is asked",
    "test_f11_f12_a_disk_that_refuses": "a snapshot with no gallery, written again and again",
    "test_f20_a_file_that_is_no_database": "there is no gallery",
    "test_f20_a_damaged_page": "the gallery is damaged, and was left so",
    "test_f21_sqlite_alone": "the gallery is mixed up, which is why its log is looked at",
    "test_f21_a_log_that_is_newer": "refused, and left as it was",
    "test_f34_a_ledger": "refused, and left as it was",
    "test_f46_what_was_not_sealed": "the templates are tampered with, and were left so",
}


def test_every_gallery_that_a_fault_leaves_is_looked_at() -> None:
    """By the one function that knows what must hold."""
    missing = []
    for file in HERE.glob("test_*.py"):
        for test in re.split(r"^(?=def |@|class )", file.read_text("utf-8"), flags=re.MULTILINE):
            name = re.match(r"def (test_f\d\w+)\(", test)
            excused = name and any(file.name == one or name[1].startswith(one) for one in WITHOUT_A_GALLERY)
            if name and not excused and not any(f"{one}(" in test for one in LOOKED_AT):
                missing.append(f"{file.name}::{name[1]}")
    assert missing == [], missing


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
