"""YuNet's decoding, by hand and against OpenCV's."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.faces.yunet import STRIDES, YuNet, YuNetSettings
from facerec.runtime import open_graph
from tests.real_pictures import group_pictures, lfw
from tests.reference import difference, opencv_yunet


class FakeGraph:
    """Sees one face, in the given cell of the given stride, of a size of e^1 by e^0 cells."""

    def __init__(self, stride: int, row: int, column: int):
        self.inputs = {"input": (1, 3, None, None)}
        self.outputs = {f"{name}_{s}": None for name in ("cls", "obj", "bbox", "kps") for s in STRIDES}
        self._stride, self._row, self._column = stride, row, column
        self.seen = np.zeros(0)

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        self.seen = image
        return [self._output(name, image.shape[2:]) for name in self.outputs]

    def _output(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        kind, _, stride = name.partition("_")
        rows, columns = shape[0] // int(stride), shape[1] // int(stride)
        out = np.zeros((1, rows * columns, {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}[kind]), np.float32)
        if int(stride) == self._stride:
            values = {"cls": 0.81, "obj": 1.2, "bbox": [0.5, 0.25, 1, 0], "kps": np.arange(10)}
            out[0, self._row * columns + self._column] = values[kind]
        return out


def test_decodes_one_cell_by_hand():
    graph = FakeGraph(stride=16, row=2, column=3)
    faces = YuNet(graph)(np.zeros((60, 90, 3), np.uint8))
    assert graph.seen.shape == (1, 3, 64, 96)  # up to the next multiple of 32
    assert faces.scores == pytest.approx([0.9])  # sqrt(0.81 * 1), the latter cut to 1
    middle, half = np.array([3.5, 2.25]), np.array([np.e, 1]) / 2
    np.testing.assert_allclose(faces.boxes, [16 * np.concatenate([middle - half, middle + half])], rtol=1e-6)
    np.testing.assert_allclose(faces.landmarks[0], 16 * (np.arange(10).reshape(5, 2) + np.array([3, 2])), rtol=1e-6)


def test_the_graph_sees_blue_first_and_black_beyond_the_edge():
    graph = FakeGraph(8, 0, 0)
    YuNet(graph)(np.full((32, 40, 3), (10, 20, 30), np.uint8))
    assert graph.seen[0, :, 31, 39].tolist() == [30, 20, 10]
    assert not graph.seen[0, :, :, 40:].any()


def test_nothing_below_the_threshold():
    assert len(YuNet(FakeGraph(8, 1, 1), YuNetSettings(threshold=0.91))(np.zeros((64, 64, 3), np.uint8))) == 0


@pytest.mark.parametrize("side", [320, 640])
def test_agrees_with_opencv_on_real_pictures(data, side):
    path = data / "weights" / f"yunet_n_{side}_{side}.onnx"
    pytest.importorskip("cv2")
    settings = YuNetSettings()
    ours = YuNet(open_graph(path), settings)
    theirs = opencv_yunet(str(path), side, settings.threshold, settings.overlap)
    singles = lfw(data, 40)
    pictures = [np.pad(p, ((0, side - 250), (0, side - 250), (0, 0))) for p in singles]
    pictures += [g[:side, :side] for g in group_pictures(singles, 30) if min(g.shape[:2]) >= side]
    found = [difference(ours(picture), theirs(picture)) for picture in pictures]
    assert None not in found and sum(one.faces for one in found) >= 40
    assert max(max(one.box, one.landmark) for one in found) < 0.1
    assert max(one.score for one in found) < 1e-3


def test_a_picture_larger_than_the_graph_is_reduced_and_mapped_back(data, portrait):
    detect = YuNet(open_graph(data / "weights" / "yunet_n_320_320.onnx"))
    large = detect(portrait.repeat(2, axis=0).repeat(2, axis=1))
    small = detect(portrait)
    assert len(large) == len(small) == 1
    np.testing.assert_allclose(large.landmarks / 2, small.landmarks, atol=1)
