"""Options that several commands share, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery
    from facerec.recognition import Recognizer

gallery = click.option(
    "--gallery", metavar="PATH|URL",
    help="An SQLite file or a postgresql:// URL. Default: FACEREC_GALLERY, else a file in your data folder.",
)  # fmt: skip
detector = click.option(
    "--detector", default="mtcnn", show_default=True, metavar="NAME[:SOURCE]",
    help="mtcnn, or facerec, or yunet:FILE.onnx, or yunet:https://...#sha256=DIGEST.",
)  # fmt: skip
encoder = click.option(
    "--encoder", default="default", show_default=True, metavar="NAME|DIR",
    help="A packaged encoder, or a folder that `facerec export` wrote.",
)  # fmt: skip
encoder_of_gallery = click.option(
    "--encoder", metavar="NAME|DIR",
    help="A packaged encoder, or a folder that `facerec export` wrote.  [default: the one that the gallery uses]",
)  # fmt: skip
face = click.option(
    "--face", type=click.Choice(["only", "largest", "centre"]), default="only", show_default=True,
    help="Where a picture shows several faces and one is meant: refuse it, or choose.",
)  # fmt: skip
yes = click.option("--yes", is_flag=True, help="Do not ask before something is destroyed.")
templates = click.option(
    "--templates", type=click.Choice(["fused", "each"]),
    help="Where a subject has several pictures: compare with all as one, or with each, and the most similar counts.  "
    "[default: fused; each where the search is outside of this process]",
)  # fmt: skip
index = click.option(
    "--index", metavar="exact|half|FACTORY|server|milvus:URI[#KIND]",
    help="How everybody is searched: without approximation, by a name of faiss's, such as HNSW32 or "
    "'IVF1024,Flat;nprobe=16', or outside of this process: by PostgreSQL, or by Milvus and its index FLAT, HNSW, "
    "IVF_FLAT or IVF_SQ8: docs/scaling.md.  [default: what `facerec gallery index` chose, else exact]",
)  # fmt: skip
device = click.option(
    "--device", type=click.Choice(["cpu", "cuda", "auto"]), default="cpu", show_default=True,
    help="Where the search runs. cuda that is not there is an error; auto says when it does not use one that is there.",
)  # fmt: skip
workers = click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True,
    help="Processes that look at pictures, each with one thread. One: this process, with every core.",
)  # fmt: skip
looking_device = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
    help="Where faces are found and embedded. On cuda the workers decode.",
)  # fmt: skip
pictures = click.Path(path_type=Path)


def recognizer(gallery: str | None, *, create: bool = False, **parts: Any) -> Recognizer:
    """The recognizer that the options describe, with the named or default gallery; made if absent only by `create`."""
    from facerec.gallery import open_gallery
    from facerec.recognition import Recognizer
    from facerec.settings import default_gallery

    return Recognizer.open(open_gallery(gallery or default_gallery(), create), **parts)


def encoder_for(gallery: Gallery, named: str | None) -> str:
    """The encoder that was named, or the one that the gallery uses."""
    from facerec.recognition.encoder_in_use import encoder_in_use

    return encoder_in_use(gallery) if named is None else named


def existing_gallery(where: str | None) -> Gallery:
    """The named or default gallery, which must be there."""
    from facerec.gallery import open_gallery
    from facerec.settings import default_gallery

    return open_gallery(where or default_gallery(), create=False)
