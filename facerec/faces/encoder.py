"""Aligned faces to embeddings, through an exported graph whose digest is checked: the everyday path, without torch.

An encoder is a folder: `encoder.onnx` (pixels in, unit rows out, normalisation and mirrored view inside),
`weights.safetensors` (the trunk, to train on from), `golden.npy` (the embeddings of the golden faces) and `card.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facerec.digest import read_verified, verify_digest
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.golden import golden_faces
from facerec.metrics.operating_points import OperatingPoints
from facerec.metrics.probability import Probability
from facerec.records import DIM, Float32, require_embeddings
from facerec.runtime import Graph, open_graph

WEIGHTS = Path(__file__).parent / "weights"
PACKAGED: dict[str, Path] = {"default": WEIGHTS / "default"}
SIDE = 112
BATCH = 32
GOLDEN_TOLERANCE = {"float32": 1e-3, "int8": 5e-2}
"""Precision -> largest distance between a golden embedding and the one that this machine makes.

Processors round differently, by less than 1e-4; in 8 bits a number that is rounded the other way moves an embedding by
up to 0.03. Another encoder is 0.1 away and more.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """What `card.json` says of an encoder, `digest` (sha256 of encoder.onnx) being its identity."""

    name: str
    digest: str
    weights_sha256: str
    golden_sha256: str
    trunk: str
    facts: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Card:
        """Read `card.json`. Raises MissingPart or DamagedFile, which say what the folder lacks."""
        path = folder / "card.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                **{f: facts[f] for f in ("name", "digest", "weights_sha256", "golden_sha256", "trunk")}, facts=facts
            )
        except OSError as error:
            raise MissingPart(f"no encoder in {folder}: `facerec export` writes one, with card.json in it") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{path} is no encoder's card: {error!r}") from error

    @property
    def golden_tolerance(self) -> float:
        """The largest golden distance that this encoder may have on another machine."""
        return GOLDEN_TOLERANCE["int8" if self.facts.get("precision") == "int8" else "float32"]

    @property
    def operating_points(self) -> OperatingPoints:
        """The thresholds measured for this encoder. Raises InvalidInput where none has been measured."""
        if "operating_points" not in self.facts:
            raise InvalidInput(f"encoder {self.name} has no measured threshold: run `facerec export` with --calibrate")
        return OperatingPoints.of(self.facts["operating_points"])

    @property
    def probability(self) -> Probability | None:
        """The chance that goes with a similarity; None where none has been fitted."""
        kept = self.facts.get("probability")
        return Probability.of(kept) if kept else None


class Encoder:
    """(N, 112, 112, 3) uint8 RGB aligned faces -> (N, 128) float32 rows of length 1. Any N, also 0."""

    def __init__(self, folder: Path, card: Card, graph: Graph):
        self.folder, self.card, self._graph = folder, card, graph

    @property
    def digest(self) -> str:
        """Which encoder this is: embeddings of different digests must not be compared."""
        return self.card.digest

    def __call__(self, crops: np.ndarray) -> Float32:
        if crops.dtype != np.uint8 or crops.shape[1:] != (SIDE, SIDE, 3):
            raise InvalidInput(f"crops must be uint8 (N, {SIDE}, {SIDE}, 3), got {crops.dtype} {crops.shape}")
        parts = [self._graph(crops[at : at + BATCH])[0] for at in range(0, len(crops), BATCH)]
        rows = np.concatenate(parts) if parts else np.zeros((0, DIM), np.float32)
        require_embeddings(rows)
        return rows


def encoder_folder(name: str | Path) -> Path:
    """Where a packaged encoder, or one of the user's own, lies. Raises InvalidInput listing the packaged names."""
    if str(name) in PACKAGED:
        return PACKAGED[str(name)]
    if Path(name).is_dir():
        return Path(name)
    raise InvalidInput(f"no encoder {str(name)!r}: give a folder that `facerec export` wrote, or {', '.join(PACKAGED)}")


def open_encoder(name: str | Path = "default", threads: int | None = None) -> Encoder:
    """Open an encoder by its packaged name or its folder. Raises DamagedFile where the graph is not the card's."""
    folder = encoder_folder(name)
    card = Card.read(folder)
    return Encoder(folder, card, open_graph(read_verified(folder / "encoder.onnx", card.digest), threads))


def golden_distance(encoder: Encoder) -> float:
    """The largest distance between the golden embeddings stored with an encoder and those it makes here.

    More than its card's `golden_tolerance` means that this machine, or the engine on it, does not compute what was
    measured.
    Raises DamagedFile where the stored ones are not the card's.
    """
    path = encoder.folder / "golden.npy"
    read_verified(path, encoder.card.golden_sha256)
    stored = np.load(path, allow_pickle=False)
    return float(np.linalg.norm(encoder(golden_faces()) - stored, axis=1).max())


def require_whole(encoder: Encoder) -> None:
    """Raise DamagedFile unless weights and golden embeddings are what the card says; slower than opening."""
    verify_digest(
        (encoder.folder / "weights.safetensors").read_bytes(), encoder.card.weights_sha256, "weights.safetensors"
    )
    distance = golden_distance(encoder)
    if distance > encoder.card.golden_tolerance:
        raise DamagedFile(
            f"encoder {encoder.card.name} gives other embeddings here than where it was made "
            f"(distance {distance:.1e} > {encoder.card.golden_tolerance:.0e}): reinstall facerec and onnxruntime"
        )
