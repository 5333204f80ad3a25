"""The net that places landmarks again: what it learns from is right, and it learns."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from facerec.faces.single_shot import FACE, PLACES
from facerec.training.face_detector.labels import TEMPLATE, Labels
from facerec.training.face_detector.refining import Guesses, refine


def spotted() -> np.ndarray:
    """A black crop with a white spot at each landmark."""
    y, x = np.mgrid[:128, :128]
    near = ((x[None] - TEMPLATE[:, 0, None, None]) ** 2 + (y[None] - TEMPLATE[:, 1, None, None]) ** 2 <= 9).any(axis=0)
    return np.repeat(near[None, ..., None], 3, axis=3).astype(np.uint8) * 255


def guesses(seed: int) -> Guesses:
    made = Guesses(spotted(), Labels(np.zeros((1, 4), np.float32), TEMPLATE[None], np.ones(1, np.bool_)), seed)
    made.photographed = lambda face: face  # type: ignore[method-assign]
    return made


def test_the_shifts_lead_to_the_spots() -> None:
    made = guesses(1)
    for _ in range(20):
        face, shifts = made.one()
        points = np.rint(PLACES + shifts * FACE).astype(int)
        inside = ((points >= 3) & (points < FACE - 3)).all(axis=1)
        assert face.shape == (FACE, FACE, 3) and inside.sum() >= 2
        assert all(face[y, x].max() > face.mean() + 12 for x, y in points[inside])


def test_it_learns_to_correct() -> None:
    said: list[str] = []
    made = guesses(2)
    usual = np.abs(np.stack([made.one()[1] for _ in range(100)])).mean()
    weights = refine(made, 50, said.append, batch=16)
    assert all(value.is_contiguous() for value in weights.values())
    assert len(said) == 1 and float(said[0].split()[5]) < 1.5 * usual
