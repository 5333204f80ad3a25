"""`facerec cnn show`: pictures of what a network, or a filter made by hand, sees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.cnn_arithmetic import taking
from facerec.cli.cnn_words import COUNT
from facerec.cli.progress import Counter, bar

if TYPE_CHECKING:
    from facerec.cnn.visualise import Sight
    from facerec.records import Image

out = click.option("--out", type=options.pictures, required=True, metavar="FILE", help="PNG or JPEG, to write.")
layer = click.option("--layer", required=True, metavar="NAME", help="As `facerec cnn summary` names it.")
network = taking(
    click.option("--net", required=True, metavar="NAME", help="A network, as in `facerec cnn summary`."),
    click.option(
        "--weights", type=options.pictures, metavar="FILE", help="Its weights: safetensors, npz or a published .pth.",
    ),
    click.option("--published", is_flag=True, help="The published weights, as `facerec cnn classify` fetches them."),
    click.option("--classes", type=COUNT, help="Where the file does not say.  [default: as published]"),
    click.option("--channels", type=COUNT, help="Where the file does not say.  [default: as published]"),
)  # fmt: skip


@click.group()
def show() -> None:
    """What a network learned to see, as a picture."""


@show.command()
@click.argument("picture", type=options.pictures)
@click.option("--filter", "names", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@out
@answering
def edges(picture: Path, names: tuple[str, ...], out: Path, as_json: bool) -> int:
    """The vertical and horizontal edges of PICTURE, as plain, Sobel and Scharr filters find them."""
    from facerec.cnn.filters import FILTERS, edge_maps
    from facerec.cnn.paint import sheet, signed

    maps = edge_maps(loaded(picture), names or tuple(FILTERS))
    return saved(sheet([signed(found) for found in maps.values()], 2), out, as_json, filters=list(maps))


@show.command()
@network
@out
@answering
def filters(out: Path, as_json: bool, **named: Any) -> int:
    """The filters of the first layer; mid-grey is zero."""
    from facerec.cnn.visualise import first_filters, paint_filters

    found = first_filters(look(**named).net)
    return saved(paint_filters(found), out, as_json, filters=len(found))


@show.command()
@click.argument("picture", type=options.pictures)
@network
@layer
@click.option("--count", type=COUNT, default=64, show_default=True, help="The first so many maps.")
@out
@answering
def maps(picture: Path, layer: str, count: int, out: Path, as_json: bool, **named: Any) -> int:
    """The feature maps that a layer makes of PICTURE, each from black to white."""
    from facerec.cnn.visualise import feature_maps, paint_maps

    found = feature_maps(look(**named), layer, loaded(picture))
    return saved(paint_maps(found[:count]), out, as_json, maps=len(found))


@show.command()
@click.argument("folder", type=options.pictures)
@network
@layer
@click.option("--unit", type=int, required=True, help="Which map of the layer, from 0.")
@click.option("--count", type=COUNT, default=9, show_default=True, help="How many patches.")
@out
@answering
def patches(folder: Path, layer: str, unit: int, count: int, out: Path, as_json: bool, **named: Any) -> int:
    """The patches of the pictures in FOLDER that excite one unit most, best first, one of each picture."""
    from facerec import images
    from facerec.cnn.visualise import exciting_patches, opened, paint_patches

    sight, paths = look(**named), images.find(folder)
    pictures = opened(bar(paths, len(paths), "looking"), folder, lambda reason: note(f"left out: {reason}"))
    found = exciting_patches(sight, layer, unit, pictures, count)
    facts = [{"source": patch.source, "box": patch.box, "activation": patch.activation} for patch in found]
    return saved(paint_patches(found), out, as_json, patches=facts)


@show.command()
@click.argument("picture", type=options.pictures)
@network
@click.option("--class", "label", type=int, help="Default: the one that the network predicts.")
@click.option("--square", type=COUNT, help="Side of the covering square, pixels.  [default: 3/14 of the input's]")
@click.option("--stride", type=COUNT, help="From one position to the next, pixels.  [default: a sixth of the square]")
@out
@answering
def occlusion(
    picture: Path, label: int | None, square: int | None, stride: int | None, out: Path, as_json: bool, **named: Any
) -> int:
    """Where in PICTURE a class is seen: it glows where a grey square costs the class most."""
    from facerec.cnn import visualise

    sight = look(**named)
    with Counter("covering") as progress:
        seen = visualise.occlusion(sight, loaded(picture), square, stride, label, progress=progress)
    name = sight.names[seen.label] if sight.names else str(seen.label)
    note(f"class {name}: {seen.share:.0%}, and {seen.shares.min():.0%} where it is covered worst")
    facts = {"class": seen.label, "name": name, "probability": seen.share, "lowest": float(seen.shares.min())}
    return saved(visualise.paint_occlusion(seen), out, as_json, **facts)


def look(net: str, weights: Path | None, published: bool, classes: int | None, channels: int | None) -> Sight:
    """The network that the options describe. Raises InvalidInput for two sources of weights."""
    from facerec.cnn.pretrained import open_classifier
    from facerec.cnn.visualise import Sight, look_into_fresh
    from facerec.errors import InvalidInput

    if published and weights:
        raise InvalidInput("give --weights FILE or --published, not both")
    if published or weights:
        found = open_classifier(net, weights, classes, channels)
        return Sight(found.net, found.preparation, found.names)
    note("these weights are fresh and have learned nothing: give --weights FILE, or --published")
    return look_into_fresh(net, classes, channels)


def loaded(picture: Path) -> Image:
    """A picture of any size."""
    from facerec import images

    return images.load(picture, images.ANY_SIZE)


def saved(picture: Image, out: Path, as_json: bool, **facts: Any) -> int:
    """Write the picture and say what is on it."""
    from facerec import images

    images.save(picture, out)
    say(as_json, f"{out}: {picture.shape[1]}x{picture.shape[0]} pixels", {"out": str(out), **facts})
    return FOUND
