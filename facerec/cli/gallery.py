"""`facerec gallery`: who is enrolled, and changes to that."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.gallery_copies import backup, restore
from facerec.cli.gallery_encoders import index, migrate, switch
from facerec.cli.gallery_exchange import export, import_
from facerec.cli.gallery_health import health
from facerec.cli.gallery_keys import encrypt, init, new_key, rotate_key
from facerec.cli.gallery_leaving import forget, remove
from facerec.cli.gallery_manifest import manifest
from facerec.cli.gallery_mending import merge, move_face, remove_face
from facerec.cli.gallery_moving import move
from facerec.errors import FacerecError

if TYPE_CHECKING:
    from facerec.faces.encoder import Card
    from facerec.gallery.store import Gallery


@click.group()
def gallery() -> None:
    """Look at a gallery and change who is in it."""


for command in (
    init, remove, forget, remove_face, move_face, merge, health, backup, restore, export, import_, move, new_key,
    encrypt, rotate_key, migrate, switch, index, manifest,
):  # fmt: skip
    gallery.add_command(command)


@gallery.command("list")
@options.gallery
@answering
def list_(gallery: str | None, as_json: bool) -> int:
    """Everybody enrolled, by name, with how many pictures."""
    for one in options.existing_gallery(gallery).subjects():
        enrolled = {**asdict(one), "created_at": one.created_at.isoformat()}
        say(as_json, f"{one.name}  {one.faces} face{'s' * (one.faces != 1)}, since {one.created_at:%Y-%m-%d}", enrolled)
    return FOUND


@gallery.command()
@click.argument("subject")
@options.gallery
@answering
def show(subject: str, gallery: str | None, as_json: bool) -> int:
    """Every enrolled picture of SUBJECT: the face's number, the picture, where the face is and how good it is."""
    detail = options.existing_gallery(gallery).show(subject)
    for face in detail.faces:
        judged = ", ".join(f"{name} {value:.3g}" for name, value in face.quality.items())
        box = ",".join(f"{side:.0f}" for side in face.box)
        enrolled = {**asdict(face), "created_at": face.created_at.isoformat()}
        say(as_json, f"{face.id}  {face.source} [{box}]  {judged}", {"subject": detail.name, **enrolled})
    return FOUND


@gallery.command()
@click.argument("old")
@click.argument("new")
@options.gallery
@answering
def rename(old: str, new: str, gallery: str | None, as_json: bool) -> int:
    """Give the subject OLD the name NEW."""
    options.existing_gallery(gallery).rename(old, new)
    say(as_json, f"{old} is now {new}", {"old": old, "new": new})
    return FOUND


@gallery.command()
@options.gallery
@answering
def stats(gallery: str | None, as_json: bool) -> int:
    """The gallery in numbers: how it is searched, and the threshold in use for each encoder."""
    from facerec.gallery.kinds import index_in_use

    opened = options.existing_gallery(gallery)
    numbers, snapshots, index = opened.stats(), opened.snapshots(), index_in_use(opened)
    points = {encoder: opened.operating_point(encoder) for encoder in numbers.templates}
    kept = {encoder: asdict(point) for encoder, point in points.items() if point}
    used = searched_by(opened)
    lines = [f"{opened}", f"{numbers.subjects} subjects, {numbers.faces} faces, {numbers.refusals} refused pictures"]
    if used:
        lines.append(f"searched with encoder {used.digest[:12]} ({used.name}), index {index}")
    if numbers.key_id:
        lines.append(f"templates are encrypted with key {numbers.key_id}")
    for encoder, count in numbers.templates.items():
        point = points[encoder]
        decides = f", threshold {point.threshold:.3f} at FMR {point.fmr:.2g}" if point else ""
        lines.append(f"encoder {encoder[:12]}: {count} templates{decides}")
    lines += [f"snapshot {name}" for name in snapshots]
    how = {"encoder": used.digest if used else None, "index": index, "snapshots": snapshots}
    say(
        as_json,
        "\n".join(lines),
        {"gallery": str(opened), **asdict(numbers), "tables": numbers.schema, "operating_points": kept, **how},
    )
    return FOUND


def searched_by(opened: Gallery) -> Card | None:
    """The encoder that searches use; None where it is not there by now, which is said and stops no numbers."""
    from facerec.faces.encoder import Card, encoder_folder
    from facerec.recognition.encoder_in_use import encoder_in_use

    try:
        return Card.read(encoder_folder(encoder_in_use(opened)))
    except FacerecError as error:
        note(f"this gallery cannot be searched: {error}")
        return None
