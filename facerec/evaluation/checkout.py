"""Which state of the program made a result, where it runs from a git checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
SECONDS = 10


def commit(package: Path = PACKAGE) -> str | None:
    """The commit that this package is checked out at, `+` behind it where files differ from it.

    None where the package is no tracked part of a git checkout, or git is not there.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head, changed = _git(package, "rev-parse", "HEAD"), _git(package, "status", "--porcelain", "--", ".")
    return None if head is None else head + ("+" if changed else "")


def _git(folder: Path, *words: str) -> str | None:
    """What git says, or None where it fails."""
    try:
        ran = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
