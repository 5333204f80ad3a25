"""`facerec detect`: find things in photos and videos; train what finds them; measure how well it does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, NO_ANSWER, NOT_FOUND, answering, note, say
from facerec.cli.progress import Counter as Bar
from facerec.cli.progress import bar

if TYPE_CHECKING:
    from facerec.detection.fitting import Step
    from facerec.finding import Finder

Row = tuple[str, int | None, dict[str, Any]]


class WithPhotos(click.Group):
    """A group whose first word may also be a photo: then `run` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=WithPhotos)
def detect() -> None:
    """Find things in photos and videos: `facerec detect PHOTO|FOLDER|VIDEO... --model faces|FOLDER`."""


share = click.FloatRange(0, 1)
model = click.option(
    "--model", default="faces", show_default=True, metavar="faces|FOLDER",
    help="faces, faces:DETECTOR, or a folder that `facerec detect train` wrote.",
)  # fmt: skip
floor = click.option("--min-score", type=share, default=0.25, show_default=True, help="Least score of a detection.")
overlap = click.option(
    "--overlap", type=share, default=0.45, show_default=True,
    help="Two of a class that overlap by a larger IoU are one: the better stays.",
)  # fmt: skip


@detect.command()
@click.argument("photos", type=options.pictures, nargs=-1, required=True, metavar="PHOTO|FOLDER|VIDEO...")
@model
@floor
@overlap
@click.option("-o", "--out", type=options.pictures, help="Folder for the pictures and videos with boxes drawn.")
@click.option("--csv", "table", type=options.pictures, metavar="FILE", help="Write all boxes into a CSV file.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Of a video, every so many frames.")
@answering
def run(
    photos: tuple[Path, ...], model: str, min_score: float, overlap: float, out: Path | None, table: Path | None,
    every: int, as_json: bool,
) -> int:  # fmt: skip
    """Find things in photos, folders of photos and videos. The word `run` may be left out."""
    from facerec.detection.choosing import Choice
    from facerec.errors import BadImage
    from facerec.finding import open_finder, ready_folder, table_of
    from facerec.videos import is_video_name

    finder = open_finder(model, Choice(min_score, overlap))
    if out:
        ready_folder(out)
    rows: list[Row] = []
    unread = 0
    sources = list(sources_of(photos))
    has_bars = len(sources) == 1 or any(is_video_name(path) for path, _ in sources)  # a video shows one of its own
    for path, inside in sources if has_bars else bar(sources, len(sources), "finding"):
        try:
            if is_video_name(path):
                rows += video(finder, path, every, out and out / inside, as_json)
            else:
                rows += photo(finder, path, out and out / inside, as_json)
        except BadImage as error:
            unread += 1
            say(as_json, f"{path}: {error}", {"file": str(path), "outcome": error.code, "reason": str(error)})
    if table:
        table_of(rows, table)
    return NO_ANSWER if unread else FOUND if rows else NOT_FOUND


def sources_of(photos: tuple[Path, ...]) -> list[tuple[Path, Path]]:
    """Each file, those in folders too, and its place below the folder that it was found in, which no two share."""
    from facerec import images
    from facerec.errors import InvalidInput
    from facerec.videos import is_video_name

    found: list[tuple[Path, Path]] = []
    for path in photos:
        if not path.is_dir():
            found.append((path, Path(path.name)))
            continue
        videos = [each for each in path.rglob("*") if is_video_name(each)]
        inside = sorted([*images.find(path), *videos])
        if not inside:
            raise InvalidInput(f"no photo and no video in {str(path)!r}")
        found += [(each, each.relative_to(path)) for each in inside]
    return list(zip([each for each, _ in found], distinct([inside for _, inside in found]), strict=True))


def distinct(places: list[Path]) -> Iterator[Path]:
    """The places, those that came before with a number."""
    seen: Counter[Path] = Counter()
    for place in places:
        seen[place] += 1
        yield place if seen[place] == 1 else place.with_name(f"{place.stem}-{seen[place]}{place.suffix}")


def photo(finder: Finder, path: Path, out: Path | None, as_json: bool) -> list[Row]:
    """Find in one photo, and tell."""
    from facerec import images
    from facerec.finding import answers_of, drawn, place_for

    image = images.load(path, images.ANY_SIZE)
    found = finder(image)
    answers = answers_of(found, finder.names)
    if out:
        images.save(drawn(image, found, finder.names), place_for(out, path, images.WRITTEN, ".png"))
    say(as_json, f"{path}: {in_words(answers)}", {"file": str(path), "outcome": outcome(answers), "found": answers})
    return [(str(path), None, each) for each in answers]


def video(finder: Finder, path: Path, every: int, out: Path | None, as_json: bool) -> list[Row]:
    """Find in every so many frames of a video, and tell of each and of the pace."""
    from contextlib import ExitStack

    from facerec.finding import answers_of, drawn, place_for
    from facerec.videos import Writer, facts_of, frames

    rows: list[Row] = []
    facts, started, seen, number = facts_of(path), time.perf_counter(), 0, 0
    with ExitStack() as stack:
        writer = None
        target = place_for(out, path, (".mp4",), ".mp4") if out else None
        counter = stack.enter_context(Bar(path.name))
        for number, frame in frames(path, every):
            found = finder(frame)
            answers = answers_of(found, finder.names)
            if target and not writer:
                writer = stack.enter_context(Writer(target, facts.rate / every, frame.shape[1], frame.shape[0]))
            if writer:
                writer(drawn(frame, found, finder.names))
            seen += 1
            pace = seen / (time.perf_counter() - started)
            counter(number + 1, facts.frames, f"{path.name}  {pace:.1f} frames/s")
            second = round(number / facts.rate, 3) if facts.rate else None
            answer = {"file": str(path), "frame": number, "second": second, "outcome": outcome(answers)}
            say(as_json, f"{path} frame {number}: {in_words(answers)}", answer | {"found": answers})
            rows += [(str(path), number, each) for each in answers]
    note(f"{path}: {seen} frames, {seen / (time.perf_counter() - started):.1f} frames per second")
    if number + every < facts.frames:
        note(f"{path} ends after frame {number} of {facts.frames}: the rest cannot be read")
    return rows


def outcome(answers: list[dict[str, Any]]) -> str:
    return "found" if answers else "nothing"


def in_words(answers: list[dict[str, Any]]) -> str:
    """How many of each class, and the best score of each."""
    names = dict.fromkeys(each["name"] for each in answers)
    counted = [[each["score"] for each in answers if each["name"] == name] for name in names]
    told = [f"{len(own)} {name} (best {max(own):.2f})" for name, own in zip(names, counted, strict=True)]
    return ", ".join(told) or "nothing"


@detect.command()
@click.argument("config", type=options.pictures, metavar="CONFIG.toml")
@click.option("-o", "--out", type=options.pictures, required=True, help="Folder for the detector and its log.csv.")
@answering
def train(config: Path, out: Path, as_json: bool) -> int:
    """Train a detector on marked pictures (VOC XML, COCO JSON or a list file), as CONFIG.toml says.

    With `method` in it one of the R-CNN family: rcnn, fast_rcnn, faster_rcnn or rfcn; else a YOLO.

    A run that was stopped goes on where its last checkpoint stands.
    """
    if has_method(config):
        return train_regions(config, out, as_json)
    from facerec.detection.training import read_material, train_into

    with Bar("reading") as progress:
        material = read_material(config, out, progress)
    for source, reason in material.refused:
        note(f"left out {source}: {reason}")
    with Bar("training", seconds_between_lines=30) as progress:

        def hear(step: Step, steps: int) -> None:
            progress(step.step, steps, step_in_words(step))
            if step.mean_ap is not None:
                note(f"step {step.step}: mAP@0.5 {step.mean_ap:.3f} on val")

        facts = train_into(out, material, hear)
    shown = facts["val_mean_ap"]
    told = "" if shown is None else f", mAP@0.5 {shown:.3f} on val"
    answer = {"out": str(out), "learned_from": len(material.train), "left_out": len(material.refused)}
    answer |= {name: facts[name] for name in ("steps", "objects", "val_mean_ap")}
    say(as_json, f"trained {facts['steps']} steps on {len(material.train)} pictures{told}; detector in {out}", answer)
    return FOUND


def has_method(config: Path) -> bool:
    """Does the file ask for one of the R-CNN family? What is wrong with it, whoever reads it whole will say."""
    import tomllib

    try:
        return "method" in tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def train_regions(config: Path, out: Path, as_json: bool) -> int:
    """Train or fit a detector of the R-CNN family."""
    from facerec.detection.region_training import train_regions_into

    with Bar("training", seconds_between_lines=30) as progress:
        facts, refused = train_regions_into(out, config, progress, lambda done, of: progress(done, of, "reading"))
    for source, reason in refused:
        note(f"left out {source}: {reason}")
    shown = facts["val_mean_ap"]
    told = "" if shown is None else f", mAP@0.5 {shown:.3f} on val"
    answer = {"out": str(out), "learned_from": facts["pictures"], "left_out": len(refused)}
    answer |= {name: facts[name] for name in ("steps", "objects", "val_mean_ap")}
    say(as_json, f"learned from {facts['pictures']} pictures{told}; detector in {out}", answer)
    return FOUND


def step_in_words(step: Step) -> str:
    return f"loss {step.loss:.3f} (box {step.box:.3f}, object {step.object:.3f}, class {step.kind:.3f})"


@detect.command()
@click.argument("data", type=options.pictures, metavar="DATA")
@model
@floor
@overlap
@click.option("-o", "--out", type=options.pictures, metavar="FILE", help="Write the figures into a JSON file.")
@answering
def evaluate(data: Path, model: str, min_score: float, overlap: float, out: Path | None, as_json: bool) -> int:
    """Average precision of a detector on marked pictures: a VOC folder or list, a COCO .json or a list file.

    --min-score is for the counts of found, wrong and missed objects; average precision looks at all scores.
    """
    import json

    from facerec.detection.choosing import MEASURING, Choice
    from facerec.detection.datasets import read_annotated
    from facerec.detection.evaluating import measure
    from facerec.finding import open_finder
    from facerec.replacing import replacing

    finder = open_finder(model, Choice(MEASURING.floor, overlap, MEASURING.most))
    with Bar("finding") as progress:
        measured = measure(finder, read_annotated(data, finder.names), progress)
    for source, reason in measured.refused:
        note(f"left out {source}: {reason}")
    facts = {"model": model, "data": str(data)} | measured.as_dict(min_score)
    if out:
        with replacing(out) as fresh:
            fresh.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    say(as_json, figures_in_words(facts), facts)
    return FOUND


def figures_in_words(facts: dict[str, Any]) -> str:
    """A line for each class, and one for all."""
    lines = [
        f"{name:20}  AP@0.5 {'   -' if row['ap_50'] is None else format(row['ap_50'], '.3f')}  "
        f"{row['found']} of {row['objects']} found, {row['wrong']} wrong"
        for name, row in facts["classes"].items()
    ]
    return "\n".join([
        *lines,
        f"mAP@0.5 {facts['mean_ap_50']:.3f}  COCO AP {facts['coco_ap']:.3f}  {facts['pictures']} pictures, "
        f"{facts['seconds_per_picture'] * 1000:.1f} ms each",
    ])  # fmt: skip
