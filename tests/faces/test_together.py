"""What a picture gets depends on the picture alone: alone or with others, in whatever order and groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data as photos

from facerec import runtime
from facerec.errors import MissingPart
from facerec.faces import mtcnn_boxes as boxes_of
from facerec.faces import together
from facerec.faces.area import crops, resized, running_sums
from facerec.faces.detector import Detector, create_detector
from facerec.faces.encoder import open_encoder
from facerec.faces.golden import draw_face
from facerec.faces.mtcnn import OVERLAP, OVERLAP_IN_LEVEL, Mtcnn, MtcnnSettings
from facerec.faces.mtcnn_export import mtcnn_graphs
from facerec.faces.single_shot import GRAPH, LANDMARKS, PACKAGED
from facerec.faces.together import Portion, in_groups, in_parts
from facerec.geometry import nms
from facerec.records import Faces, Image
from facerec.runtime import Graph, open_graph

NETS = {"pnet": (32, 45, 4), "rnet": (24, 24, 4), "onet": (48, 48, 4)}


@cache
def graphs() -> dict[str, Graph]:
    return {name: open_graph(graph) for name, graph in mtcnn_graphs().items()}


@cache
def detector(name: str) -> Detector:
    return create_detector(name)


@cache
def pictures() -> list[Image]:
    """Of several sizes, some alike: with one face, several and none, one that is reduced, one too small for any."""
    portrait, drawn = photos.astronaut(), draw_face(1).repeat(2, axis=0).repeat(2, axis=1)
    cut, noise = portrait[:250, 90:340], np.random.default_rng(3).integers(0, 256, (250, 250, 3), np.uint8)
    several, wide = np.concatenate([cut, cut[:, ::-1], noise], axis=1), np.tile(cut[:60], (1, 8, 1))
    found = [
        cut,
        drawn,
        noise,
        photos.chelsea()[:250, :250],
        cut[:, ::-1],
        several,
        wide,
        drawn[:10, :10],
        cut[5:, 20:],
    ]
    return [np.ascontiguousarray(one) for one in found]


@cache
def alone(name: str) -> list[bytes]:
    return [in_bytes(detector(name)(picture)) for picture in pictures()]


def in_bytes(faces: Faces) -> bytes:
    return b"|".join(part.tobytes() for part in (faces.boxes, faces.landmarks, faces.scores))


orders = st.permutations(range(len(pictures())))
cuts = st.lists(st.integers(1, len(pictures())), max_size=3)
portions = st.builds(Portion, st.sampled_from([1, 5000, 27_648, 2_000_000]), st.sampled_from([1, 130_000, 9_000_000]))


@pytest.mark.parametrize("name", ["mtcnn", "facerec"])
@settings(max_examples=12, deadline=None, database=None)
@given(orders, cuts, portions)
def test_any_order_and_any_grouping_give_the_same_faces(
    name: str, order: list[int], cuts: list[int], portion: Portion
) -> None:
    ends = [0, *sorted(cuts), len(order)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(together.PORTIONS, "cpu", portion)
        detect = Mtcnn(graphs=graphs()) if name == "mtcnn" else detector(name)
        parts = [order[start:end] for start, end in pairwise(ends)]
        found = [faces for part in parts for faces in detect.detect_all([pictures()[one] for one in part])]
    assert [in_bytes(faces) for faces in found] == [alone(name)[one] for one in order]


def test_the_pictures_show_what_they_are_there_for() -> None:
    counts = [len(faces) for faces in detector("mtcnn").detect_all(pictures())]
    assert counts[0] == counts[1] == counts[4] == 1 and counts[5] == 2 and counts[2] == counts[3] == counts[7] == 0


@pytest.fixture
def device() -> Iterator[None]:
    """Graphs that are opened meanwhile run on a CUDA device; those to compare with are opened before."""
    detector("mtcnn"), detector("facerec")
    try:
        runtime.use(device="cuda")
    except MissingPart:
        pytest.skip("no CUDA at hand")
    yield
    runtime.use()


@pytest.mark.parametrize("name", ["mtcnn", "facerec"])
def test_on_a_device_the_same_faces_are_found_together(name: str, device: None) -> None:
    expected = [detector(name)(picture) for picture in pictures()]
    found = create_detector(name).detect_all(pictures())
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1)


def slowly(image: Image) -> Faces:
    """The cascade picture by picture, copy by copy and box by box; a net never sees more than one thing at a time."""
    wanted, table = MtcnnSettings(), running_sums(image)
    height, width = image.shape[:2]
    proposed = [np.zeros((0, 9), np.float32)]
    for scale in boxes_of.pyramid_scales(height, width, wanted.min_face, wanted.factor):
        scores, offsets = graphs()["pnet"](resized(table, int(height * scale + 1), int(width * scale + 1))[None])
        rows, columns = np.nonzero(scores[0] >= wanted.thresholds[0])
        cells = boxes_of.cell_boxes(rows, columns, scale)
        best = nms(cells, scores[0, rows, columns], OVERLAP_IN_LEVEL)
        said = offsets[0][:, rows[best], columns[best]].T
        proposed.append(np.column_stack([cells[best], scores[0, rows[best], columns[best]], said]))
    all_of = np.concatenate(proposed)
    all_of = all_of[nms(all_of[:, :4], all_of[:, 4], OVERLAP)]
    boxes = boxes_of.squared(boxes_of.regressed(all_of[:, :4], all_of[:, 5:], inclusive=False))
    boxes, scores, offsets = one_by_one("rnet", table, boxes)
    passed = np.flatnonzero(scores > wanted.thresholds[1])
    best = passed[nms(boxes[passed], scores[passed], OVERLAP)]
    boxes = boxes_of.squared(boxes_of.regressed(boxes[best], offsets[best], inclusive=True))
    boxes, scores, offsets, shares = one_by_one("onet", table, boxes)
    passed = scores > wanted.thresholds[2]
    landmarks = boxes_of.landmarks_in(boxes[passed], shares[passed])
    moved = boxes_of.regressed(boxes[passed], offsets[passed], inclusive=True)
    return Faces(moved, landmarks, scores[passed])[boxes_of.suppressed_by_smaller(moved, scores[passed], OVERLAP)]


def one_by_one(name: str, table: np.ndarray, boxes: np.ndarray) -> list[np.ndarray]:
    height, width = table.shape[0] - 1, table.shape[1] - 1
    boxes = boxes[boxes_of.inside(boxes, height, width)]
    whole = boxes_of.pixels(boxes, height, width)
    said = [graphs()[name](crops(table, one[None], NETS[name][0])) for one in whole]
    return [boxes, *(np.concatenate(parts) for parts in zip(*said, strict=True))]


@pytest.mark.parametrize("number", [0, 1, 5])
def test_the_cascade_agrees_with_the_slow_way_to_the_last_bit(number: int) -> None:
    assert in_bytes(slowly(pictures()[number])) == alone("mtcnn")[number]


def inputs_of(shape: Sequence[int], dtype: type, count: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 256, (count, *shape)).astype(dtype)


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet", "cells", "shifts", "encoder"])
def test_a_row_of_a_net_depends_on_its_own_input_alone(name: str) -> None:
    """Why a gallery's manifest does not depend on where a run was stopped and gone on with."""
    files = {"cells": (PACKAGED / GRAPH, (96, 64, 3)), "shifts": (PACKAGED / LANDMARKS, (64, 64, 3))}
    if name in NETS:
        net, given_in = graphs()[name], inputs_of(NETS[name], np.float32, 33)
    elif name in files:
        net, given_in = open_graph(files[name][0]), inputs_of(files[name][1], np.uint8, 33)
    else:
        encoder = open_encoder()
        net, given_in = lambda crops: [encoder(crops)], inputs_of((112, 112, 3), np.uint8, 9)
    expected: list[np.ndarray] = []
    for size in (1, 2, 7, 32, 33):
        parts = [net(given_in[at : at + size]) for at in range(0, len(given_in), size)]
        got = [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
        expected = expected or got
        assert [one.tobytes() for one in got] == [one.tobytes() for one in expected], size


def calls_of(detect_all: int, portion: Portion, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each net is called for so many pictures of one size."""
    monkeypatch.setitem(together.PORTIONS, "cpu", portion)
    calls = dict.fromkeys(NETS, 0)

    def counted(name: str):
        def net(given_in: np.ndarray) -> list[np.ndarray]:
            calls[name] += 1
            return graphs()[name](given_in)

        return net

    Mtcnn(graphs={name: counted(name) for name in NETS}).detect_all([pictures()[0]] * detect_all)
    return calls


def test_many_pictures_need_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    one = calls_of(1, Portion(9_000_000, 9_000_000), monkeypatch)
    assert one == {"pnet": 8, "rnet": 1, "onet": 1} == calls_of(5, Portion(9_000_000, 9_000_000), monkeypatch)
    by_default = calls_of(8, together.PORTIONS["cpu"], monkeypatch)
    assert sum(by_default.values()) < 8 * sum(one.values()) / 2


def test_items_are_taken_in_order_at_most_so_many_at_once() -> None:
    assert [list(part) for part in in_parts([1, 2, 3], 0)] == [[1], [2], [3]]
    sizes = [(2, 5), (2, 2), (30, 30), (1, 1), (3, 3)]
    images = [np.zeros((*size, 3), np.uint8) for size in sizes]
    assert [[one.shape[:2] for one in group] for group in in_groups(images, 14)] == [
        sizes[:2], sizes[2:3], sizes[3:],
    ]  # fmt: skip
    assert list(in_groups([], 14)) == []
