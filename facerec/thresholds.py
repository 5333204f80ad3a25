"""Thresholds of an exported encoder, measured on people it was not trained on, into its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from facerec.calibration import balanced, measure_operating_points
from facerec.errors import InvalidInput
from facerec.faces.encoder import SIDE, Encoder, open_encoder
from facerec.faces.encoder_export import write_card
from facerec.faces.head import HEAD, open_head
from facerec.learning.datasets import TABLE, Crops, Progress, load_shards
from facerec.learning.splits import require_strangers
from facerec.metrics.cross_pairs import Compare, similarity
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import DIM, Float32

TARGETS = (0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
"""False match rates that a calibration tries to support."""
MOST_PER_SUBJECT = 30
"""Pictures of one subject in a calibration: a few people with hundreds would drown the others."""
CHUNK = 256
"""Crops that are embedded between two reports of progress."""


def calibrate_on_split(folder: Path, data: Path, split: str = "val") -> OperatingPoints:
    """Measure an exported encoder's thresholds on the people of a split of `data`, into the encoder's card.

    Raises InvalidInput where somebody in it was trained on, a crop has no label, or the people are too few.
    """
    trained_on = open_encoder(folder).card.facts.get("training", {}).get("splits", ())
    require_strangers(data / TABLE, split, trained_on)
    crops = load_shards(data, (split,))
    keep = balanced([str(label) for label in crops.labels], MOST_PER_SUBJECT, np.random.default_rng(0))
    people = f"{len(keep)} crops of {len(np.unique(crops.labels))} people, at most {MOST_PER_SUBJECT} of each"
    evidence = f"split {split} of {data.resolve().name}: {people}, none of them in training"
    return calibrate(folder, crops[keep], evidence)


def calibrate(folder: Path, crops: Crops, evidence: str, seed: int = 0) -> OperatingPoints:
    """The same on crops at hand; `evidence` says in words what they are. Returns what was measured for the cosine.

    An encoder's binary head gets thresholds of its own, into `head.json`.
    """
    if (crops.labels < 0).any():
        raise InvalidInput("calibration needs the subject of every crop")
    encoder = open_encoder(folder)
    embeddings, labels = embedded(encoder, crops), [str(label) for label in crops.labels]

    def measured(compare: Compare) -> OperatingPoints:
        points = measure_operating_points(
            embeddings, labels, encoder=encoder.digest, evidence=evidence, rng=np.random.default_rng(seed),
            targets=TARGETS, compare=compare,
        )  # fmt: skip
        if not points.rows:
            raise InvalidInput(f"no threshold can be measured: {points.refused[0][1]}")
        return points

    points = measured(similarity)
    if (folder / HEAD).exists():
        head = open_head(folder, encoder.digest)
        replace(head, facts=head.facts | {"operating_points": measured(head).as_dict()}).write(folder)
    write_card(folder, encoder.card.facts | {"operating_points": points.as_dict()})
    return points


def embedded(encoder: Encoder, crops: Crops, progress: Progress | None = None) -> Float32:
    """The embeddings of the faces in crops, as the exported encoder has them: (N, 128) unit rows."""
    edge, rows = (crops.pixels.shape[1] - SIDE) // 2, [np.zeros((0, DIM), np.float32)]
    for start in range(0, len(crops), CHUNK):
        faces = crops.pixels[start : start + CHUNK, edge : edge + SIDE, edge : edge + SIDE]
        rows.append(encoder(np.ascontiguousarray(faces)))
        if progress:
            progress(min(start + CHUNK, len(crops)), len(crops))
    return np.concatenate(rows)
