"""`facerec segment`: what each pixel of a picture shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from facerec.cli import options
from facerec.cli.answers import FOUND, NO_ANSWER, answering, note, say
from facerec.cli.cnn_words import COUNT
from facerec.cli.progress import Counter, bar
from facerec.errors import BadImage, InvalidInput

if TYPE_CHECKING:
    from facerec.segmentation.instances import InstanceFinder
    from facerec.segmentation.segmenter import Segmenter
    from facerec.segmentation.training import Progress


@click.group()
def segment() -> None:
    """What each pixel of a picture shows: train a U-Net or an FCN, measure it, use it."""


@segment.command()
@click.argument("config", type=options.pictures, metavar="CONFIG.toml")
@click.option("-o", "--out", type=options.pictures, required=True, help="Folder of the run; stopped, it goes on there.")
@answering
def train(config: Path, out: Path, as_json: bool) -> int:
    """Train a network on pictures with a mask each, as CONFIG.toml says, into OUT.

    \b
    CONFIG.toml needs
      data     a list of `picture mask` lines, or a folder of pictures
      masks    with a folder: the folder of their masks, of the same names
      names    of the classes, in the order of their labels
    and may have
      test, test_masks      likewise; without, `holdout` (0.2) of the pictures is held back
      net                   unet (with width 32, 64 or 128), fcn8s, fcn16s or fcn32s (with trunk and trunk_weights)
      values                the grey level of each class in a mask; without, its number
      palette               a colour [r, g, b] for each class: in masks that hold colours, and for drawing
      ignore, ignore_colours  levels and colours of masks that count for nothing
      cross_entropy, dice   how much each loss counts
      weighting             even; median_frequency: rare classes weigh more; given: by class_weights
      epochs, batch, size   passes, pictures of a step, height and width of what is cut from them
      learning_rate, schedule, step_epochs, factor, milestones, warmup
      start                 weights of another run; those that fit are taken over
      [augment]             scale, rotation, mirror, flip, elastic, brightness, contrast, colour, noise

    \b
    OUT gets model.onnx, weights.safetensors, report.json, log.csv and checkpoint.safetensors.
    """
    from facerec.segmentation.making import read_material, train_into

    with Counter("reading") as progress:
        material = read_material(config, out, progress)
    outcome = train_into(out, material, lambda told: note(in_words(told)))
    if outcome.loaded:
        note(str(outcome.loaded))
    found = outcome.agreement
    say(
        as_json,
        f"mean IoU {found.mean_iou:.2%}, {found.accuracy:.2%} of the pixels of {outcome.tested_on} test pictures "
        f"are right; network in {out}",
        {"out": str(out), "learned_from": len(material.learned), **outcome.as_dict()},
    )
    return FOUND


def in_words(told: Progress) -> str:
    """A line of what a training says."""
    measured = told.tested
    after = f"  test: mean IoU {measured.mean_iou:.2%}, pixels {measured.accuracy:.2%}" if measured else ""
    return (
        f"step {told.step} of {told.steps}, epoch {told.epoch:.1f}: loss {told.loss:.4f}  "
        f"rate {told.learning_rate:.2g}  {told.seconds:.0f} s{after}"
    )


@segment.command()
@click.argument("model", type=options.pictures, metavar="RUN|MODEL.onnx")
@click.argument("data", type=options.pictures, metavar="LIST|FOLDER")
@click.option("--masks", type=options.pictures, help="With a FOLDER of pictures: the folder of their masks.")
@answering
def evaluate(model: Path, data: Path, masks: Path | None, as_json: bool) -> int:
    """Measure a trained network on pictures with a mask each.

    \b
    pixel accuracy  share of the pixels that are labelled right
    mean accuracy   mean over the classes of the share of their pixels that are labelled right
    IoU             of a class: pixels that are it and are called it / those that are it or are called it
    Dice            of a class: twice the same / those that are it plus those that are called it

    Counts are added over all pictures before anything is divided; pixels that the masks ignore are left out.
    """
    from facerec.segmentation.data import read_masked
    from facerec.segmentation.evaluating import as_answer
    from facerec.segmentation.evaluating import evaluate as measured
    from facerec.segmentation.segmenter import open_segmenter

    segmenter = open_segmenter(model)
    with Counter("reading") as progress:
        tested = read_masked(data, masks, segmenter.labels, progress)
    with Counter("labelling") as progress:
        found = measured(segmenter, tested, progress)
    answer = as_answer(found, segmenter.labels.names)
    say(as_json, "\n".join(table(answer)), {"model": str(model), "tested_on": len(tested), **answer})
    return FOUND


def table(answer: dict[str, Any]) -> Iterator[str]:
    """The measures, a line each."""
    width = max(map(len, answer["classes"]), default=0)
    yield f"{'class'.ljust(width)}     IoU    Dice  recall"
    for name, own in answer["classes"].items():
        cells = ("      -" if own[key] is None else f"{own[key]:7.2%}" for key in ("iou", "dice", "recall"))
        yield f"{name.ljust(width)} {' '.join(cells)}"
    yield f"mean IoU {answer['mean_iou']:.2%}, pixel accuracy {answer['accuracy']:.2%}, " \
          f"mean accuracy {answer['mean_accuracy']:.2%}, {answer['pixels']:,} pixels"  # fmt: skip


@segment.command()
@click.argument("model", type=options.pictures, metavar="RUN|MODEL.onnx")
@click.argument("photos", type=options.pictures, nargs=-1, required=True, metavar="PHOTO|DIR...")
@click.option("-o", "--out", type=options.pictures, required=True, help="Folder for the drawn pictures.")
@click.option("--opacity", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the classes' colours.")
@answering
def run(model: Path, photos: tuple[Path, ...], out: Path, opacity: float, as_json: bool) -> int:
    """Say what each pixel of photos shows, and draw it.

    OUT gets NAME.png, the photo with each class's colour over its pixels, and NAME-labels.png, whose numbers are the
    labels. What is printed are the classes' shares of each photo. Folders are searched; needs no torch.
    """
    from facerec.segmentation.segmenter import open_segmenter

    segmenter = open_segmenter(model)
    files = list(found_in(photos))
    refused = 0
    for photo, name in bar(zip(files, distinct(files), strict=True), len(files), "labelling"):
        try:
            shares = draw(segmenter, photo, out, name, opacity)
        except BadImage as error:
            refused += 1
            say(as_json, f"{photo}: {error}", {"file": str(photo), "outcome": error.code, "reason": str(error)})
            continue
        parts = {label: share for label, share in shares.items() if share}
        words = ", ".join(f"{label} {share:.1%}" for label, share in sorted(parts.items(), key=lambda part: -part[1]))
        made = {"overlay": str(out / f"{name}.png"), "labels": str(out / f"{name}-labels.png")}
        say(as_json, f"{photo}: {words}", {"file": str(photo), "outcome": "found", **made, "shares": shares})
    return NO_ANSWER if refused else FOUND


def found_in(photos: tuple[Path, ...]) -> Iterator[Path]:
    """Each photo, and each in a folder. Raises InvalidInput for a folder without any."""
    from facerec import images

    for place in photos:
        if not place.is_dir():
            yield place
        elif inside := images.find(place):
            yield from inside
        else:
            raise InvalidInput(f"no picture in {place}: give a folder with pictures in it")


def distinct(files: list[Path]) -> list[str]:
    """A name for what is made of each file: its own, with a number behind it where another has that already."""
    names: list[str] = []
    for file in files:
        name, number = file.stem, 2
        while name in names:
            name, number = f"{file.stem}-{number}", number + 1
        names.append(name)
    return names


def draw(segmenter: Segmenter, photo: Path, out: Path, name: str, opacity: float) -> dict[str, float]:
    """Label a photo, write both pictures, and say which share of it each class has."""
    from facerec import images
    from facerec.images.masks import save_mask
    from facerec.segmentation.overlay import overlay

    image = images.load(photo, images.ANY_SIZE)
    labels, colours = segmenter(image), segmenter.labels.colours
    save_mask(labels, colours, out / f"{name}-labels.png")
    images.save(overlay(image, labels, colours, opacity), out / f"{name}.png")
    counts = np.bincount(labels.ravel(), minlength=len(colours)) / labels.size
    return dict(zip(segmenter.labels.names, counts.tolist(), strict=True))


@segment.command()
@click.argument("weights", type=options.pictures, metavar="WEIGHTS.safetensors")
@click.argument("photos", type=options.pictures, nargs=-1, required=True, metavar="PHOTO|DIR...")
@click.option("-o", "--out", type=options.pictures, required=True, help="Folder for the drawn pictures.")
@click.option("--floor", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Least score of a thing.")
@click.option("--name", "names", multiple=True, help="Of each class, in their order. Default: COCO's, else numbers.")
@answering
def instances(
    weights: Path, photos: tuple[Path, ...], out: Path, floor: float, names: tuple[str, ...], as_json: bool
) -> int:
    """Find single things on photos and their masks, by Mask R-CNN over a ResNet-50.

    WEIGHTS are under torchvision's names. Its published ones for COCO (maskrcnn_resnet50_fpn_coco) are a pickle:
    convert them once, where you trust it, with safetensors' save_file. OUT gets NAME.png, the photo with each thing in
    its colour, and NAME-instances.png, whose numbers are the things, 1 for the first. Needs a torchvision that fits
    the installed torch.
    """
    from facerec.segmentation.instances import open_instances

    finder = open_instances(weights, names)
    files = list(found_in(photos))
    refused = 0
    for photo, name in bar(zip(files, distinct(files), strict=True), len(files), "finding"):
        try:
            things = draw_things(finder, photo, out, name, floor)
        except BadImage as error:
            refused += 1
            say(as_json, f"{photo}: {error}", {"file": str(photo), "outcome": error.code, "reason": str(error)})
            continue
        words = ", ".join(f"{thing['name']} {thing['score']:.0%}" for thing in things) or "nothing"
        made = {"overlay": str(out / f"{name}.png"), "numbers": str(out / f"{name}-instances.png")}
        say(as_json, f"{photo}: {words}", {"file": str(photo), "outcome": "found", **made, "things": things})
    return NO_ANSWER if refused else FOUND


def draw_things(finder: InstanceFinder, photo: Path, out: Path, name: str, floor: float) -> list[dict[str, Any]]:
    """Find the things on a photo, write both pictures, and say what there is."""
    from facerec import images
    from facerec.images.masks import save_mask
    from facerec.segmentation.masks import COLOURS
    from facerec.segmentation.overlay import overlay

    image = images.load(photo, images.ANY_SIZE)
    found = finder(image, floor)
    numbers, colours = found.numbered(), [COLOURS[place % len(COLOURS)] for place in range(len(found))]
    save_mask(numbers, [(0, 0, 0), *colours], out / f"{name}-instances.png")
    painted = overlay(image, np.where(numbers, numbers - 1, 255), colours or COLOURS)
    labels = [f"{finder.names[label]} {score:.0%}" for label, score in zip(found.labels, found.scores, strict=True)]
    images.save(images.annotate(painted, found.boxes, labels, colours), out / f"{name}.png")
    return [
        {"name": finder.names[label], "score": float(score), "box": box.tolist(), "pixels": int(mask.sum())}
        for label, score, box, mask in zip(found.labels, found.scores, found.boxes, found.masks, strict=True)
    ]


@segment.command()
@click.argument("net", metavar="unet|fcn8s|fcn16s|fcn32s")
@click.option("--width", type=int, default=64, show_default=True, help="Of a U-Net's finest level: 32, 64 or 128.")
@click.option("--trunk", default="vgg16", show_default=True, help="Of an FCN: vgg16, vgg19 or squeezenet.")
@click.option("--classes", type=COUNT, default=21, show_default=True)
@click.option("--channels", type=COUNT, default=3, show_default=True)
@click.option("--input", "sizes", type=COUNT, nargs=2, default=(240, 320), show_default=True, metavar="HEIGHT WIDTH")
@answering
def summary(
    net: str, width: int, trunk: str, classes: int, channels: int, sizes: tuple[int, int], as_json: bool
) -> int:
    """Every layer of NET: its output's channels and size, parameters, multiply-adds, memory, receptive field.

    Of a U-Net first the plan of its channels. See `facerec cnn summary` for what the columns are.
    """
    from facerec.cli.cnn import say_layers
    from facerec.segmentation.describing import channel_plan, summarise_segmenter

    found = summarise_segmenter(net, width, trunk, classes, channels, sizes)
    if net == "unet" and not as_json:
        click.echo(channel_plan(width) + "\n")
    return say_layers(net, found, as_json)
