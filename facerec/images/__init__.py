"""The door for images: bytes of a picture -> upright RGB uint8, or an error that says what came and what to do.

The only home of Pillow. Metadata (EXIF, GPS, comments) stays outside: it is neither kept nor written.

>>> import numpy as np
>>> decode(encode(np.full((40, 30, 3), 200, np.uint8), "PNG")).shape
(40, 30, 3)
"""

from facerec.images.decoding import ANY_SIZE, Limits, decode, load, read_bytes
from facerec.images.drawing import annotate, grid
from facerec.images.files import WRITTEN, encode, find, is_picture_name, save, save_animation
from facerec.images.resizing import resize

__all__ = [
    "ANY_SIZE",
    "WRITTEN",
    "Limits",
    "annotate",
    "decode",
    "encode",
    "find",
    "grid",
    "is_picture_name",
    "load",
    "read_bytes",
    "resize",
    "save",
    "save_animation",
]
