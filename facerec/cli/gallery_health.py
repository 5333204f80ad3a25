"""`facerec gallery health`: what somebody should look at in a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.curation.health import Health


@click.command()
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write a page with the pictures, where those can be read.",
)
@click.option(
    "--target-fpir", type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="How often somebody who is enrolled once may be taken for somebody else; higher finds more, and more wrongly."
    "  [default: as identify, the gallery's own or 0.01]",
)  # fmt: skip
@options.gallery
@options.encoder_of_gallery
@answering
def health(
    html: Path | None, target_fpir: float | None, gallery: str | None, encoder: str | None, as_json: bool
) -> int:
    """Look for people enrolled under two names, pictures under the wrong name or unlike the others, poor pictures, and
    people who look alike.

    Nothing is changed: each finding comes with the commands that would put it right, for a person to choose from.
    """
    from facerec.curation.health import check_gallery
    from facerec.curation.health.findings import Shell
    from facerec.faces.encoder import Card, encoder_folder

    opened = options.existing_gallery(gallery)
    card = Card.read(encoder_folder(options.encoder_for(opened, encoder)))
    shell = Shell(("--gallery", gallery) if gallery else ())
    found = check_gallery(opened, card.digest, card.operating_points, shell, target_fpir)
    if html:
        from facerec.curation.health.page import write_page

        with Counter("pictures") as progress:
            write_page(found, str(opened), html, progress)
    say(as_json, in_words(found), {"gallery": str(opened), "encoder": card.digest, **found.as_dict()})
    return FOUND


def in_words(health: Health) -> str:
    """Each finding with its commands, and how many there are of each kind."""
    lines = []
    for finding in health.findings:
        lines += [f"{finding.kind}: {finding.reason}", *(f"    {line}" for line in finding.commands)]
    counted = ", ".join(f"{number} {kind}" for kind, number in health.counts.items())
    lines.append(f"{health.subjects} subjects, {health.faces} faces: {counted}")
    point = health.thresholds.same
    lines.append(
        f"threshold {point.threshold:.3f}: expect about {health.expected_wrong:.1f} duplicates that are two people"
    )
    if health.damaged or health.lacking:
        lines.append(f"not looked at: {health.damaged} damaged templates, {health.lacking} faces without a template")
    return "\n".join(lines)
