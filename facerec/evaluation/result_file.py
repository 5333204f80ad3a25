"""A measurement as a file that can be checked later: the figures, and on what they were made."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facerec.replacing import replacing
from facerec.version import VERSION

SCHEMA = 1
PARTS = ("numpy", "onnxruntime", "pillow")


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write the result with its circumstances as JSON, replacing the file whole."""
    made_by = {
        "facerec": VERSION,
        "python": platform.python_version(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "parts": {part: version(part) for part in PARTS},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with replacing(path) as fresh:
        fresh.write_text(
            json.dumps({**result, "schema": SCHEMA, "made_by": made_by}, indent=2) + "\n", encoding="utf-8"
        )


def processor() -> str:
    """The processor's own name where the system tells it."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
