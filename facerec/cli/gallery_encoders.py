"""`facerec gallery migrate | switch | index`: another encoder for a gallery, and how it is searched."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NO_ANSWER, answering, note, say
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.faces.encoder import Card
    from facerec.gallery.choosing import Searches
    from facerec.gallery.measured import Measured
    from facerec.gallery.side_by_side import Lacking
    from facerec.gallery.store import Gallery
    from facerec.recognition.changed_decisions import Change, Comparison
    from facerec.recognition.re_embedding import Reembedding

SHOWN = 20
"""Changed decisions that are written out for people; --json has them all."""

WHERE_PICTURES_ARE = (
    "pictures are looked for at the paths that they were enrolled by, relative ones from the folder where this command "
    "runs: run it where they were enrolled from, or name the folder that they are in by --pictures DIR"
)

to = click.option("--to", "encoder", metavar="NAME|DIR", help="A packaged encoder, or a folder of `facerec export`.")


@click.command()
@to
@click.option("--pictures", type=options.pictures, metavar="DIR",
              help="Look here too, by content, for pictures that are not where they were enrolled from.")  # fmt: skip
@options.workers
@options.looking_device
@options.gallery
@options.detector
@answering
def migrate(
    encoder: str | None, pictures: Path | None, workers: int, device: str, gallery: str | None, detector: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Make a template of another encoder for every enrolled face, beside those that there are.

    Made from the pictures that were enrolled: where one is gone or has changed, it is listed with the reason. Where
    relative paths were enrolled, run it in the same folder, or say where the pictures are by --pictures. Stop it
    whenever you like: the next run goes on. Searches stay on the old encoder until `facerec gallery switch`; at the end
    it is said which decisions that would change.

    Exit status: 0 every face has one, 2 some face has none.
    """
    if encoder is None:
        raise click.UsageError("say which encoder: --to NAME|DIR")
    if pictures and not pictures.is_dir():
        raise click.UsageError(f"--pictures: {pictures} is no folder")
    opened = options.existing_gallery(gallery)
    with reembedding(opened, encoder, pictures, workers, device, detector) as (work, faces):
        outcomes = embed_all(work, faces, as_json)
    left = say_sums(opened, encoder, outcomes, as_json)
    return NO_ANSWER if left else FOUND


@contextmanager
def reembedding(
    opened: Gallery, encoder: str, pictures: Path | None, workers: int, device: str, detector: str
) -> Iterator[tuple[Reembedding, Sequence[Lacking]]]:
    """The work as the options describe it, and the faces that it is to be done for; its workers end with the block."""
    from facerec import runtime
    from facerec.recognition import Recognizer
    from facerec.recognition.looking import Recipe, looker_for, useful
    from facerec.recognition.re_embedding import Album, Reembedding

    runtime.use(device=device)
    recognizer = Recognizer.open(opened, detector=detector, encoder=encoder)
    recipe = Recipe(detector, encoder, recognizer.face)
    faces = opened.faces_lacking(recognizer.encoder)
    workers = useful(workers, len(faces), device)
    with closing(looker_for(recognizer.pipeline, recipe, workers, device)) as looker:
        yield Reembedding(opened, recognizer.encoder, looker, Album(pictures)), faces


def embed_all(work: Reembedding, faces: Sequence[Lacking], as_json: bool) -> Counted[str]:
    """Do the faces that lack a template, and say which got none and why: outcome -> number."""
    from facerec.recognition.re_embedding import EMBEDDED

    outcomes: Counted[str] = Counted()
    with Counter("embedding", seconds_between_lines=60) as progress:
        for one in work.run(faces):
            outcomes[one.outcome] += 1
            progress(outcomes.total(), len(faces))
            if as_json:
                say(True, "", asdict(one))
            elif one.outcome != EMBEDDED:
                note(f"{one.source} ({one.subject}): {one.outcome}: {one.reason}")
    return outcomes


def say_sums(opened: Gallery, encoder: str, outcomes: Counted[str], as_json: bool) -> int:
    """What the migration came to, and what a switch would change; returns how many faces have no template."""
    from facerec.faces.encoder import Card, encoder_folder
    from facerec.recognition.changed_decisions import Side, compare_encoders
    from facerec.recognition.encoder_in_use import encoder_in_use
    from facerec.recognition.re_embedding import EMBEDDED, GONE

    old, new = (Card.read(encoder_folder(one)) for one in (encoder_in_use(opened), encoder))
    before, after = (Side(card.digest, card.operating_points) for card in (old, new))
    found = compare_encoders(opened, before, after)
    left_out = {outcome: number for outcome, number in outcomes.items() if outcome != EMBEDDED}
    left = sum(left_out.values())
    lines = [f"{outcomes[EMBEDDED]} faces embedded by {new.name}, {left} not", *in_words(found)]
    if outcomes[GONE]:
        lines.append(WHERE_PICTURES_ARE)
    if not left and old.digest != new.digest:
        lines.append(f"switch with: facerec gallery switch --to {encoder}")
    say(as_json, "\n".join(lines), {
        "outcome": "migrated" if not left else "incomplete", "embedded": outcomes[EMBEDDED], "left": left_out,
        "encoder": new.digest, "in_use": old.digest, **as_answer(found),
    })  # fmt: skip
    return left


def in_words(found: Comparison) -> list[str]:
    """Which decisions change, the first of them by name."""
    kinds = ", ".join(f"{found.count(kind)} {kind}" for kind in ("gained", "lost", "other"))
    changed = f"{len(found.changes)} get another answer: {kinds}"
    lines = [f"of {found.probes} enrolled faces searched for among the others, {changed}"]
    for change in found.changes[:SHOWN]:
        before, after = (answer.subject or "unknown" for answer in (change.before, change.after))
        lines.append(f"    {change.kind}: {change.source} ({change.subject}): {before} -> {after}")
    if len(found.changes) > SHOWN:
        lines.append(f"    and {len(found.changes) - SHOWN} more: --json lists them")
    return lines


def as_answer(found: Comparison) -> dict[str, object]:
    """As docs/json.md describes it."""
    return {
        "faces": found.faces, "probes": found.probes, "thresholds": list(found.thresholds),
        **{kind: found.count(kind) for kind in ("gained", "lost", "other")},
        "changes": [_change(change) for change in found.changes],
    }  # fmt: skip


def _change(change: Change) -> dict[str, object]:
    return {"kind": change.kind, **asdict(change)}


@click.command()
@to
@click.option("--back", is_flag=True, help="Search again with the encoder from before the last switch.")
@click.option("--incomplete", is_flag=True, help="Switch though some faces have no template of it: nobody finds those.")
@options.gallery
@answering
def switch(encoder: str | None, back: bool, incomplete: bool, gallery: str | None, as_json: bool) -> int:
    """Search with another encoder from now on, or go back; templates of both stay.

    Only once every face has a template of it (see `facerec gallery migrate`). A process that is running goes on with
    the encoder that it was started with.
    """
    from facerec.recognition.encoder_in_use import switch_back, switch_to

    if back == (encoder is not None):
        raise click.UsageError("give --to NAME|DIR, or --back")
    opened = options.existing_gallery(gallery)
    card: Card = switch_back(opened) if encoder is None else switch_to(opened, encoder, incomplete)
    say(as_json, f"the gallery is searched with {card.name} ({card.digest[:12]}) from now on",
        {"outcome": "switched", "name": card.name, "encoder": card.digest})  # fmt: skip
    return FOUND


@click.command()
@click.argument("kind", required=False, metavar="[auto|exact|FACTORY|server|milvus:URI]")
@click.option("--least-recall", type=click.FloatRange(0, 1, min_open=True), default=0.99, show_default=True,
              help="Share of searches whose best must be found: auto chooses nothing below it.")  # fmt: skip
@options.gallery
@options.encoder_of_gallery
@options.templates
@answering
def index(
    kind: str | None,
    least_recall: float,
    gallery: str | None,
    encoder: str | None,
    templates: str | None,
    as_json: bool,
) -> int:
    """Say, or choose, how everybody in this gallery is searched.

    \b
      facerec gallery index                            what is in use
      facerec gallery index auto                       measure what there is, and choose
      facerec gallery index "IVF1024,Flat;nprobe=16"   measure this one, and choose it
      facerec gallery index server                     let PostgreSQL search; also server-exact
      facerec gallery index milvus:URI#HNSW            let Milvus search; without a kind it compares everything

    Measured on the gallery's own templates: recall@1 against exact search, and how many people more are missed (FNIR).
    What is chosen is built, and kept beside the gallery if that takes a second or more; only then is it in use.
    """
    from facerec.gallery.choosing import Choosing
    from facerec.gallery.kinds import index_in_use

    opened = options.existing_gallery(gallery)
    if kind is None:
        used = index_in_use(opened)
        say(as_json, used, {"outcome": "index", "index": used})
        return FOUND
    work = Choosing(opened, searches_of(opened, encoder, templates), kind)
    found: list[Measured] = []
    with Counter("measuring") as progress:
        for one in work.measured(progress):
            found.append(one)
            say(as_json, index_in_words(one), {"outcome": "measured", **asdict(one), "times": one.times_as_fast})
    with Counter("building for the next command") as progress:
        choice = work.settle(found, least_recall, progress)
    if not as_json:
        for remark in choice.remarks:
            note(remark)
    say(as_json, f"in use from now on: {choice.index}", {"outcome": "index", **asdict(choice)})
    return FOUND


def searches_of(opened: Gallery, encoder: str | None, templates: str | None) -> Searches:
    """As `identify` would search."""
    from facerec.faces.encoder import Card, encoder_folder
    from facerec.gallery.choosing import Searches
    from facerec.gallery.fusion import COMBINED, FUSED
    from facerec.recognition.deciding import search_threshold

    card = Card.read(encoder_folder(options.encoder_for(opened, encoder)))
    threshold = search_threshold(opened, card.digest, card.operating_points)
    return Searches(card.digest, threshold, COMBINED[templates or FUSED])


def index_in_words(one: Measured) -> str:
    """One measured index in a line."""
    cost = "" if one.fnir is None or one.fnir_exact is None else (
        f", FNIR {one.fnir:.4f} instead of {one.fnir_exact:.4f} over {one.mated} searches"
    )  # fmt: skip
    return (
        f"{one.spec}: recall@1 {one.recall:.4f} of {one.probes}{cost}; {one.milliseconds:.2f} ms a search, exact "
        f"{one.exact_milliseconds:.2f} ms; {one.build_seconds:.1f} s to build"
    )
