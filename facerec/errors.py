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
├── Unfit                         a face that had better not be enrolled so; --force enrolls it
│   ├── LowQuality                too small or too blurred to be found again by
│   ├── Conflict                  it is somebody else's who is enrolled, by its looks
│   └── UnlikeOthers              it is not the subject's, by the looks of the others
├── TooFewPeople (InvalidInput)   the people at hand cannot show the error rate that was asked for
├── TooFewTemplates (InvalidInput)  the gallery is too small for the index that was asked for
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


class TooFewPeople(InvalidInput):
    """The people at hand cannot show the error rate that was asked for; `needed` says how many could."""

    code = "too_few_people"

    def __init__(self, message: str, needed: int):
        super().__init__(message)
        self.needed = needed


class TooFewTemplates(InvalidInput):
    """The gallery is too small for the index that was asked for."""

    code = "too_few_templates"


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


class Unfit(FacerecError):
    """A face that had better not be enrolled so."""

    code = "unfit"


class LowQuality(Unfit):
    """The face is too small or too blurred: a template of it would not be found again."""

    code = "low_quality"


class Conflict(Unfit):
    """The face is so like another subject's that it would be identified as theirs."""

    code = "conflict"

    def __init__(self, source: str, subject: str, other: str, similarity: float, threshold: float):
        super().__init__(
            f"{source} looks like {other}, who is enrolled (similarity {similarity:.3f}, and from {threshold:.3f} on a "
            f"search would name {other}): enroll it as {other}, or as {subject} with --force if they are two people"
        )
        self.source, self.subject, self.other = source, subject, other


class UnlikeOthers(Unfit):
    """The face is not like the subject's own others."""

    code = "unlike_others"

    def __init__(self, source: str, subject: str, similarity: float, threshold: float):
        super().__init__(
            f"{source} is not like the other pictures of {subject} (similarity {similarity:.3f}, at least "
            f"{threshold:.3f} is expected): check whose it is, or enroll it with --force"
        )
        self.source, self.subject = source, subject


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
