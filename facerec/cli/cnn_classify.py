"""`facerec cnn classify`: what is on a picture, by a network with trained weights."""

from __future__ import annotations

from pathlib import Path

import click

from facerec.cli import options
from facerec.cli.answers import FOUND, answering, say
from facerec.cli.cnn_words import COUNT


@click.command()
@click.argument("photo", type=options.pictures)
@click.option("--net", required=True, metavar="NAME", help="A network, as in `facerec cnn summary`.")
@click.option("--top", type=COUNT, default=3, show_default=True, help="So many classes, best first.")
@click.option(
    "--weights", type=options.pictures, multiple=True, metavar="FILE",
    help="Instead of the published ones: safetensors, npz or a published .pth. Several are averaged.",
)  # fmt: skip
@click.option("--ten-crops", is_flag=True, help="Average over corners, middle and their mirror images.")
@answering
def classify(net: str, photo: Path, top: int, weights: tuple[Path, ...], ten_crops: bool, as_json: bool) -> int:
    """What PHOTO shows, and how probable the network takes it to be.

    Published weights are fetched once, checked by their digest, and kept in the cache.
    """
    from facerec import images
    from facerec.cnn.classifier import averaged, best
    from facerec.cnn.pretrained import open_classifier

    image = images.load(photo, images.ANY_SIZE)
    members = [open_classifier(net, path) for path in weights or (None,)]
    answer = averaged([member.over_ten_crops(image) if ten_crops else member(image) for member in members])
    for guess in best(answer, members[0].names, top):
        say(
            as_json,
            f"{guess.probability:6.1%}  {guess.name}",
            {
                "photo": str(photo),
                "network": net,
                "class": guess.label,
                "name": guess.name,
                "probability": guess.probability,
            },
        )
    return FOUND
