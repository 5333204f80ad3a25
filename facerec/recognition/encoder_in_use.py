"""Which encoder a gallery is searched with: the packaged one, until another was switched to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from facerec.errors import EncoderMismatch, InvalidInput
from facerec.faces.encoder import PACKAGED, Card, encoder_folder
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.deciding import FMR

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

ENCODER_SETTING = "encoder"
DEFAULT = "default"


def encoder_in_use(gallery: Gallery) -> str:
    """A packaged encoder's name, or a folder. Raises EncoderMismatch where another encoder lies there by now."""
    chosen = gallery.setting(ENCODER_SETTING)
    return DEFAULT if chosen is None else _place(chosen)


def switch_to(gallery: Gallery, encoder: str | Path, is_incomplete_meant: bool = False) -> Card:
    """Search with another encoder from now on, in one step; templates stay as they are.

    Raises InvalidInput where faces lack a template of it (they would not be found any more), unless that is meant.
    """
    card = Card.read(encoder_folder(encoder))
    missing = gallery.embeddings(card.digest).missing
    if missing and not is_incomplete_meant:
        raise InvalidInput(
            f"not every face has a template of encoder {card.name}: {missing} would not be found; "
            f"`facerec gallery migrate --to {encoder}` makes them, --incomplete switches without"
        )
    place = str(encoder) if str(encoder) in PACKAGED else str(Path(encoder).absolute())
    _choose(gallery, json.dumps({"place": place, "digest": card.digest}), card.operating_points)
    return card


def switch_back(gallery: Gallery) -> Card:
    """Search again with the encoder from before the last switch. Raises InvalidInput where there was none."""
    if gallery.setting(ENCODER_SETTING) is None:
        raise InvalidInput("the gallery has used one encoder only: there is nothing to go back to")
    before = gallery.setting(ENCODER_SETTING, before=1)
    return switch_to(gallery, DEFAULT if before is None else _place(before), is_incomplete_meant=True)


def _choose(gallery: Gallery, setting: str, points: OperatingPoints) -> None:
    """The threshold first: whoever reads the setting finds one."""
    digest = json.loads(setting)["digest"]
    if gallery.operating_point(digest) is None:
        gallery.save_operating_point(points.at_fmr(FMR))
    gallery.save_setting(ENCODER_SETTING, setting)


def _place(setting: str) -> str:
    chosen = json.loads(setting)
    place: str = chosen["place"]
    found = Card.read(encoder_folder(place)).digest
    if found != chosen["digest"]:
        raise EncoderMismatch(
            f"the gallery uses encoder {chosen['digest'][:12]} from {place}, where {found[:12]} lies by now: put it "
            "back, name one with --encoder, or switch to another with `facerec gallery switch`"
        )
    return place
