"""Aligned face crops to learn from, decoded once and held in memory.

A folder of faces has a table `faces.csv`, tar shards of 128x128 pictures beside it and, to distil from, `targets.npy`.
"""

from __future__ import annotations

import csv
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facerec import images
from facerec.errors import BadImage, DamagedFile, InvalidInput, MissingPart
from facerec.records import DIM, Float32, Int64, require_embeddings

SIDE, FACE = 128, 112
"""Stored crops are 128x128: the aligned 112x112 face and a margin of 8 pixels for augmentation. A picture of the face
alone is taken too; its edges are mirrored into the margin.
"""

TABLE, TARGETS = "faces.csv", "targets.npy"
COLUMNS = ("shard", "file", "subject", "split")
UNLABELLED = "unlabelled"
"""The split whose subjects nobody knows."""

Row = dict[str, str]
Refused = tuple[tuple[str, str], ...]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Aligned crops with what is known of each. N may be 0.

    pixels   (N, 128, 128, 3)  uint8    RGB, the canonical 112x112 face in the middle
    labels   (N,)              int64    the subject's number; -1 where nobody knows
    targets  (N, 128)          float32  a teacher's embedding, rows of length 1; 0 columns where there is none
    sources  (N,)              str      shard/file
    refused  (source, reason) of every picture that could not be read
    """

    pixels: NDArray[np.uint8]
    labels: Int64
    targets: Float32
    sources: NDArray[np.str_]
    refused: Refused = ()

    def __post_init__(self) -> None:
        if not len(self.pixels) == len(self.labels) == len(self.targets) == len(self.sources):
            raise InvalidInput("crops need as many pixels, labels, targets and sources")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> Crops:
        """The chosen crops: a mask or an index array."""
        return Crops(self.pixels[rows], self.labels[rows], self.targets[rows], self.sources[rows], self.refused)


def load_shards(folder: Path, splits: Sequence[str], workers: int = 2, progress: Progress | None = None) -> Crops:
    """Read the pictures of some splits of a folder of faces, in the order of its table, and their targets.

    A picture that cannot be used is left out and listed in `refused`. `progress` hears of every shard.
    Raises MissingPart where the table or a shard is missing, DamagedFile where a shard or the targets cannot be read,
    and InvalidInput where the table has no usable row, or one that says something impossible.
    """
    rows = read_rows(folder / TABLE, splits)
    pixels, refused = read_pixels(folder, rows, workers, progress)
    kept = np.array([source_of(row) not in refused for row in rows])
    if not kept.any():
        raise InvalidInput(f"no picture of {folder / TABLE} can be read; the first: {next(iter(refused.items()))}")
    rows = [row for row, keep in zip(rows, kept, strict=True) if keep]
    return Crops(
        pixels if kept.all() else pixels[kept],
        number([row["subject"] if row["split"] != UNLABELLED else "" for row in rows]),
        read_targets(folder / TARGETS, rows),
        np.array([source_of(row) for row in rows]),
        tuple(refused.items()),
    )


def source_of(row: Row) -> str:
    """What a picture is called in messages and records."""
    return f"{row['shard']}/{row['file']}"


def read_rows(table: Path, splits: Sequence[str]) -> list[Row]:
    """The rows of a faces.csv (shard, file, subject, split, and target where there are targets) of some splits.

    Raises what `table_rows` does, and InvalidInput where there is no such row or a picture is listed twice.
    """
    rows = [row for row in table_rows(table) if row["split"] in splits]
    if not rows:
        raise InvalidInput(f"{table} has no row of split {' or '.join(splits)}")
    (source, times), *_ = Counter(map(source_of, rows)).most_common(1)
    if times > 1:
        raise InvalidInput(f"{table} lists {source} {times} times in split {' and '.join(splits)}")
    return rows


def table_rows(table: Path) -> Iterator[Row]:
    """The rows of a faces.csv, checked one by one.

    Raises MissingPart where it cannot be read, and InvalidInput, which names the line, for a row that lacks something.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            if lacking := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise InvalidInput(f"{table} has no column {', '.join(lacking)}; it needs {', '.join(COLUMNS)}")
            for row in reader:
                require_usable(row, f"{table}, line {reader.line_num}")
                yield row
    except OSError as error:
        raise MissingPart(f"{table} cannot be read: {error.strerror}; it lists the pictures of the shards") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{table} is not CSV in UTF-8: {error}") from error


def require_usable(row: Row, where: str) -> None:
    """Raise InvalidInput unless a row has every column, and a shard that lies beside the table."""
    if any(row[name] is None for name in COLUMNS) or not row["file"]:
        raise InvalidInput(f"{where}: {', '.join(COLUMNS)} are needed")
    if not row["shard"] or Path(row["shard"]).name != row["shard"]:
        raise InvalidInput(f"{where}: {row['shard']!r} is no name of a file beside the table")


def read_pixels(
    folder: Path, rows: Sequence[Row], workers: int, progress: Progress | None
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Decode the shards in other processes: pixels (N, 128, 128, 3), row for row, and source -> why it was refused.

    The pixels of a refused picture are undefined. Raises MissingPart where a shard is missing.
    """
    places: dict[str, dict[str, int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row["shard"], {})[row["file"]] = place
    if missing := [shard for shard in sorted(places) if not (folder / shard).is_file()]:
        raise MissingPart(f"{', '.join(missing)} missing in {folder}: put every shard that {TABLE} names beside it")
    pixels = np.empty((len(rows), SIDE, SIDE, 3), np.uint8)
    refused: dict[str, str] = {}
    with ProcessPoolExecutor(min(workers, len(places))) as pool:
        paths, names = [folder / shard for shard in places], [frozenset(files) for files in places.values()]
        decoded = zip(places, pool.map(decode_shard, paths, names), strict=True)
        for done, (shard, (crops, bad)) in enumerate(decoded, start=1):
            for name, crop in crops.items():
                pixels[places[shard][name]] = crop
            refused |= {f"{shard}/{name}": reason for name, reason in bad.items()}
            if progress:
                progress(done, len(places))
    return pixels, refused


def decode_shard(shard: Path, names: frozenset[str]) -> tuple[dict[str, NDArray[np.uint8]], dict[str, str]]:
    """The named crops of one shard, and why each of the others cannot be used.

    Raises DamagedFile where the shard is no whole tar file.
    """
    decoded, refused = {}, {}
    for name, content in shard_members(shard, names):
        try:
            decoded[name] = decode_crop(content)
        except BadImage as error:
            refused[name] = str(error)
    return decoded, refused | dict.fromkeys(sorted(names - decoded.keys() - refused.keys()), "not in the shard")


def shard_members(shard: Path, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """The named files of one tar shard, in the shard's order. Raises DamagedFile where it cannot be read to its end."""
    try:
        with tarfile.open(shard) as archive:
            for member in archive:
                if member.name in names and (handle := archive.extractfile(member)) is not None:
                    yield member.name, handle.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DamagedFile(f"{shard} is no whole tar file ({error}): fetch or make it again") from error


def decode_crop(content: bytes) -> NDArray[np.uint8]:
    """(128, 128, 3) RGB. Raises BadImage for what cannot be decoded or has another size than a ready crop has."""
    pixels = images.decode(content)
    if pixels.shape == (FACE, FACE, 3):
        edge = (SIDE - FACE) // 2
        return np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode="reflect")
    if pixels.shape != (SIDE, SIDE, 3):
        sizes = f"{SIDE}x{SIDE} pixels, or {FACE}x{FACE}"
        raise BadImage(f"expected {sizes}, got {pixels.shape[1]}x{pixels.shape[0]}")
    return pixels


def number(subjects: Sequence[str]) -> Int64:
    """A number per subject, in alphabetical order; -1 for the empty name.

    >>> number(["b", "", "a", "b"]).tolist()
    [1, -1, 0, 1]
    """
    known = {name: place for place, name in enumerate(sorted(set(subjects) - {""}))}
    return np.array([known.get(name, -1) for name in subjects], np.int64)


def read_targets(path: Path, rows: Sequence[Row]) -> Float32:
    """The teacher's embeddings that the rows' `target` column points to: (N, 128), or (N, 0) where there is no file.

    Raises DamagedFile where the file is no array of numbers, and InvalidInput where it is not (M, 128) unit rows or a
    target is not the number of one of them.
    """
    if not path.exists():
        return np.zeros((len(rows), 0), np.float32)
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedFile(f"{path} is no whole array of numbers: {error}") from error
    if stored.ndim != 2 or stored.shape[1] != DIM or stored.dtype.kind != "f":
        raise InvalidInput(f"{path} must be (M, {DIM}) of float16 or float32, got {stored.dtype} {stored.shape}")
    targets: Float32 = np.asarray(stored[target_places(path, rows, len(stored))], np.float32)
    try:
        require_embeddings(targets)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    return targets


def target_places(path: Path, rows: Sequence[Row], count: int) -> list[int]:
    """The rows' `target` column as numbers below `count`. Raises InvalidInput, which names the picture."""
    places = []
    for row in rows:
        text = row.get("target") or ""
        if not text.isdecimal() or int(text) >= count:
            raise InvalidInput(f"{source_of(row)}: target {text!r} is no row of {path}, which has {count}")
        places.append(int(text))
    return places
