"""`facerec enroll` and `facerec precompute`: pictures of subjects become templates in the gallery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NO_ANSWER, answering, counted, note, say
from facerec.cli.progress import bar

if TYPE_CHECKING:
    from facerec.recognition import Enrollment
    from facerec.recognition.enrollment import Sample

force = click.option(
    "--force", is_flag=True,
    help="Enroll what is too poor, looks like somebody else, or does not look like the subject's others, all the same.",
)  # fmt: skip


@click.command()
@click.argument("subject_and_pictures", nargs=-1, metavar="[NAME PHOTO...]")
@click.option("--from", "folder", type=options.pictures, help="Enroll a folder that holds one folder per subject.")
@options.gallery
@options.detector
@options.encoder_of_gallery
@options.face
@force
@answering
def enroll(
    subject_and_pictures: tuple[str, ...], folder: Path | None, gallery: str | None, detector: str, encoder: str | None,
    face: str, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Enroll a subject from one picture or more, or everybody in a folder.

    \b
      facerec enroll Ada ada.jpg
      facerec enroll --from people/      (people/Ada/1.jpg, people/Grace/1.jpg, ...)

    The same picture of the same subject again stores nothing. Refused is a picture without a face or with several, a
    face too small or too blurred to be found again by (low_quality), one that looks like somebody else who is enrolled
    (conflict), and one that does not look like the subject's others (unlike_others); --force enrolls the last three.

    Exit status: 0 all enrolled, 2 some picture was refused.
    """
    if (len(subject_and_pictures) < 2) if folder is None else subject_and_pictures:
        raise click.UsageError("give NAME and at least one PHOTO, or --from DIR")
    samples = samples_of(folder) if folder is not None else []
    recognizer = options.recognizer(gallery, create=True, detector=detector, encoder=encoder, face=face)
    if folder is not None:
        return report(bar(recognizer.enroll_all(samples, force=force), len(samples), "enrolling"), as_json)
    subject, *pictures = subject_and_pictures
    return report(recognizer.enroll(subject, pictures, force), as_json)


@click.command()
@click.argument("folder", type=options.pictures, metavar="DIR")
@options.workers
@click.option(
    "--engine", type=click.Choice(["processes", "ray"]), default="processes", show_default=True,
    help="Whose the workers are: this command's, or Ray's, of which one is begun here or joined at RAY_ADDRESS. Needs "
    "`pip install 'facerec[distributed]'`.",
)  # fmt: skip
@options.looking_device
@click.option(
    "--manifest", type=options.pictures, metavar="FILE",
    help="Also write which picture gave which embedding, as digests; see `facerec gallery manifest`.",
)  # fmt: skip
@click.option(
    "--look-again", is_flag=True,
    help="Also at pictures that an earlier run refused by the looks of those enrolled then (conflict, unlike_others).",
)  # fmt: skip
@options.gallery
@options.detector
@options.encoder_of_gallery
@options.face
@force
@answering
def precompute(
    folder: Path, workers: int, engine: str, device: str, manifest: Path | None, look_again: bool, gallery: str | None,
    detector: str, encoder: str | None, face: str, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Make or complete a gallery from DIR, which holds one folder per subject, in batches.

    Stop it whenever you like: the next run passes over what is done, and a run after the last does nothing. Pictures
    that were refused are listed with the reason, and not looked at again unless told to.
    """
    from facerec import runtime
    from facerec.recognition.enrollment import BY_OTHERS
    from facerec.recognition.looking import Recipe, looker_for, useful
    from facerec.recognition.manifest import require_target, write_manifest

    if manifest and manifest.is_dir():
        raise click.UsageError(f"--manifest: {manifest} is a folder: name a file")
    if engine == "ray" and device == "cuda":
        raise click.UsageError("--engine ray looks at pictures on processors: leave --device out")
    samples = samples_of(folder)
    if manifest:
        require_target(manifest)
    runtime.use(device=device)
    recognizer = options.recognizer(gallery, create=True, detector=detector, encoder=encoder, face=face)
    recipe = Recipe(detector, encoder or options.encoder_for(recognizer.gallery, None), face)
    workers = useful(workers, len(samples), device)
    looker = looker_for(recognizer.pipeline, recipe, workers, device, engine)
    try:
        enrolling = recognizer.enroll_all(
            samples, force=force, looker=looker, look_again=BY_OTHERS if look_again else ()
        )
        status = report(bar(enrolling, len(samples), "enrolling"), as_json)
    finally:
        looker.close()
    if manifest:
        count = write_manifest(recognizer.gallery, recognizer.encoder, manifest)
        note(f"{manifest} names {counted(count, 'template')}")
    return status


def samples_of(folder: Path) -> list[Sample]:
    """What is enrolled of a folder; what is not is said."""
    from facerec.recognition.enrollment import folder_samples
    from facerec.recognition.passed_over import passed_over

    samples = folder_samples(folder)
    if left := passed_over(folder, {subject for subject, _ in samples}):
        note(f"of {folder} is passed over: {', '.join(f'{what} ({count})' for what, count in left)}")
    return samples


def report(enrollments: Iterable[Enrollment], as_json: bool) -> int:
    """Print what became of each picture, then the sums; status 2 where one was refused."""
    counts = {"enrolled": 0, "already_enrolled": 0, "refused": 0}
    for one in enrollments:
        counts["refused" if one.is_refused else one.outcome] += 1
        if as_json:
            say(True, "", asdict(one))
        elif one.is_refused:
            note(
                f"{one.outcome}: {one.reason}"
                if one.source in one.reason
                else f"{one.source}: {one.outcome}: {one.reason}"
            )
    if not as_json:
        sums = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items())
        say(False, sums, {})
    return NO_ANSWER if counts["refused"] else FOUND
