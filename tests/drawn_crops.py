"""Drawn crops to learn from: coarse patterns of colour, one per subject, in takes that are moved and relit."""

from __future__ import annotations

import numpy as np

from facerec.learning.datasets import SIDE, Crops
from facerec.records import DIM, Float32, Image, unit


def drawn_crop(subject: int, take: int) -> Image:
    """(128, 128, 3): the subject's 8x8 patches, shifted by up to 3 pixels and up to a fifth darker."""
    patches = np.random.default_rng(subject).integers(30, 226, (8, 8, 3))
    rng = np.random.default_rng([subject, take])
    image = np.roll(patches.repeat(16, axis=0).repeat(16, axis=1), rng.integers(-3, 4, 2), axis=(0, 1))
    return (image * rng.uniform(0.8, 1)).astype(np.uint8)


def directions(count: int) -> Float32:
    """(count, 128) unit rows that have nothing to do with each other, the same ones every time."""
    return unit(np.random.default_rng(count).normal(size=(count, DIM)))


def drawn_crops(subjects: int, takes: int) -> Crops:
    """The takes of each subject in turn; the target of a crop is a direction that all takes of its subject share."""
    labels = np.repeat(np.arange(subjects), takes)
    pixels = np.stack([drawn_crop(place // takes, place % takes) for place in range(len(labels))])
    sources = np.array([f"drawn/{place}" for place in range(len(labels))])
    assert pixels.shape[1:] == (SIDE, SIDE, 3)
    return Crops(pixels, labels, directions(subjects)[labels], sources)
