"""`facerec doctor` and `facerec encoders`: is everything here that is needed, and is it what it should be?"""

from __future__ import annotations

from pathlib import Path

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NO_ANSWER, answering, say


@click.command()
@options.gallery
@options.detector
@options.encoder
@click.option("--repair", is_flag=True, help="First put right in the gallery what needs no backup and no picture.")
@answering
def doctor(gallery: str | None, detector: str, encoder: str, repair: bool, as_json: bool) -> int:
    """Check the encoder against its golden faces, the detector, the inference engine and the gallery.

    --repair removes what killed processes left half written, and a snapshot that is not right, makes the
    database's own indexes again, and removes faces and subjects that nothing can be compared with.

    Exit status: 0 all well, 2 something is wrong; each line says what to do.
    """
    from facerec.health import examine, mend
    from facerec.settings import default_gallery

    where = gallery or default_gallery()
    findings = [*(mend(where) if repair else ()), *examine(where, detector, encoder)]
    for one in findings:
        say(
            as_json, f"{'ok    ' if one.is_well else 'WRONG '} {one.part}: {one.words}",
            {"part": one.part, "outcome": "ok" if one.is_well else "wrong", "reason": one.words},
        )  # fmt: skip
    return FOUND if all(one.is_well for one in findings) else NO_ANSWER


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR...]")
@answering
def encoders(folders: tuple[Path, ...], as_json: bool) -> int:
    """The packaged encoders, or those in each DIR, with the thresholds measured for them."""
    from facerec.faces.encoder import PACKAGED, Card

    for folder in folders or PACKAGED.values():
        card = Card.read(folder)
        points = "".join(
            f"\n    FMR {row.target:g}: threshold {row.point.threshold:.3f}, FNMR {row.fnmr_in_words} "
            f"({row.point.impostors} impostor comparisons of {row.point.subjects} people)"
            for row in card.operating_points.rows
        )
        say(as_json, f"{card.name}  {card.digest[:12]}  {card.facts['parameters']:,} parameters{points}", card.facts)
    return FOUND
