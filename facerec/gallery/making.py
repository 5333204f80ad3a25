"""A gallery that is encrypted from the start: under its own name it never lies in plain, whatever stops the making."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection

from facerec.errors import GalleryUnusable, InvalidInput
from facerec.gallery.connect import engine_at, explained, locate, require_folder_for_gallery, shown
from facerec.gallery.encryption import encrypt
from facerec.gallery.keys import Key, add_key, find_keys, key_file, require_elsewhere
from facerec.gallery.schema import closed_after, revision_of, upgrade
from facerec.gallery.store import Gallery, utc_now
from facerec.gallery.vault import cipher
from facerec.gallery.writes import Write
from facerec.replacing import part_of, replacing


@dataclass(frozen=True, slots=True)
class Made:
    """A new gallery, the id of its key, and the file of keys where the key was made along with it."""

    gallery: Gallery
    key_id: str
    new_key: Path | None


def make_encrypted(where: str | Path) -> Made:
    """Make an empty gallery that is encrypted with the newest key at hand, and a key where there is none.

    What was made goes again where it fails. Raises MissingPart without the package that encrypts, before anything is
    made, InvalidInput where there is something already, and GalleryUnusable where nothing can be written.
    """
    cipher(Key(bytes(32)))
    place, ring = locate(where), find_keys()
    require_nothing(place)
    if isinstance(place, Path):
        require_folder_for_gallery(place)
        if ring.path:
            require_elsewhere(ring.path, place)
    with ExitStack() as undo:
        if not ring.keys:
            is_first = not key_file().exists()
            add_key(key_file())
            if is_first:
                undo.callback(key_file().unlink, missing_ok=True)
        if isinstance(place, Path):
            key_id = _make_file(place, undo)
            gallery = Gallery.open(place, create=False)
        else:
            undo.pop_all()  # whether a server has done what it was told is not always known, and then the key is needed
            key_id = _make_on_server(place)
            gallery = Gallery.open(where, create=False)
    return Made(gallery, key_id, None if ring.keys else key_file())


def _make_file(place: Path, undo: ExitStack) -> str:
    """Under another name first. What is undone otherwise stays from when the file has its name."""
    try:
        with replacing(place) as fresh:
            undo.callback(_remove, part_of(place))
            _remove(fresh)  # of one that was killed
            key_id = Gallery.open(fresh).encrypt().key_id
            require_nothing(place)
            undo.pop_all()
    except OSError as error:
        raise GalleryUnusable(f"no gallery can be made at {place}: {error.strerror}") from error
    return key_id


def _make_on_server(url: URL) -> str:
    """In one transaction: there is never a gallery that is not encrypted."""
    key = find_keys().newest

    def seal(connection: Connection) -> None:
        encrypt(Write.begin(connection, utc_now()), key)

    with explained(url), closed_after(engine_at(url)) as engine:
        upgrade(engine, seal)
    return key.id


def _remove(path: Path) -> None:
    for end in ("-wal", "-shm", ""):
        path.with_name(path.name + end).unlink(missing_ok=True)


def require_nothing(place: Path | URL) -> None:
    """Raise InvalidInput where something is already, and GalleryUnusable for others' tables in a database."""
    if isinstance(place, Path):
        is_there = place.exists()
    else:
        with explained(place), closed_after(engine_at(place)) as engine:
            is_there = revision_of(engine, shown(place)) is not None
    if is_there:
        raise InvalidInput(
            f"there is something at {shown(place)} already; `facerec gallery encrypt` encrypts a gallery"
        )
