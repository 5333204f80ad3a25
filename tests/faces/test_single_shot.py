"""Our own detector: its decoding by hand and against a slow version, and what the packaged one finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.detector import create_detector
from facerec.faces.golden import draw_face
from facerec.faces.mtcnn import Mtcnn
from facerec.faces.single_shot import (
    CARD,
    GRAPH,
    LANDMARKS,
    NUMBERS,
    PACKAGED,
    PLACES,
    STRIDES,
    SingleShot,
    SingleShotSettings,
    corrected,
    decode,
    grid,
    merged,
    open_single_shot,
    thirds,
)
from facerec.geometry import apply, iou, similarity_transform
from facerec.records import Faces, Image

RNG = np.random.default_rng(5)
Cells = Callable[[np.ndarray], list[np.ndarray]]


SETTINGS = SingleShotSettings(overlap=0.2, voting=0.6)


def cells_of(height: int, width: int) -> int:
    return sum((height // stride) * (width // stride) for stride in STRIDES)


def one_face(score: float, at: int, seen: list[np.ndarray]) -> Cells:
    """Sees a face in cell `at` of every copy, three cells wide and high, every landmark at the cell's middle."""

    def answer(pixels: np.ndarray) -> list[np.ndarray]:
        seen.append(pixels)
        cells = np.zeros((1, cells_of(*pixels.shape[1:3]), NUMBERS), np.float32)
        cells[0, at, 0] = score
        return [cells]

    return answer


def test_decodes_one_cell_by_hand() -> None:
    cells = np.zeros((cells_of(64, 96), NUMBERS), np.float32)
    row = 8 * 12 + 1 * 6 + 2  # stride 16: its second row, its third column
    cells[row] = [0.8, 0.25, -0.5, np.log(2), 0, *np.arange(10) / 10]
    faces = decode(cells, 64, 96, SingleShotSettings())
    middle = np.array([2.5 * 16 - 0.5, 1.5 * 16 - 0.5])
    centre, half = middle + np.array([0.25, -0.5]) * 16, np.array([3 * 16, 1.5 * 16])
    assert faces.scores == pytest.approx([0.8])
    np.testing.assert_allclose(faces.boxes, [np.concatenate([centre - half, centre + half])], rtol=1e-6)
    np.testing.assert_allclose(faces.landmarks[0], middle + np.arange(10).reshape(5, 2) / 10 * 16, rtol=1e-6)


def slowly(cells: np.ndarray, height: int, width: int, threshold: float) -> list[tuple[float, ...]]:
    """The same cell by cell: box, landmarks and score of each that is sure enough."""
    found, at = [], 0
    for stride in STRIDES:
        for row in range(height // stride):
            for column in range(width // stride):
                score, dx, dy, wide, high, *points = (float(value) for value in cells[at])
                at += 1
                if score < threshold:
                    continue
                x, y = (column + 0.5) * stride - 0.5, (row + 0.5) * stride - 0.5
                a, b = 1.5 * stride * np.exp(wide), 1.5 * stride * np.exp(high)
                box = (x + dx * stride - a, y + dy * stride - b, x + dx * stride + a, y + dy * stride + b)
                places = [(x, y)[k % 2] + point * stride for k, point in enumerate(points)]
                found.append((*box, *places, score))
    return found


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_decoding_agrees_with_the_slow_way(size: tuple[int, int]) -> None:
    cells = RNG.normal(0, 0.6, (cells_of(*size), NUMBERS)).astype(np.float32)
    cells[:, 0] = np.clip(cells[:, 0], 0, 1)
    faces = decode(cells, *size, SingleShotSettings(threshold=0.3))
    expected = np.array(slowly(cells, *size, 0.3))
    assert len(faces) == len(expected) > 3
    np.testing.assert_allclose(faces.boxes, expected[:, :4], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(faces.landmarks.reshape(-1, 10), expected[:, 4:14], rtol=1e-4, atol=1e-3)
    assert len(grid(*size)[0]) == len(cells)


def test_cells_that_see_the_same_face_are_averaged_by_their_scores() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 50, 10], [6, 0, 16, 10]], np.float32)
    landmarks = np.repeat(boxes[:, None, :2], 5, axis=1)
    faces = merged(Faces(boxes, landmarks, np.float32([0.9, 0.3, 0.8, 0.5])), SETTINGS)
    np.testing.assert_allclose(faces.boxes, [[0.25, 0, 10.25, 10], [40, 0, 50, 10]], rtol=1e-6)
    np.testing.assert_allclose(faces.landmarks[:, 0], [[0.25, 0], [40, 0]], atol=1e-6)
    np.testing.assert_allclose(faces.scores, [0.9, 0.8])


def test_of_no_faces_and_of_flat_boxes_nothing_breaks() -> None:
    assert len(merged(Faces.none(), SETTINGS)) == 0
    flat = Faces(np.zeros((2, 4), np.float32), np.zeros((2, 5, 2), np.float32), np.float32([0.5, 0.6]))
    assert np.isfinite(merged(flat, SETTINGS).boxes).all()


def test_a_face_on_anothers_cheek_is_dropped() -> None:
    boxes = np.float32([[0, 0, 40, 40], [22, 10, 38, 26], [30, 10, 70, 50]])
    faces = Faces(boxes, np.zeros((3, 5, 2), np.float32), np.float32([0.9, 0.8, 0.7]))
    assert merged(faces, SETTINGS).scores.tolist() == pytest.approx([0.9, 0.7])


def test_a_large_face_is_found_in_the_smallest_copy_and_mapped_back() -> None:
    seen: list[np.ndarray] = []
    sees, blind = one_face(0.9, 0, seen), one_face(0.0, 0, seen)
    detect = SingleShot(lambda pixels: (sees if pixels.shape[1] == 64 else blind)(pixels))
    faces = detect(np.full((300, 900, 3), 7, np.uint8))
    assert [part.shape[1:3] for part in seen] == [(320, 928), (128, 320), (64, 128)]
    assert not seen[0][0, 300:].any() and not seen[0][0, :, 900:].any()
    np.testing.assert_allclose(faces.boxes, [[-8.5 * 9, -8.5 * 9, 15.5 * 9, 15.5 * 9]], rtol=1e-5)
    assert faces.landmarks[0, 0, 0] == pytest.approx(3.5 * 9 + 4)  # the middle of a pixel of the copy


def test_strides_are_made_even() -> None:
    cells = np.zeros((cells_of(32, 32), NUMBERS), np.float32)
    cells[:, 0] = 0.6
    assert len(decode(cells, 32, 32, SingleShotSettings(usual=(0.7, 0.7, 0.5)))) == 1
    assert len(decode(cells, 32, 32, SingleShotSettings(usual=(0.59, 0.7, 0.7)))) == 16
    np.testing.assert_allclose(decode(cells, 32, 32, SingleShotSettings(usual=(0.9, 0.6, 0.9))).scores, 0.5, atol=1e-6)


@pytest.mark.parametrize("size", [(9, 12), (10, 14), (3, 300), (2, 50), (1, 1)])
def test_a_third_is_the_mean_of_blocks(size: tuple[int, int]) -> None:
    picture = RNG.integers(0, 256, (*size, 3), np.uint8)
    small, (height, width) = thirds(picture), (size[0] // 3, size[1] // 3)
    assert small.shape == (max(height, 1), max(width, 1), 3)
    if height and width:
        blocks = picture[: height * 3, : width * 3].reshape(height, 3, width, 3, 3).mean(axis=(1, 3))
        assert np.abs(small - blocks).max() <= 0.5


def test_nothing_below_the_threshold() -> None:
    assert len(SingleShot(one_face(0.49, 3, []))(np.zeros((64, 64, 3), np.uint8))) == 0


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0}, {"threshold": 1}, {"usual": (0.5, 0.5, 1)}, {"overlap": 0.8}, {"long_side": 8}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="are needed"):
        SingleShotSettings(**wrong)


def test_landmarks_are_placed_again_in_the_upright_face() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    turn = similarity_transform(PLACES, PLACES @ np.array([[0, 2], [-2, 0]]) + 180)  # by 90 degrees, twice as large
    guess = apply(turn, PLACES).astype(np.float32)[None]
    faces = Faces(np.float32([[0, 0, 9, 9]]), guess, np.float32([0.7]))
    shifts = np.zeros((1, 5, 2), np.float32)
    shifts[0, 2] = [0.25, 0]  # the nose a quarter of the square to the right
    (moved,) = corrected([picture], [faces], lambda squares: [shifts[: len(squares)]])
    np.testing.assert_allclose(moved.landmarks[0, [0, 1, 3, 4]], guess[0, [0, 1, 3, 4]], atol=1e-3)
    np.testing.assert_allclose(moved.landmarks[0, 2], guess[0, 2] + [0, 32], atol=1e-3)


def test_the_packaged_detector_is_what_its_card_says_and_small() -> None:
    card = json.loads((PACKAGED / CARD).read_text())
    for name, file in (("detector", GRAPH), ("landmarks", LANDMARKS)):
        assert sha256((PACKAGED / file).read_bytes()) == card[f"{name}_sha256"]
        assert card[f"{name}_sha256"] in (PACKAGED / "README.md").read_text()
    assert sum(path.stat().st_size for path in PACKAGED.iterdir()) <= 1_000_000


def test_it_finds_the_face_in_a_portrait_where_mtcnn_does(portrait: Image, mtcnn: Mtcnn) -> None:
    ours, theirs = create_detector("facerec")(portrait), mtcnn(portrait)
    assert len(ours) == 1
    assert iou(ours.boxes, theirs.boxes)[0, 0] > 0.6
    eyes = np.linalg.norm(theirs.landmarks[0, 1] - theirs.landmarks[0, 0])
    assert np.linalg.norm(ours.landmarks[0] - theirs.landmarks[0], axis=1).mean() < 0.08 * eyes


@pytest.mark.parametrize("size", [(64, 64), (512, 512), (1500, 1500)])
def test_it_finds_the_face_at_every_size(portrait: Image, size: tuple[int, int]) -> None:
    face = portrait[:256, 96:352]  # half of it is her head
    cv2 = pytest.importorskip("cv2")
    faces = create_detector("facerec")(cv2.resize(face, size, interpolation=cv2.INTER_AREA))
    assert len(faces) and 0.2 < np.diff(faces.boxes[0, ::2])[0] / size[0] < 0.5  # the surest of them


def test_it_finds_two_drawn_faces() -> None:
    picture = np.full((240, 400, 3), 150, np.uint8)
    for left, place in ((40, 0), (240, 1)):
        picture[64:176, left : left + 112] = draw_face(place)
    faces = create_detector("facerec")(picture)
    assert len(faces) == 2
    np.testing.assert_allclose(sorted(faces.boxes[:, ::2].mean(axis=1)), [96, 296], atol=8)


def test_a_folder_of_ones_own(tmp_path: Path, portrait: Image) -> None:
    shutil.copytree(PACKAGED, tmp_path / "own")
    assert len(create_detector(f"facerec:{tmp_path / 'own'}")(portrait)) == 1


def test_a_folder_that_is_none_is_explained(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="scripts/train_face_detector"):
        create_detector(f"facerec:{tmp_path}")
    shutil.copytree(PACKAGED, tmp_path / "own")
    (tmp_path / "own" / GRAPH).write_bytes(b"")
    with pytest.raises(DamagedFile, match="sha256"):
        open_single_shot(tmp_path / "own")
    for content in ("{}", "no json", '{"detector_sha256": "0", "landmarks_sha256": "0", "usual": [2, 0, 0]}', "[]"):
        (tmp_path / "own" / CARD).write_text(content)
        with pytest.raises((DamagedFile, InvalidInput)):
            open_single_shot(tmp_path / "own")


def test_a_folder_whose_graph_takes_one_picture_finds_the_same(tmp_path: Path, portrait: Image) -> None:
    shutil.copytree(PACKAGED, tmp_path / "earlier")
    graph = onnx.load(tmp_path / "earlier" / GRAPH)
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(graph, tmp_path / "earlier" / GRAPH)
    card = tmp_path / "earlier" / CARD
    digests = [sha256((folder / GRAPH).read_bytes()) for folder in (PACKAGED, tmp_path / "earlier")]
    card.write_text(card.read_text().replace(*digests))
    pictures = [portrait[:128, 160:288], portrait[:128, 170:298], portrait[64:192, 160:288]]
    found = [open_single_shot(folder).detect_all(pictures) for folder in (PACKAGED, tmp_path / "earlier")]
    for ours, theirs in zip(*found, strict=True):
        assert (
            ours.landmarks.tobytes() == theirs.landmarks.tobytes() and ours.scores.tobytes() == theirs.scores.tobytes()
        )
    assert sum(map(len, found[0])) > 0
