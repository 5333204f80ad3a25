"""Which faces are good enough to be enrolled: by their size and sharpness, and by nothing else.

Both limits lie where the share of people who are not found again by such a template has doubled. What else is known of
a face (the detector's score, its pose) says little about that: figures in docs/results/decisions.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facerec.errors import LowQuality


@dataclass(frozen=True, slots=True)
class Gate:
    """The least that a face must have.

    eye_distance  pixels between the eyes in the source picture
    sharpness     variance of the Laplacian of the aligned face, see `facerec.faces.quality`
    """

    eye_distance: float = 9.0
    sharpness: float = 5.0

    def require(self, source: str, quality: Mapping[str, float]) -> None:
        """Raise LowQuality, which says what is missing, for a face of that `Quality`, field by field."""
        if quality["eye_distance"] < self.eye_distance:
            raise LowQuality(
                f"the face in {source} is too small: its eyes are {quality['eye_distance']:.1f} pixels apart, "
                f"{self.eye_distance:g} are needed to find somebody by it; take a larger picture, or use --force"
            )
        if quality["sharpness"] < self.sharpness:
            raise LowQuality(
                f"the face in {source} is too blurred: its sharpness is {quality['sharpness']:.1f}, "
                f"{self.sharpness:g} is needed to find somebody by it; take a sharper picture, or use --force"
            )

    def __str__(self) -> str:
        return f"eyes {self.eye_distance:g} sharp {self.sharpness:g}"
