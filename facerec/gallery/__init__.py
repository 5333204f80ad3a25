"""The gallery: enrolled templates in a database, which is the truth, and indexes derived from it.

Importing this package loads neither sqlalchemy nor faiss, so that `facerec verify A B`, which needs no gallery,
does not pay for them; `open_gallery` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery


def open_gallery(where: str | Path, create: bool = True) -> Gallery:
    """The gallery at a path or at a sqlite:// or postgresql:// URL; made there if absent, unless `create` is False.

    A gallery of an older facerec is upgraded, one of a newer facerec is refused and left as it is.
    Raises GalleryUnusable with the reason, and MissingPart when the URL's driver is not installed.
    """
    from facerec.gallery.store import Gallery

    return Gallery.open(where, create)
