"""On which pictures a figure was made: digests that another copy of the data can be held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facerec.digest import sha256
from facerec.errors import MissingPart
from facerec.evaluation.plans import Shown


def digest_file(path: Path) -> str:
    """The sha256 of a file, hex. Raises MissingPart where it cannot be read."""
    try:
        return sha256(path.read_bytes())
    except OSError as error:
        raise MissingPart(f"{str(path)!r} cannot be read: {error.strerror}") from error


def digest_pictures(folder: Path, names: Sequence[str]) -> str:
    """One sha256 over the names and contents of pictures in a folder, whatever the order of `names`.

    That is the digest of what `sha256sum` prints for them from within the folder, sorted by name.
    """
    return _digest([(name, folder / name) for name in names])


def digest_shown(shown: Sequence[Shown]) -> str:
    """The same for pictures of a plan, each called `subject/file`."""
    return _digest([(one.name, one.picture) for one in shown])


def _digest(named: Sequence[tuple[str, Path]]) -> str:
    lines = [f"{digest_file(path)}  {name}\n" for name, path in sorted(named)]
    return sha256("".join(lines).encode())
