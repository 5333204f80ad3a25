"""The tables of `docs/scaling.md`: what so many templates need, by arithmetic on measured bytes and times.

python scripts/scaling_page.py          prints them; tests/test_scaling_page.py compares them with the page
python scripts/scaling_page.py --write  puts them there
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "docs" / "results"
SIZES = (10**5, 10**6, 10**7, 10**8, 10**9)

EMBEDDING, IDS = 512, 16
"""Bytes: 128 float32, and the ids of template and subject beside them."""
HNSW_LINKS = 2 * 32 * 4
"""Bytes: HNSW32 keeps 64 neighbours of four bytes at its lowest level; those above add a thirtieth."""
SQ8 = 128
"""Bytes: one a number."""

MACHINE_RAM, MACHINE_SHARE = 256e9, 0.7
"""Bytes of a server, and the share of them that an index may take."""
MACHINE_BANDWIDTH = 200e9
"""Bytes a second that all of such a server's cores read together; a plain eight-channel DDR4 machine."""
FPIR = 0.01


def size(number: float) -> str:
    """Bytes in words.

    >>> size(52.8e9)
    '53 GB'
    """
    power = min(4, max(0, int(math.log10(number) / 3 + 1e-9)))
    scaled = number / 1000**power
    return f"{scaled:.{0 if scaled >= 9.95 else 1}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def span(seconds: float) -> str:
    """A time in words.

    >>> span(0.0026), span(90)
    ('2.6 ms', '90 s')
    """
    number, unit = (seconds * 1e3, "ms") if seconds < 1 else (seconds, "s")
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"


def many(number: int) -> str:
    """1000000 -> '1e6'."""
    return f"1e{round(math.log10(number))}"


def rows(file: dict, server: dict) -> list[list[str]]:
    """Cells of the table, one row a size, from the figures of a file and of a server."""
    largest = file["sizes"][-1]
    bandwidth = largest["templates"] * EMBEDDING / (largest["search"]["1_probes"]["index_ms"] / 1e3)
    in_file = largest["bytes_of_database"] + largest["start"]["snapshot_bytes"] / largest["templates"]
    on_server = server["server"]["table_bytes"] / server["templates"]
    table = []
    for number in SIZES:
        exact = number * (EMBEDDING + IDS)
        fmr = 1 - (1 - FPIR) ** (1 / number) if number < 10**7 else FPIR / number
        pairs = 3 / fmr
        memory = (exact, exact + number * HNSW_LINKS * 31 / 30, number * (SQ8 + IDS))
        disk = (number * in_file, number * on_server)
        times = (number * EMBEDDING / bandwidth, number * EMBEDDING / MACHINE_BANDWIDTH)
        servers = str(math.ceil(exact / (MACHINE_RAM * MACHINE_SHARE)))
        rates = (f"{fmr:.1e}", f"{math.sqrt(2 * pairs):,.0f}")
        table.append([many(number), *map(size, (*memory, *disk)), *map(span, times), servers, *rates])
    return table


HEAD = (
    *("templates", "memory, exact", "memory, HNSW32", "memory, SQ8", "disk, file and snapshot", "disk, PostgreSQL"),
    *("exact search, one core", "exact search, a server", "servers, exact", "FMR for FPIR 1 %", "people to prove it"),
)


def table() -> str:
    """The table as it stands in the page."""
    cells = [
        list(HEAD),
        ["---"] * len(HEAD),
        *rows(*(json.loads((RESULTS / name).read_text()) for name in ("gallery.json", "servers.json"))),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def write() -> None:
    """Put the table in the place of the one that is in the page."""
    page = RESULTS.parent / "scaling.md"
    before, rest = page.read_text("utf-8").split(f"| {HEAD[0]} | ", 1)
    after = rest.partition("\n\n")[2]
    page.write_text(f"{before}{table()}\n\n{after}", "utf-8")


if __name__ == "__main__":
    write() if "--write" in sys.argv[1:] else print(table())
