"""
FacerecError                      catch this one at the edge
├── InvalidInput (ValueError)     the caller's mistake: shape, dtype, range, unknown name
├── BadImage                      these bytes are no picture that can be used
│   ├── UnsupportedFormat         a format outside the list, or one that needs an extra
│   ├── ImageTooLarge             too many bytes, pixels, or too long a side
│   └── ImageTooSmall             a side too short to hold a face
├── NoFace                        nothing to work on in this image: data, not a bug
├── ManyFaces                     more than one face where one was meant
├── NotEnrolled                   the subject is not in the gallery
├── GalleryUnusable               the gallery cannot be opened, read or written as asked
├── EncoderMismatch               embeddings of different encoders must never be compared
├── DamagedFile                   weights or a snapshot whose content is not what its digest says
└── MissingPart                   a file or an optional package that this call needs is not here

Every class carries `code`, the word that `--json` prints for it.
"""


class FacerecError(Exception):
    """The root of every error that this package raises on purpose."""

    code = "error"


class InvalidInput(FacerecError, ValueError):
    """The arguments cannot be used as given."""

    code = "invalid_input"


class BadImage(FacerecError):
    """The bytes are no picture that can be used."""

    code = "bad_image"


class UnsupportedFormat(BadImage):
    """The picture's format is outside the list of formats, or needs an optional package."""

    code = "unsupported_format"


class ImageTooLarge(BadImage):
    """The picture has too many bytes, too many pixels or too long a side."""

    code = "image_too_large"


class ImageTooSmall(BadImage):
    """The picture has a side too short to hold a face."""

    code = "image_too_small"


class NoFace(FacerecError):
    """No face was found in a picture that must contain one."""

    code = "no_face"

    def __init__(self, source: str):
        super().__init__(f"no face found in {source}")
        self.source = source


class ManyFaces(FacerecError):
    """More than one face was found in a picture where one was meant."""

    code = "many_faces"

    def __init__(self, source: str, count: int):
        super().__init__(f"{count} faces found in {source}, one was meant: crop it, or choose with --face largest")
        self.source = source
        self.count = count


class NotEnrolled(FacerecError):
    """The subject is not in the gallery."""

    code = "not_enrolled"

    def __init__(self, subject: str):
        super().__init__(f"{subject} is not enrolled: `facerec gallery list` shows who is")
        self.subject = subject


class GalleryUnusable(FacerecError):
    """The gallery cannot be opened, read or written as asked."""

    code = "gallery_unusable"


class EncoderMismatch(FacerecError):
    """Embeddings of different encoders were about to be compared."""

    code = "encoder_mismatch"


class DamagedFile(FacerecError):
    """The content of a file is not what its digest says."""

    code = "damaged_file"


class MissingPart(FacerecError):
    """A file or an optional package that this call needs is not here."""

    code = "missing_part"
