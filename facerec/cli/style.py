"""`facerec style`: a photo painted in the manner of another picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, note, say
from facerec.cli.cnn_words import COUNT
from facerec.cli.progress import Counter

if TYPE_CHECKING:
    from facerec.records import Image
    from facerec.style.transfer import Painting

NETS = ("packaged", "squeezenet", "vgg16", "vgg19", "small_vgg", "random")
SHARE = click.FloatRange(0)


class PaintsUnlessToldOtherwise(click.Group):
    """`facerec style a.jpg b.jpg` means `facerec style paint a.jpg b.jpg`: a word that is no command is a photo."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["paint", *args]
        return super().parse_args(ctx, args)


class Layers(click.ParamType):  # type: ignore[type-arg]
    """Names with commas between them, each with its weight behind a colon or with 1: relu1_1,relu2_1:0.5."""

    name = "layers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(self.one(part, param, ctx) for part in value.split(","))

    def one(self, part: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        layer, _, weight = part.strip().partition(":")
        try:
            return layer, float(weight or 1)
        except ValueError:
            self.fail(f"{part!r} is not a layer, or a layer and its weight as in relu2_1:0.5", param, ctx)


@click.group(cls=PaintsUnlessToldOtherwise)
def style() -> None:
    """Paint a photo in the manner of a picture: `facerec style CONTENT STYLE -o OUT.png`.

    That is short for `facerec style paint`, whose --help tells everything. A photo whose name is that of a command
    below is written with its folder, as ./train.
    """


@style.command()
@click.argument("content", type=options.pictures)
@click.argument("styles", type=options.pictures, nargs=-1, metavar="[STYLE]...")
@click.option("-o", "--out", type=options.pictures, required=True, metavar="FILE", help="PNG or JPEG, to write.")
@click.option(
    "--model",
    type=options.pictures,
    metavar="DIR",
    help="In one pass, by what `facerec style train` wrote there.",
)
@click.option("--steps", type=COUNT, default=200, show_default=True, help="Evaluations of the cost, at each scale.")
@click.option("--alpha", type=SHARE, default=1.0, show_default=True, help="Weight of the content.")
@click.option("--beta", type=SHARE, help="Weight of the style.  [default: as suits the net]")
@click.option("--smooth", type=SHARE, default=1.0, show_default=True, help="Weight of the total variation.")
@click.option(
    "--layers",
    type=Layers(),
    metavar="NAME[:WEIGHT],...",
    help="Of the style.  [default: those that suit the net]",
)
@click.option("--content-layer", default="", metavar="NAME", help="Of the content.  [default: as suits the net]")
@click.option("--init", type=click.Choice(["content", "noise"]), default="content", show_default=True)
@click.option("--size", type=COUNT, help="Longer side, pixels; never enlarged.  [default: 512; with --model its own]")
@click.option("--scales", type=COUNT, default=1, show_default=True, help="Paint so many sizes, each twice the last.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--optimizer", type=click.Choice(["adam", "lbfgs"]), default="adam", show_default=True)
@click.option(
    "--colours",
    type=click.Choice(["style", "matched", "luminance"]),
    default="style",
    show_default=True,
    help="The style's; the photo's, by matching the style's to them; the photo's own, with only light painted.",
)
@click.option("--mix", type=SHARE, multiple=True, metavar="SHARE", help="One for each STYLE.  [default: equal]")
@click.option("--mask", type=options.pictures, metavar="FILE", help="Paint only where this picture is white.")
@click.option("--net", type=click.Choice(NETS), default="packaged", show_default=True, help="Whose features.")
@click.option("--weights", type=options.pictures, metavar="FILE", help="Of --net: safetensors, npz, published .pth.")
@click.option("--every", type=COUNT, metavar="N", help="Keep every N-th picture for --strip and --gif.")
@click.option("--strip", type=options.pictures, metavar="FILE", help="PNG or JPEG of the pictures on the way.")
@click.option("--gif", type=options.pictures, metavar="FILE", help="The same as an animation.")
@click.option("--curve", type=options.pictures, metavar="FILE", help="PNG of the costs against the steps.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@answering
def paint(
    content: Path, styles: tuple[Path, ...], out: Path, model: Path | None, mask: Path | None, mix: tuple[float, ...],
    every: int | None, strip: Path | None, gif: Path | None, curve: Path | None, as_json: bool, **how: Any,
) -> int:  # fmt: skip
    """Paint CONTENT in the manner of STYLE; several STYLEs are mixed.

    By Gatys, Ecker and Bethge: the picture itself is changed until a network's activations agree with those of CONTENT,
    and their correlations with those of STYLE. Ctrl-C ends it without a picture. With --model, one pass of a network
    that has learned one style does it instead.
    """
    from facerec.errors import InvalidInput

    require_writable(out, strip, gif, curve)
    if model is not None:
        if styles or mask or strip or gif or curve or every or mix or given_beside_size(how):
            raise InvalidInput("with --model give the photo, --out and --size only: the model has its style inside")
        return apply_model(content, model, out, how["size"], as_json)
    if not styles:
        raise InvalidInput("give a STYLE picture behind the photo, or --model DIR")
    if (strip or gif) and every is None:
        every = max(1, how["steps"] * how["scales"] // 8)
    painting, kept = paint_watched(content, styles, mix, mask, every if strip or gif else None, how)
    write(painting, kept, out, strip, gif, curve)
    height, width = painting.image.shape[:2]
    share = painting.final[2] / painting.start[2] if painting.start[2] else 0.0
    names = ("total", "content", "style", "variation")
    facts = {
        "out": str(out), "width": width, "height": height, "steps": len(painting.curve),
        "start": dict(zip(names, painting.start, strict=True)), "final": dict(zip(names, painting.final, strict=True)),
    }  # fmt: skip
    say(as_json, f"{out}: {width}x{height} pixels; style cost {share:.1%} of the start's", facts)
    return FOUND


def given_beside_size(how: dict[str, Any]) -> bool:
    """Whether somebody set an option of painting, other than --size."""
    source, default = click.get_current_context().get_parameter_source, click.core.ParameterSource.DEFAULT
    return any(source(name) is not default for name in how if name != "size")


def require_writable(*files: Path | None) -> None:
    """Raise InvalidInput before hours of work, and not after, for a file that cannot be written."""
    from facerec.errors import InvalidInput
    from facerec.images import WRITTEN

    for file, endings in zip(files, ((*WRITTEN,), (*WRITTEN,), (".gif",), (".png",)), strict=True):
        if file is None:
            continue
        if file.suffix.lower() not in endings:
            raise InvalidInput(f"{str(file)!r} must end in {', '.join(endings)}")
        if not file.parent.is_dir():
            raise InvalidInput(f"{str(file)!r} cannot be written: there is no folder {str(file.parent)!r}")


def paint_watched(
    content: Path, styles: tuple[Path, ...], mix: tuple[float, ...], mask: Path | None, every: int | None,
    how: dict[str, Any],
) -> tuple[Painting, list[Image]]:  # fmt: skip
    """Paint behind a progress bar, and keep every so many-th picture."""
    from facerec import images

    photo, *others = (images.load(path, images.ANY_SIZE) for path in (content, *styles))
    where = None if mask is None else images.load(mask, images.ANY_SIZE)

    from facerec.style.settings import StyleSettings  # torch takes seconds: a wrong name is told before
    from facerec.style.transfer import Step
    from facerec.style.transfer import paint as painted

    settings = StyleSettings(
        net=how["net"], weights=how["weights"], layers=how["layers"] or (), content=how["content_layer"],
        alpha=how["alpha"], beta=how["beta"], variation=how["smooth"], steps=how["steps"], init=how["init"],
        size=how["size"] or 512, scales=how["scales"], seed=how["seed"], optimizer=how["optimizer"],
        colours=how["colours"], device=how["device"],
    )  # fmt: skip
    kept: list[Image] = []
    with Counter("painting", seconds_between_lines=60) as progress:

        def watch(step: Step) -> None:
            progress(step.number, step.of, f"content {step.content:.3g}  style {step.style:.3g}")
            if every and (step.number == 1 or step.number % every == 0):
                kept.append(step.image())

        painting = painted(photo, others, settings, mix, where, watch)
    if every and len(painting.curve) % every == 0:
        kept.pop()  # the painting itself takes its place
    return painting, [*kept, painting.image] if every else []


def write(
    painting: Painting, kept: list[Image], out: Path, strip: Path | None, gif: Path | None, curve: Path | None
) -> None:
    """The painting and what was asked for beside it."""
    from facerec import images

    images.save(painting.image, out)
    height, width = painting.image.shape[:2]
    kept = [images.resize(picture, (height, width)) for picture in kept]  # coarser scales are smaller
    if strip:
        images.save(images.grid(kept, len(kept)), strip)
    if gif:
        images.save_animation(kept, gif)
    if curve:
        from facerec.plots.figure import save
        from facerec.plots.style import cost_curves

        save(cost_curves({"": painting.curve}), curve)


def apply_model(content: Path, model: Path, out: Path, size: int | None, as_json: bool) -> int:
    """One photo through a network that has learned a style."""
    from facerec import images
    from facerec.style.fast.painter import open_painter

    painter = open_painter(model)
    photo = reduced(images.load(content, images.ANY_SIZE), size)
    started = time.perf_counter()
    painted = painter(photo)
    seconds = time.perf_counter() - started
    images.save(painted, out)
    height, width = painted.shape[:2]
    facts = {"out": str(out), "width": width, "height": height, "seconds": seconds, "model": painter.card["sha256"]}
    say(as_json, f"{out}: {width}x{height} pixels in {seconds:.2f} s", facts)
    return FOUND


def reduced(photo: Image, size: int | None) -> Image:
    """The photo with its longer side `size`, unless it is smaller."""
    from facerec import images

    longest = max(photo.shape[:2])
    if size is None or longest <= size:
        return photo
    height, width = (max(1, round(side * size / longest)) for side in photo.shape[:2])
    return images.resize(photo, (height, width))


@style.command()
@click.argument("style", type=options.pictures, metavar="STYLE")
@click.argument("photos", type=options.pictures, metavar="PHOTOS")
@click.option("-o", "--out", type=options.pictures, metavar="DIR", help="[default: STYLE's name and -style, here]")
@click.option("--steps", type=COUNT, default=2000, show_default=True, help="Batches to learn from.")
@click.option("--batch", type=COUNT, default=2, show_default=True)
@click.option("--crop", type=COUNT, default=128, show_default=True, help="Side of what it learns on, pixels.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.003, show_default=True)
@click.option("--width", type=COUNT, default=16, show_default=True, help="Of the network; time grows with its square.")
@click.option("--alpha", type=SHARE, default=1.0, show_default=True, help="Weight of the content.")
@click.option("--beta", type=SHARE, help="Weight of the style.  [default: as suits the net]")
@click.option("--smooth", type=SHARE, default=1.0, show_default=True, help="Weight of the total variation.")
@click.option("--layers", type=Layers(), metavar="NAME[:WEIGHT],...", help="Of the style.")
@click.option("--content-layer", default="", metavar="NAME", help="Of the content.")
@click.option("--size", type=COUNT, default=256, show_default=True, help="Longer side of STYLE, pixels.")
@click.option("--net", type=click.Choice(NETS), default="packaged", show_default=True, help="Whose features.")
@click.option("--weights", type=options.pictures, metavar="FILE", help="Of --net.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@answering
def train(
    style: Path, photos: Path, out: Path | None, steps: int, batch: int, crop: int, rate: float, width: int,
    as_json: bool, **look: Any,
) -> int:  # fmt: skip
    """Teach a network the manner of STYLE on a folder of PHOTOS of anything; then `--model DIR` paints with it.

    Stop it whenever you like; the same command goes on from the last checkpoint. The end is DIR/model.onnx.
    """
    from facerec import images
    from facerec.style.fast.export import export_style
    from facerec.style.fast.training import FastSettings, read_photos, train_style
    from facerec.style.settings import StyleSettings

    look["layers"], look["variation"] = look["layers"] or (), look.pop("smooth")
    look["content"] = look.pop("content_layer")
    settings = FastSettings(StyleSettings(**look), steps, batch, crop, rate, width)
    out = out or Path(f"{style.stem}-style")
    picture = images.load(style, images.ANY_SIZE)
    with Counter("reading") as progress:
        learned_from, left_out = read_photos(photos, crop, progress)
    for reason in left_out:
        note(f"left out: {reason}")
    with Counter("learning", seconds_between_lines=60) as progress:
        net, last = train_style(
            picture, learned_from, settings, out,
            lambda now: progress(now.step, steps, f"content {now.content:.3g}  style {now.style:.3g}"),
        )  # fmt: skip
    card = export_style(net, out, {"style": style.name, "photos": len(learned_from), "steps": steps, "costs": last})
    say(as_json, f"{out} paints like {style.name}: `facerec style PHOTO --model {out} -o OUT.png`",
        {"out": str(out), "photos": len(learned_from), "left_out": len(left_out), "steps": steps, "costs": last,
         "sha256": card["sha256"]})  # fmt: skip
    return FOUND


@style.command()
@click.argument("clip", type=options.pictures)
@click.option("--model", type=options.pictures, required=True, metavar="DIR", help="What `facerec style train` wrote.")
@click.option("-o", "--out", type=options.pictures, required=True, metavar="FILE", help="MP4, to write.")
@click.option("--size", type=COUNT, help="Longer side, pixels.  [default: the clip's]")
@answering
def video(clip: Path, model: Path, out: Path, size: int | None, as_json: bool) -> int:
    """Paint CLIP frame by frame with a network that has learned a style. Needs `pip install facerec[video]`."""
    from facerec.errors import InvalidInput
    from facerec.style.fast.painter import open_painter
    from facerec.videos import Writer, facts_of, frames

    if out.suffix.lower() != ".mp4":
        raise InvalidInput(f"{str(out)!r} must end in .mp4")
    painter, facts, count = open_painter(model), facts_of(clip), 0
    share = min(1.0, (size or max(facts.width, facts.height)) / max(facts.width, facts.height))
    width, height = (max(2, round(side * share) // 2 * 2) for side in (facts.width, facts.height))
    started = time.perf_counter()
    with Counter("painting", seconds_between_lines=60) as progress, Writer(out, facts.rate, width, height) as write:
        from facerec import images

        for _, frame in frames(clip):
            write(painter(images.resize(frame, (height, width))))
            count += 1
            progress(count, max(count, facts.frames))
    seconds = time.perf_counter() - started
    say(as_json, f"{out}: {count} frames of {width}x{height} in {seconds:.1f} s",
        {"out": str(out), "frames": count, "width": width, "height": height, "seconds": seconds})  # fmt: skip
    return FOUND
