"""`facerec gallery init | new-key | encrypt | rotate-key`: an empty gallery, and templates encrypted at rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.gallery_leaving import LOG_IS_LEFT
from facerec.cli.progress import Counter
from facerec.errors import InvalidInput

if TYPE_CHECKING:
    from facerec.gallery.encryption import Resealed

KEEP_IT = "keep a copy of {} apart from the gallery and its backups: without it nobody can read the templates again"


@click.command()
@click.option("--encrypt", is_flag=True, help="Encrypt templates; a key is made where there is none.")
@options.gallery
@answering
def init(encrypt: bool, gallery: str | None, as_json: bool) -> int:
    """Make an empty gallery. Without this, the first `enroll` makes one that is not encrypted."""
    from facerec.gallery import open_gallery
    from facerec.gallery.connect import locate
    from facerec.gallery.making import make_encrypted, require_nothing
    from facerec.settings import default_gallery

    where = gallery or default_gallery()
    require_nothing(locate(where))
    if not encrypt:
        opened = open_gallery(where)
        say(as_json, f"{opened} is there, not encrypted", {"gallery": str(opened), "key_id": None})
        return FOUND
    made = make_encrypted(where)
    if made.new_key:
        note(KEEP_IT.format(f"{made.new_key} ({made.key_id})"))
    words = f"{made.gallery} is there, encrypted with key {made.key_id}"
    say(as_json, words, {"gallery": str(made.gallery), "key_id": made.key_id})
    return FOUND


@click.command("new-key")
@answering
def new_key(as_json: bool) -> int:
    """Add a key to the file of keys, which is made where there is none; the newest is used from then on."""
    from facerec.gallery.keys import add_key, find_keys, key_file

    if (ring := find_keys()).origin == "FACEREC_GALLERY_KEY":
        raise InvalidInput(f"keys come from {ring.origin}: add one to it, 32 random bytes in base64, newest last")
    key = add_key(key_file())
    say(as_json, f"key {key.id} in {key_file()}", {"key_id": key.id, "file": str(key_file())})
    note(KEEP_IT.format(key_file()))
    return FOUND


@click.command()
@options.gallery
@answering
def encrypt(gallery: str | None, as_json: bool) -> int:
    """Encrypt the templates of a gallery that has none encrypted, with the newest key at hand.

    Older backups and exports stay as they are.
    """
    opened = options.existing_gallery(gallery)
    with Counter("encrypting") as counter:
        done = opened.encrypt(counter)
    note("older backups and exports are not encrypted: delete those that are not needed")
    return answer(done, as_json)


@click.command("rotate-key")
@options.gallery
@answering
def rotate_key(gallery: str | None, as_json: bool) -> int:
    """Encrypt every template with the newest key at hand; what was stopped is gone on with by starting it again.

    `facerec gallery new-key` makes the key. Older ones must be at hand until this is done, and for older backups.
    """
    opened = options.existing_gallery(gallery)
    with Counter("encrypting") as counter:
        done = opened.rotate_key(counter)
    if done.left:
        note(f"{done.left} templates could not be opened and were left: `facerec doctor` names their pictures")
    return answer(done, as_json)


def answer(done: Resealed, as_json: bool) -> int:
    """Say how many."""
    say(as_json, f"{done.sealed} templates encrypted with key {done.key_id}", asdict(done))
    if not done.is_log_empty:
        note(LOG_IS_LEFT)
    return FOUND
