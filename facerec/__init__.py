"""Verify and recognise faces.

>>> from facerec import Recognizer
>>> Recognizer.__name__
'Recognizer'

The public names are `Recognizer`, the error that all others are kinds of, the records that answers are made of, and the
module `images`. Importing this package loads no torch, no database and no inference engine.
"""

from facerec import images
from facerec.errors import FacerecError
from facerec.recognition import Enrollment, Recognizer
from facerec.records import Identification, OperatingPoint, Verification
from facerec.version import VERSION as __version__

__all__ = [
    "Enrollment",
    "FacerecError",
    "Identification",
    "OperatingPoint",
    "Recognizer",
    "Verification",
    "__version__",
    "images",
]
