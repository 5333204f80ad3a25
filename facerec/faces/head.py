"""The binary head of an encoder: a second way to say how alike two embeddings are, without torch.

It is the sigmoid of a learned weighting of their difference, number by number (Taigman et al., DeepFace, 2014). It lies
in the encoder's folder as `head.json`: 128 weights, a bias, and the thresholds that were measured for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facerec.digest import sha256
from facerec.errors import DamagedFile, EncoderMismatch, InvalidInput, MissingPart
from facerec.metrics.differences import DIFFERENCES
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import DIM, Float32, require_float32
from facerec.replacing import replacing

HEAD = "head.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class BinaryHead:
    """Two lists of embeddings -> how sure each pair is one subject: (N, 128), (M, 128) -> (N, M) float32 in 0..1.

    difference  which one is weighed, see `facerec.metrics.differences`
    weight      (128,) float32
    encoder     digest of the encoder whose embeddings it weighs
    facts       how it was made, and its `operating_points` once they are measured
    """

    difference: str
    weight: Float32
    bias: float
    encoder: str
    facts: dict[str, Any]

    def __post_init__(self) -> None:
        require_float32("the head's weight", self.weight, (DIM,))
        if self.difference not in DIFFERENCES or not np.isfinite([*self.weight, self.bias]).all():
            raise InvalidInput(f"a head needs finite weights of a difference among {', '.join(DIFFERENCES)}")

    def __call__(self, a: Float32, b: Float32) -> Float32:
        difference = DIFFERENCES[self.difference]
        scores = np.empty((len(a), len(b)), np.float32)
        for own, row in zip(scores, a, strict=True):  # all at once would hold N M 128 numbers
            own[:] = difference(row, b) @ self.weight
        return sigmoid(scores + np.float32(self.bias))

    @property
    def points(self) -> OperatingPoints:
        """The thresholds measured for this head. Raises InvalidInput where none has been measured."""
        if "operating_points" not in self.facts:
            raise InvalidInput("this binary head has no measured threshold: run `facerec export` with --calibrate")
        return OperatingPoints.of(self.facts["operating_points"])

    @property
    def digest(self) -> str:
        """sha256 of what it computes with."""
        numbers = np.append(self.weight.astype("<f8"), self.bias).tobytes()
        return sha256(self.difference.encode() + numbers)

    def write(self, folder: Path) -> None:
        """Put `head.json` into an encoder's folder, in the place of an older one."""
        numbers = {"difference": self.difference, "weight": self.weight.tolist(), "bias": self.bias}
        content = {"schema": SCHEMA, "encoder": self.encoder, "digest": self.digest} | numbers | {"facts": self.facts}
        with replacing(folder / HEAD) as fresh:
            fresh.write_text(json.dumps(content) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> BinaryHead:
        """From an encoder's folder. Raises MissingPart where there is none, DamagedFile where it is not a whole one."""
        path = folder / HEAD
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            numbers = np.array(kept["weight"], np.float32), float(kept["bias"])
            head = cls(kept["difference"], *numbers, str(kept["encoder"]), dict(kept["facts"]))
        except OSError as error:
            raise MissingPart(
                f"no binary head in {folder}: `facerec export` with --fit-head fits one; or decide by --head cosine"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{path} is no binary head ({error!r}): export the encoder again") from error
        if head.digest != kept.get("digest"):
            raise DamagedFile(f"{path} has other weights than its digest says: export the encoder again")
        return head


def open_head(folder: Path, encoder: str) -> BinaryHead:
    """The binary head of the encoder with that digest. Raises EncoderMismatch where it was made for another one."""
    head = BinaryHead.read(folder)
    if head.encoder != encoder:
        raise EncoderMismatch(
            f"the binary head in {folder} weighs embeddings of encoder {head.encoder[:12]}..., not {encoder[:12]}...: "
            "export the encoder again with --fit-head"
        )
    return head


def sigmoid(scores: Float32) -> Float32:
    """1 / (1 + exp(-score)), without overflow: 0 scores 0.5."""
    small = np.exp(-np.abs(scores))
    sure: Float32 = np.where(scores >= 0, np.float32(1), small) / (1 + small)
    return sure
