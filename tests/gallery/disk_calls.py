"""SQLite's own calls to the disk, seen and disturbed: what it writes, flushes, cuts and deletes, in order.

SQLite reaches the disk through a table of functions (https://www.sqlite.org/vfs.html). Here those that change anything
are replaced in the library that this process has loaded; each is shown to a watcher first, which may make it fail.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

FULL, IOERR_WRITE, IOERR_FSYNC = 13, 10 | 3 << 8, 10 | 4 << 8
"""SQLite's codes for a full disk, a write that failed and a flush that failed."""

METHODS = (
    "xClose xRead xWrite xTruncate xSync xFileSize xLock xUnlock xCheckReservedLock xFileControl xSectorSize "
    "xDeviceCharacteristics xShmMap xShmLock xShmBarrier xShmUnmap xFetch xUnfetch"
)


class Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = [("iVersion", ctypes.c_int), *((name, ctypes.c_void_p) for name in METHODS.split())]


class File(ctypes.Structure):
    """sqlite3_file."""

    _fields_ = [("pMethods", ctypes.POINTER(Methods))]


class Vfs(ctypes.Structure):
    """sqlite3_vfs, as far as it is used here."""

    _fields_ = [
        ("iVersion", ctypes.c_int), ("szOsFile", ctypes.c_int), ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p), ("zName", ctypes.c_char_p), ("pAppData", ctypes.c_void_p),
        ("xOpen", ctypes.c_void_p), ("xDelete", ctypes.c_void_p),
    ]  # fmt: skip


P, I32, I64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
OPEN = ctypes.CFUNCTYPE(I32, P, P, P, I32, P)  # names are pointers: what lies behind them belongs to SQLite
DELETE = ctypes.CFUNCTYPE(I32, P, P, I32)
WRITE = ctypes.CFUNCTYPE(I32, P, P, I32, I64)
TRUNCATE = ctypes.CFUNCTYPE(I32, P, I64)
SYNC = ctypes.CFUNCTYPE(I32, P, I32)


class Call(NamedTuple):
    """One call: write (offset, content), truncate (offset: the new size), sync or delete."""

    kind: str
    path: str
    offset: int = 0
    content: bytes = b""


Watcher = Callable[[Call], int]
"""Sees a call before it is done; 0 lets it be done, another code is given to SQLite instead."""

alive: list[object] = []
"""What SQLite may still call: never freed."""


def library() -> ctypes.CDLL:
    """The SQLite that Python itself uses; the test is skipped where that is built into Python."""
    import _sqlite3

    linked = os.popen(f"ldd '{getattr(_sqlite3, '__file__', '')}' 2>/dev/null").read()
    if "libsqlite3.so.0" not in linked:
        pytest.skip("needs a Python that loads libsqlite3.so.0")
    return ctypes.CDLL("libsqlite3.so.0")


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Show the watcher every call on files that are opened within the block. For a process of its own."""
    lib = library()
    lib.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
    vfs = lib.sqlite3_vfs_find(None).contents
    real_open, real_delete = OPEN(vfs.xOpen), DELETE(vfs.xDelete)
    names: dict[int, str] = {}

    def opened(self: int, name: int, file: int, flags: int, out: int) -> int:
        code = real_open(self, name, file, flags, out)
        handle = File.from_address(file)
        if code == 0 and name and handle.pMethods:
            names[file] = os.fsdecode(ctypes.string_at(name))
            handle.pMethods = ctypes.pointer(disturbed(handle.pMethods.contents, names, watcher))
        return code

    def deleted(self: int, name: int, flush_folder: int) -> int:
        return watcher(Call("delete", os.fsdecode(ctypes.string_at(name)))) or real_delete(self, name, flush_folder)

    replacements = OPEN(opened), DELETE(deleted)
    alive.extend((replacements, real_open, real_delete))
    before = vfs.xOpen, vfs.xDelete
    vfs.xOpen, vfs.xDelete = (ctypes.cast(function, P).value for function in replacements)
    try:
        yield
    finally:
        vfs.xOpen, vfs.xDelete = before


def disturbed(real: Methods, names: dict[int, str], watcher: Watcher) -> Methods:
    """The same methods, but that those which change a file are shown to the watcher first."""
    write, truncate, sync = WRITE(real.xWrite), TRUNCATE(real.xTruncate), SYNC(real.xSync)

    def written(file: int, content: int, size: int, offset: int) -> int:
        call = Call("write", names[file], offset, ctypes.string_at(content, size))
        return watcher(call) or write(file, content, size, offset)

    def truncated(file: int, size: int) -> int:
        return watcher(Call("truncate", names[file], size)) or truncate(file, size)

    def synced(file: int, flags: int) -> int:
        return watcher(Call("sync", names[file])) or sync(file, flags)

    replacements = WRITE(written), TRUNCATE(truncated), SYNC(synced)
    mine = Methods.from_buffer_copy(real)
    mine.xWrite, mine.xTruncate, mine.xSync = (ctypes.cast(function, P).value for function in replacements)
    alive.extend((replacements, write, truncate, sync, mine))
    return mine


class Medium:
    """Files as a disk keeps them that forgets, when the power is cut, what was written and not flushed."""

    def __init__(self, folder: Path):
        self.kept = {str(file): file.read_bytes() for file in folder.iterdir()}
        self.waiting: list[Call] = []

    def take(self, call: Call) -> None:
        """Do a call: a flush makes what was done to its file last, anything else waits for one."""
        if call.kind == "delete":
            self.kept.pop(call.path, None)
            self.waiting = [other for other in self.waiting if other.path != call.path]
        elif call.kind == "sync":
            self.kept[call.path] = self.file(call.path, self.waiting)
            self.waiting = [other for other in self.waiting if other.path != call.path]
        else:
            self.waiting.append(call)

    def file(self, path: str, done: list[Call]) -> bytes:
        """A file when some of what waits was done, and the rest forgotten."""
        content = bytearray(self.kept.get(path, b""))
        for call in done:
            if call.path == path and call.kind == "truncate":
                del content[call.offset :]
            elif call.path == path:
                content.extend(bytes(max(0, call.offset + len(call.content) - len(content))))
                content[call.offset : call.offset + len(call.content)] = call.content
        return bytes(content)

    def after_a_power_cut(self, lucky: list[Call], folder: Path) -> None:
        """Write the files into a folder as they are when, of what waits, only the lucky calls reached the disk."""
        for path in {*self.kept, *(call.path for call in lucky)}:
            if not path.endswith("-shm"):  # SQLite makes it anew
                (folder / Path(path).name).write_bytes(self.file(path, lucky))
