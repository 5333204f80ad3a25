"""What travels between the parts: frozen records of arrays, with shape, dtype and unit beside each field.

Similarity is the cosine of two embeddings, -1 to 1, and higher is more alike. A comparison is a match when its
similarity is at or above the threshold (`>=`), here and everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facerec.errors import InvalidInput

DIM = 128

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Image = NDArray[np.uint8]
"""RGB uint8 (H, W, 3), upright."""

Outcome = Literal["match", "no_match", "undecided", "unknown"]


def require_float32(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Raise InvalidInput unless `array` is float32 of `shape`; None matches any length."""
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if array.dtype != np.float32 or not fits:
        raise InvalidInput(f"{name} must be float32 {shape}, got {array.dtype} {array.shape}")


def require_labels(labels: np.ndarray, count: int) -> None:
    """Raise InvalidInput unless `labels` is int64 (count,) and 0 or more."""
    if labels.dtype != np.int64 or labels.shape != (count,) or (labels < 0).any():
        raise InvalidInput(f"labels must be int64 {(count,)} from 0, got {labels.dtype} {labels.shape}")


def unit(rows: np.ndarray) -> Float32:
    """Scale rows to length 1: (N, 128) -> (N, 128) float32.

    Raises InvalidInput for a zero or non-finite row: it has no direction, so it resembles nobody.

    >>> unit(np.full((1, 128), 3.0))[0, 0].item()
    0.0883883461356163
    """
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise InvalidInput("an embedding row is zero or not finite")
    return np.asarray(rows / norms, np.float32)


def require_embeddings(rows: np.ndarray) -> None:
    """Raise InvalidInput unless `rows` is float32 (N, 128), finite, each row of length 1 within 1e-3."""
    require_float32("embeddings", rows, (None, DIM))
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    if not (np.abs(norms - 1) <= 1e-3).all():  # False for NaN too
        raise InvalidInput("an embedding row is not finite or not of length 1")


def require_at_most_unit(rows: np.ndarray) -> None:
    """Raise InvalidInput unless `rows` is float32 (N, 128), finite, each row of length 1 or less, within 1e-3."""
    require_float32("rows", rows, (None, DIM))
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    if not (norms <= 1 + 1e-3).all():  # False for NaN too
        raise InvalidInput("a row is not finite or longer than 1")


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one image, best score first. N may be 0.

    boxes      (N, 4)     float32  x1 y1 x2 y2, pixels, x2 and y2 exclusive
    landmarks  (N, 5, 2)  float32  x y, pixels: left eye, right eye, nose, left and right mouth corner,
                                   "left" as seen in the image
    scores     (N,)       float32  0..1
    """

    boxes: Float32
    landmarks: Float32
    scores: Float32

    def __post_init__(self) -> None:
        n = len(self.boxes)
        require_float32("boxes", self.boxes, (n, 4))
        require_float32("landmarks", self.landmarks, (n, 5, 2))
        require_float32("scores", self.scores, (n,))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, keep: np.ndarray | slice) -> Faces:
        """The chosen faces: a mask, an index array or a slice."""
        return Faces(self.boxes[keep], self.landmarks[keep], self.scores[keep])

    @classmethod
    def none(cls) -> Faces:
        """No face at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What was found in one image, best score first. N may be 0.

    boxes   (N, 4)  float32  x1 y1 x2 y2, pixels, x2 and y2 exclusive
    scores  (N,)    float32  0..1
    labels  (N,)    int64    number of the class, from 0
    """

    boxes: Float32
    scores: Float32
    labels: Int64

    def __post_init__(self) -> None:
        n = len(self.boxes)
        require_float32("boxes", self.boxes, (n, 4))
        require_float32("scores", self.scores, (n,))
        require_labels(self.labels, n)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, keep: np.ndarray | slice) -> Detections:
        """The chosen detections: a mask, an index array or a slice."""
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])

    @classmethod
    def none(cls) -> Detections:
        """Nothing at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    @classmethod
    def best_first(cls, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> Detections:
        """From arrays in any order and of any number type; ties stay in their order."""
        order = np.argsort(-scores, kind="stable")
        boxes = boxes.reshape(-1, 4)
        return cls(boxes[order].astype(np.float32), scores[order].astype(np.float32), labels[order].astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """What there really is in one image, as somebody marked it. N may be 0.

    boxes   (N, 4)  float32  x1 y1 x2 y2, pixels, x2 and y2 exclusive
    labels  (N,)    int64    number of the class, from 0
    hard    (N,)    bool     not to be counted, found or not: VOC's "difficult", COCO's crowds
    """

    boxes: Float32
    labels: Int64
    hard: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.boxes)
        require_float32("boxes", self.boxes, (n, 4))
        require_labels(self.labels, n)
        if self.hard.dtype != np.bool_ or self.hard.shape != (n,):
            raise InvalidInput(f"hard must be bool {(n,)}, got {self.hard.dtype} {self.hard.shape}")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, keep: np.ndarray | slice) -> Objects:
        """The chosen objects: a mask, an index array or a slice."""
        return Objects(self.boxes[keep], self.labels[keep], self.hard[keep])

    @classmethod
    def none(cls) -> Objects:
        """Nothing at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_))

    @classmethod
    def of(cls, boxes: np.ndarray, labels: np.ndarray) -> Objects:
        """From arrays of any number type, none of the objects hard."""
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        return cls(boxes, np.asarray(labels, np.int64), np.zeros(len(boxes), np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """What can be said about how usable each face is, before anybody is compared. N may be 0.

    score         (N,)  float32  the detector's, 0..1
    eye_distance  (N,)  float32  pixels between the eyes in the source picture
    sharpness     (N,)  float32  variance of the Laplacian of the aligned grey face, 8-bit levels squared
    yaw           (N,)  float32  -1..1, from the landmarks: 0 frontal, negative towards the image's left
    pitch         (N,)  float32  -1..1, from the landmarks: 0 frontal, negative upwards
    roll          (N,)  float32  degrees, clockwise in the image
    """

    score: Float32
    eye_distance: Float32
    sharpness: Float32
    yaw: Float32
    pitch: Float32
    roll: Float32

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One face to be stored: whose it is, where it came from, and its embedding.

    embedding     (128,) float32, length 1
    encoder       sha256 of the encoder's weights, hex
    source        where the picture came from, as the caller named it
    image_sha256  of the picture's bytes, hex
    box           x1 y1 x2 y2, pixels
    quality       field of `Quality` -> its value for this face
    """

    subject: str
    source: str
    image_sha256: str
    box: tuple[float, float, float, float]
    quality: dict[str, float]
    encoder: str
    embedding: Float32


class Candidates(NamedTuple):
    """The best templates for each probe, most similar first: both (Q, K)."""

    ids: Int64
    similarities: Float32


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and the measurement that it comes from.

    threshold  lowest similarity that counts as a match
    fmr        share of the impostor comparisons at or above it
    impostors  how many impostor comparisons that share is of
    subjects   how many people they were made from
    encoder    sha256 of the encoder's weights, hex
    evidence   what it was measured on, in words
    extrapolated  True where the FMR is lower than the comparisons can show, and was read off a fitted tail
    """

    threshold: float
    fmr: float
    impostors: int
    subjects: int
    encoder: str
    evidence: str
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """Are two faces the same person's? The answer, and the operating point that it was given at.

    similarity      the cosine, -1..1, or what another head makes of the two embeddings, 0..1 of the binary one
    probability     that it is one person, if before the comparison that was as probable as not; None where no curve
                    was fitted for this way to compare
    undecided_from  the similarity at which one person is as probable as two; from there to the threshold the answer
                    is neither match nor no_match. None where it is not known: then there is nothing in between
    """

    similarity: float
    point: OperatingPoint
    probability: float | None = None
    undecided_from: float | None = None

    @property
    def outcome(self) -> Outcome:
        if self.similarity >= self.point.threshold:
            return "match"
        is_likely = self.undecided_from is not None and self.similarity >= self.undecided_from
        return "undecided" if is_likely else "no_match"


@dataclass(frozen=True, slots=True)
class Identification:
    """Whose face is this, if anyone's? One face of one picture.

    box         x1 y1 x2 y2, pixels
    candidates  (subject, similarity), best first; each subject once
    enrolled    how many subjects were searched
    fpir        chance that a stranger gets a name among so many, expected from the operating point's FMR
    compared    how many comparisons that were: one per subject, or one per template where each is searched by itself
    target_fpir what `fpir` was meant to be at most
    """

    source: str
    box: tuple[float, float, float, float]
    candidates: tuple[tuple[str, float], ...]
    point: OperatingPoint
    enrolled: int
    fpir: float
    compared: int
    target_fpir: float

    @property
    def is_on_target(self) -> bool:
        """Does the threshold keep the target among so many?"""
        return self.fpir <= self.target_fpir

    @property
    def similarity(self) -> float | None:
        """Of the best candidate; None when nobody is enrolled."""
        return self.candidates[0][1] if self.candidates else None

    @property
    def subject(self) -> str | None:
        """Who it is; None when nobody enrolled is similar enough."""
        if self.candidates and self.candidates[0][1] >= self.point.threshold:
            return self.candidates[0][0]
        return None

    @property
    def outcome(self) -> Outcome:
        return "unknown" if self.subject is None else "match"
