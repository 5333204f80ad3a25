"""Which cell shall see which face, what is wrong with its answer, and a loop that learns and goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import torch

from facerec.errors import InvalidInput
from facerec.faces.single_shot import SingleShotSettings, decode, grid
from facerec.records import Faces
from facerec.training.face_detector.composing import Composer, Scene, mirrored
from facerec.training.face_detector.labels import TEMPLATE, Labels
from facerec.training.face_detector.loop import Batch, DetectorSettings, Training, pace
from facerec.training.face_detector.losses import loss, overlaps
from facerec.training.face_detector.targets import ALMOST, AROUND, NEAR, RANGES, assign
from facerec.training.face_detector.threshold import answers, choose

RNG = np.random.default_rng(11)
TINY = DetectorSettings(steps=6, batch=4, fresh=2, pool=8, bf16=False)


def composer() -> Composer:
    box = np.float32([[30, 24, 98, 116]])
    crop = RNG.integers(0, 256, (1, 128, 128, 3), np.uint8)
    grey = [np.full((80, 80, 3), 90, np.uint8)]
    return Composer(crop, Labels(box, TEMPLATE[None], np.ones(1, np.bool_)), grey, 0, window=64)


def faces(count: int, side: int) -> np.ndarray:
    low = RNG.uniform(0, side * 0.8, (count, 2))
    return np.concatenate([low, low + RNG.uniform(6, side * 0.6, (count, 2))], axis=1).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_targets_agree_with_the_slow_way(count: int) -> None:
    boxes = faces(count, 128)
    middles, strides = grid(128, 128)
    np.testing.assert_array_equal(assign(boxes, 128, 128), slowly(boxes, middles, strides))


def slowly(boxes: np.ndarray, middles: np.ndarray, strides: np.ndarray) -> list[int]:
    """Cell by cell, the smallest face first."""
    sizes = [float(np.sqrt((box[2] - box[0]) * (box[3] - box[1]))) for box in boxes]
    away = np.array([[distance(middle, box) for middle in middles] for box in boxes])
    answers = []
    for cell in range(len(middles)):
        (least, most), same = RANGES[int(strides[cell])], strides == strides[cell]
        mine, quiet = [], []
        for row in sorted(range(len(boxes)), key=lambda row: sizes[row]):
            fits = least <= sizes[row] < most
            nearly = least / ALMOST <= sizes[row] < most * ALMOST
            nearest = cell == np.flatnonzero(same)[away[row][same].argmin()]
            if fits and (away[row, cell] <= NEAR or nearest):
                mine.append(row)
            elif (fits and away[row, cell] <= AROUND) or (nearly and not fits and away[row, cell] <= NEAR):
                quiet.append(row)
        answers.append(mine[0] if mine else -2 if quiet else -1)
    return answers


def distance(middle: np.ndarray, box: np.ndarray) -> np.float32:
    return max(abs(middle[k] - (box[k] + box[k + 2] - 1) / 2) / (box[k + 2] - box[k]) for k in (0, 1))


def test_a_large_face_is_denied_by_small_cells_on_it() -> None:
    face = assign(np.float32([[10, 10, 110, 120]]), 128, 128)
    _, strides = grid(128, 128)
    assert (face[strides == 8] == -1).all() and (face[strides == 32] == 0).any()


def test_overlaps_by_hand() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1]])
    b = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 3, 1]])
    plain, general = overlaps(a, b)
    assert plain.tolist() == pytest.approx([1, 1 / 3, 0])
    assert general.tolist() == pytest.approx([1, 1 / 3, -1 / 3])


def answer(scene: Scene, score: float) -> tuple[torch.Tensor, Batch]:
    """Cells that answer rightly where a face is to be seen, with that score's logit, and -20 elsewhere."""
    batch = Batch([scene])
    middles, strides = grid(*scene.picture.shape[:2])
    cells = np.zeros((1, len(middles), 15), np.float32)
    cells[..., 0] = -20
    for cell in np.flatnonzero(batch.face[0].numpy() >= 0):
        box, points = scene.boxes[int(batch.face[0, cell])], scene.landmarks[int(batch.face[0, cell])]
        cells[0, cell, 0] = score
        cells[0, cell, 1:3] = ((box[:2] + box[2:]) / 2 - middles[cell]) / strides[cell]
        cells[0, cell, 3:5] = np.log((box[2:] - box[:2]) / strides[cell] / 3)
        cells[0, cell, 5:] = ((points - middles[cell]) / strides[cell]).ravel()
    return torch.from_numpy(cells), batch


def scene_of(boxes: np.ndarray) -> Scene:
    points = boxes[:, None, :2] + RNG.uniform(0, 1, (len(boxes), 5, 2)) * (boxes[:, None, 2:] - boxes[:, None, :2])
    return Scene(np.zeros((96, 96, 3), np.uint8), boxes, points.astype(np.float32))


def test_the_right_answer_costs_nothing_and_is_decoded_to_the_truth() -> None:
    scene = scene_of(np.float32([[10, 10, 30, 34], [50, 40, 90, 92]]))
    cells, batch = answer(scene, 20)
    middles, strides = (torch.from_numpy(part) for part in grid(96, 96))
    parts = loss(cells, batch.face, batch.boxes, batch.landmarks, middles, strides)
    assert float(parts.total()) == pytest.approx(0, abs=1e-3)
    sure = cells[0].numpy()
    sure[:, 0] = sure[:, 0] > 0
    seen = decode(sure, 96, 96, SingleShotSettings())
    assert np.abs(seen.boxes[:, None] - scene.boxes).max(axis=2).min(axis=1).max() < 1e-3
    assert np.abs(seen.landmarks[:, None] - scene.landmarks).max(axis=(2, 3)).min(axis=1).max() < 1e-3


def test_every_wrong_answer_costs() -> None:
    cells, batch = answer(scene_of(np.float32([[10, 10, 40, 44]])), 20)
    middles, strides = (torch.from_numpy(part) for part in grid(96, 96))
    right = loss(cells, batch.face, batch.boxes, batch.landmarks, middles, strides)
    for place, part in ((0, "score"), (1, "box"), (3, "box"), (6, "landmarks")):
        wrong = cells.clone()
        wrong[..., place] = -wrong[..., place] + 0.7
        costs = loss(wrong, batch.face, batch.boxes, batch.landmarks, middles, strides)
        assert float(getattr(costs, part)) > float(getattr(right, part)) + 0.01


def test_a_batch_without_any_face_costs_only_its_scores() -> None:
    cells, batch = answer(scene_of(np.zeros((0, 4), np.float32)), 0)
    middles, strides = (torch.from_numpy(part) for part in grid(96, 96))
    cells = cells.requires_grad_()
    parts = loss(cells, batch.face, batch.boxes, batch.landmarks, middles, strides)
    parts.total().backward()
    assert not parts.box.any() and not parts.landmarks.any() and torch.isfinite(cells.grad).all()


def test_a_mirror_twice_is_none() -> None:
    scene = scene_of(faces(3, 96))
    once, twice = mirrored(scene), mirrored(mirrored(scene))
    np.testing.assert_allclose(twice.boxes, scene.boxes, atol=1e-4)
    np.testing.assert_allclose(twice.landmarks, scene.landmarks, atol=1e-4)
    assert once.landmarks[0, 0, 0] == pytest.approx(95 - scene.landmarks[0, 1, 0])


def test_the_rate_rises_and_falls() -> None:
    rates = [pace(progress, 0.1) for progress in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1, abs=0.01) and rates[0] < 0.1 and rates[-1] == pytest.approx(0.01)


@pytest.mark.parametrize("wrong", [{"fresh": 0}, {"fresh": 40}, {"pool": 8}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="is needed"):
        DetectorSettings(**wrong)  # type: ignore[arg-type]


def test_a_run_learns_stops_and_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    first = Training(TINY, composer())
    assert not first.run(tmp_path, 0.0, said.append)
    assert first.run(tmp_path, 60.0, said.append, every=3)
    assert len(said) == 2 and said[-1].startswith("step 6 of 6")
    again = Training(TINY, composer())
    again.resume(tmp_path)
    assert again.step == 6
    for name, value in first.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name])
        assert torch.allclose(first.average[name].float(), again.average[name].float())
    assert again.optimiser.state_dict()["state"].keys() == first.optimiser.state_dict()["state"].keys()
    fresh = Training(TINY, composer())
    assert not torch.allclose(fresh.net.read.weight, first.net.read.weight)


def test_a_threshold_lets_through_as_many_false_finds_as_allowed() -> None:
    scene = Scene(np.zeros((64, 64, 3), np.uint8), np.float32([[8, 8, 24, 24]]), np.zeros((1, 5, 2), np.float32))
    boxes, scores = np.float32([[8, 8, 24, 25], [40, 40, 60, 60]]), np.float32([0.8, 0.62])
    given = answers(lambda _: Faces(boxes, np.zeros((2, 5, 2), np.float32), scores), [scene] * 4)
    assert choose(given, false=0.5)[:3] == (0.63, 0.0, 1.0)
    assert choose(given, false=1.0).threshold == 0.5
    with pytest.raises(InvalidInput, match="pictures"):
        answers(lambda _: Faces.none(), [])
