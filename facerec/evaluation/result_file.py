"""A measurement as a file that can be checked later: the figures, and on what they were made."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.evaluation.checkout import commit
from facerec.replacing import replacing
from facerec.version import VERSION

SCHEMA = 1
PARTS = ("numpy", "onnxruntime", "pillow")


def with_circumstances(result: dict[str, Any]) -> dict[str, Any]:
    """The result, the schema of its file, and under `made_by` the program, its commit, the machine and the time."""
    made_by = {
        "facerec": VERSION,
        "commit": commit(),
        "python": platform.python_version(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "parts": {part: version(part) for part in PARTS},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {**result, "schema": SCHEMA, "made_by": made_by}


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write the result with its circumstances as JSON, replacing the file whole. Raises what `write_text` raises."""
    write_complete(path, with_circumstances(result))


def write_complete(path: Path, complete: dict[str, Any]) -> None:
    """The same for a result that has its circumstances already."""
    write_text(path, json.dumps(complete, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises InvalidInput where that cannot be done."""
    try:
        with replacing(path) as fresh:
            fresh.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be written: {error.strerror}") from error


def read_result(path: Path) -> dict[str, Any]:
    """A result that was written before. Raises MissingPart without the file, DamagedFile for no such content."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingPart(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DamagedFile(f"{str(path)!r} is no JSON: {error}") from error
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        raise DamagedFile(f"{str(path)!r} is no result of schema {SCHEMA}, as `facerec evaluate -o` writes it")
    return result


def processor() -> str:
    """The processor's own name where the system tells it."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
