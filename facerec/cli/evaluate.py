"""`facerec evaluate`: error rates, measured end to end."""

from __future__ import annotations

from pathlib import Path

import click

from facerec.cli import evaluate_options as shared
from facerec.cli.answers import FOUND, answering, say
from facerec.cli.evaluate_options import Asked
from facerec.cli.evaluate_words import lfw_words, pair_words, search_words
from facerec.cli.progress import Counter


@click.group()
def evaluate() -> None:
    """Measure error rates on pictures of known people, with intervals by bootstrap over people.

    In each picture the face nearest the centre is meant. A picture without a face counts as a failure.
    """


@evaluate.command()
@click.argument("pairs", type=shared.file, metavar="PAIRS")
@click.option("--pictures", type=shared.folder, metavar="DIR", help="Where they lie.  [default: the folder of PAIRS]")
@shared.fmr
@shared.measuring
def verification(pairs: Path, pictures: Path | None, fmr: float, asked: Asked) -> int:
    """Are two faces the same person's? FMR and FNMR over a list of pairs.

    PAIRS is a CSV with a header and the columns a, b (pictures, relative to DIR) and same (1 or 0), and if you
    like subject_a, subject_b (who is shown); or a list in LFW's format.
    """
    import numpy as np

    from facerec.evaluation.pairs import read_any_pairs
    from facerec.evaluation.verification import evaluate_verification

    listed = read_any_pairs(pairs)
    embed, card = shared.chain(asked)
    wanted = shared.wanted(asked, card, fmr)
    with Counter("embedding") as progress:
        measured = evaluate_verification(
            pairs.parent if pictures is None else pictures, listed, embed, rng=np.random.default_rng(asked.seed),
            points=shared.points(card), wanted=wanted, progress=progress,
        )  # fmt: skip
    result = {**measured.as_dict(), "encoder": embed.encoder}
    return shared.finish(asked, pair_words, result, measured.findings.worst)


@evaluate.command()
@click.argument("folder", type=shared.folder, metavar="DIR")
@shared.pairs_file
@shared.fmr
@shared.measuring
def lfw(folder: Path, pairs: Path | None, fmr: float, asked: Asked) -> int:
    """LFW's protocol on DIR, with the pictures or an archive of them: the threshold is chosen on the other folds."""
    import numpy as np

    from facerec.evaluation.lfw import evaluate_lfw

    embed, card = shared.chain(asked)
    wanted = shared.wanted(asked, card, fmr)
    with Counter("embedding") as progress:
        measured = evaluate_lfw(
            folder, embed, rng=np.random.default_rng(asked.seed), pairs_file=pairs, points=shared.points(card),
            wanted=wanted, progress=progress,
        )  # fmt: skip
    result = {**measured.as_dict(), "encoder": embed.encoder}
    return shared.finish(asked, lfw_words, result, measured.verification.findings.worst)


@evaluate.command()
@click.argument("gallery", type=shared.folder, metavar="GALLERY")
@click.argument("probes", type=shared.folder, metavar="PROBES")
@shared.sizes
@shared.measuring
def identification(gallery: Path, probes: Path, sizes: tuple[int, ...], asked: Asked) -> int:
    """Whose face is this, if anyone's? FNIR and FPIR of searches for PROBES among GALLERY.

    Both are folders with one folder of pictures per person. Probes of people who are not in GALLERY are strangers.
    """
    import numpy as np

    from facerec.evaluation.identification import evaluate_identification
    from facerec.evaluation.plans import folders_plan

    plan = folders_plan(gallery, probes)
    embed, card = shared.chain(asked)
    wanted = shared.wanted(asked, card)
    with Counter("measuring") as progress:
        measured = evaluate_identification(
            plan, embed, rng=np.random.default_rng(asked.seed), points=shared.points(card), sizes=sizes, wanted=wanted,
            progress=progress,
        )  # fmt: skip
    result = {**measured.as_dict(), "encoder": embed.encoder}
    return shared.finish(asked, search_words, result, measured.findings.worst)


@evaluate.command("lfw-identification")
@click.argument("folder", type=shared.folder, metavar="DIR")
@shared.pairs_file
@click.option("--enrolled", default=500, show_default=True, help="Subjects enrolled from one picture each.")
@click.option("--strangers", default=500, show_default=True, help="Subjects who are searched for and not enrolled.")
@shared.sizes
@shared.measuring
def lfw_identification(
    folder: Path, pairs: Path | None, enrolled: int, strangers: int, sizes: tuple[int, ...], asked: Asked
) -> int:
    """One-shot identification on LFW's people: enrolled from one picture, searched for with another."""
    import numpy as np

    from facerec.evaluation.lfw import evaluate_lfw_identification

    embed, card = shared.chain(asked)
    wanted = shared.wanted(asked, card)
    with Counter("measuring") as progress:
        measured = evaluate_lfw_identification(
            folder, embed, rng=np.random.default_rng(asked.seed), enrolled=enrolled, strangers=strangers,
            pairs_file=pairs, points=shared.points(card), sizes=sizes, wanted=wanted, progress=progress,
        )  # fmt: skip
    result = {**measured.as_dict(), "encoder": embed.encoder}
    return shared.finish(asked, search_words, result, measured.findings.worst)


@evaluate.command()
@click.argument("result", type=shared.file, metavar="RESULT.json")
@click.option("--html", type=shared.file, metavar="FILE", required=True, help="Where the page goes.")
@answering
def report(result: Path, html: Path, as_json: bool) -> int:
    """Make the page of a result that was written with -o before; without the pictures of the worst errors."""
    from facerec.evaluation.report import write_report
    from facerec.evaluation.result_file import read_result

    shared.refuse_folders(html)
    write_report(html, read_result(result))
    say(as_json, f"wrote {html}", {"out": str(html)})
    return FOUND
