"""What an exported encoder decides with: a binary head fitted to its embeddings, and measured thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facerec.calibration import balanced, measure_operating_points, measure_probability
from facerec.errors import InvalidInput
from facerec.faces.encoder import SIDE, Encoder, open_encoder
from facerec.faces.encoder_export import write_card
from facerec.faces.head import HEAD, BinaryHead, open_head
from facerec.learning.datasets import TABLE, Crops, Progress, load_shards
from facerec.learning.fitting import fit_binary
from facerec.learning.splits import require_strangers
from facerec.metrics.cross_pairs import Compare, similarity
from facerec.metrics.differences import difference_named
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import DIM, Float32

DIFFERENCE = "squared_euclidean"
"""What a fitted head weighs unless it is told otherwise: the one that errs least, docs/results/binary-head.md."""
MOST_PER_SUBJECT = 30
"""Pictures of one subject in a calibration: a few people with hundreds would drown the others."""
CHUNK = 256
"""Crops that are embedded between two reports of progress."""

Measured = dict[str, OperatingPoints]
"""The name of a way to compare, cosine or binary, and its thresholds."""


def fit_head(
    folder: Path, data: Path, difference: str = DIFFERENCE, split: str = "train", progress: Progress | None = None
) -> BinaryHead:
    """Fit a binary head to an exported encoder's embeddings of a split of `data`, into the encoder's folder.

    At most 30 crops of each subject count. The head has no thresholds before `calibrate_on_split` measures them.
    Raises InvalidInput for an unknown difference, and where nobody has two crops or there is only one subject.
    """
    difference_named(difference)  # before anything is read
    encoder = open_encoder(folder)
    crops = load_shards(data, (split,))
    known = np.flatnonzero(crops.labels >= 0)
    rng = np.random.default_rng(0)
    keep = known[balanced([str(label) for label in crops.labels[known]], MOST_PER_SUBJECT, rng)]
    crops = crops[keep]
    fitted = fit_binary(embedded(encoder, crops, progress), crops.labels, difference, rng)
    pairs = {"genuine": fitted.genuine, "impostor": fitted.impostor}
    facts = {"learned": "on embeddings as they are", "split": split, "crops": len(keep), "pairs": pairs}
    weight, bias = fitted.head.weight.detach().numpy(), fitted.head.bias.item()
    head = BinaryHead(difference, weight, bias, encoder.digest, facts)
    head.write(folder)
    return head


def calibrate_on_split(folder: Path, data: Path, split: str = "val", progress: Progress | None = None) -> Measured:
    """Measure an exported encoder's thresholds on the people of a split of `data`, into the encoder's folder.

    `progress` hears of every few hundred crops that are embedded.
    Raises InvalidInput where somebody in it was trained on, a crop has no label, or the people are too few.
    """
    encoder = open_encoder(folder)
    trained_on = list(encoder.card.facts.get("training", {}).get("splits", ()))
    if (folder / HEAD).exists():
        trained_on.append(open_head(folder, encoder.digest).facts.get("split", ""))
    require_strangers(data / TABLE, split, trained_on)
    crops = load_shards(data, (split,))
    keep = balanced([str(label) for label in crops.labels], MOST_PER_SUBJECT, np.random.default_rng(0))
    people = f"{len(keep)} crops of {len(np.unique(crops.labels))} people, at most {MOST_PER_SUBJECT} of each"
    evidence = f"split {split} of {data.resolve().name}: {people}, none of them in training"
    return calibrate(folder, crops[keep], evidence, progress=progress)


def calibrate(folder: Path, crops: Crops, evidence: str, seed: int = 0, progress: Progress | None = None) -> Measured:
    """The same on crops at hand; `evidence` says in words what they are.

    Those of the cosine go into the encoder's card, those of its binary head, where it has one, into `head.json`.
    """
    if (crops.labels < 0).any():
        raise InvalidInput("calibration needs the subject of every crop")
    encoder = open_encoder(folder)
    embeddings, labels = embedded(encoder, crops, progress), [str(label) for label in crops.labels]

    def measured(compare: Compare) -> OperatingPoints:
        points = measure_operating_points(
            embeddings, labels, encoder=encoder.digest, evidence=evidence, rng=np.random.default_rng(seed),
            compare=compare,
        )  # fmt: skip
        if not points.rows:
            raise InvalidInput(f"no threshold can be measured: {points.refused[0][1]}")
        return points

    points = {"cosine": measured(similarity)}
    if (folder / HEAD).exists():
        head = open_head(folder, encoder.digest)
        points["binary"] = measured(head)
        replace(head, facts=head.facts | {"operating_points": points["binary"].as_dict()}).write(folder)
    chance = probability_of(embeddings, labels, points["cosine"])
    write_card(folder, encoder.card.facts | {"operating_points": points["cosine"].as_dict(), "probability": chance})
    return points


def probability_of(embeddings: Float32, labels: list[str], points: OperatingPoints) -> dict[str, Any] | None:
    """The chance that goes with a cosine, as the card has it; None where these people never look alike at all."""
    try:
        return measure_probability(embeddings, labels, points.strictest.threshold).as_dict()
    except InvalidInput:
        return None


def embedded(encoder: Encoder, crops: Crops, progress: Progress | None = None) -> Float32:
    """The embeddings of the faces in crops, as the exported encoder has them: (N, 128) unit rows."""
    edge, rows = (crops.pixels.shape[1] - SIDE) // 2, [np.zeros((0, DIM), np.float32)]
    for start in range(0, len(crops), CHUNK):
        faces = crops.pixels[start : start + CHUNK, edge : edge + SIDE, edge : edge + SIDE]
        rows.append(encoder(np.ascontiguousarray(faces)))
        if progress:
            progress(min(start + CHUNK, len(crops)), len(crops))
    return np.concatenate(rows)
