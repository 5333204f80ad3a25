"""Average precision against pycocotools, against VOC's own words, and on cases that one can count by hand."""

import contextlib
import io
import itertools

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facerec.errors import InvalidInput
from facerec.geometry import iou
from facerec.metrics import detection
from facerec.records import Detections, Objects

CLASSES = 3


def scene(seed: int, pictures: int = 8, crowds: bool = False) -> tuple[list[Detections], list[Objects]]:
    """Random objects, and detections of which some lie near them; picture 0 has no object, picture 1 nothing found."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for picture in range(pictures):
        count = 0 if picture == 0 else int(rng.integers(1, 9))
        corner = rng.uniform(0, 200, (count, 2))
        boxes = np.column_stack([corner, corner + rng.uniform(5, 90, (count, 2))]).astype(np.float32)
        labels = rng.integers(0, CLASSES, count)
        hard = rng.random(count) < 0.25 if crowds else np.zeros(count, np.bool_)
        truth.append(Objects(boxes, labels, hard))
        near = np.repeat(boxes, 2, axis=0) + rng.normal(0, 6, (2 * count, 4))
        near_labels = np.where(rng.random(2 * count) < 0.8, np.repeat(labels, 2), rng.integers(0, CLASSES, 2 * count))
        corner = rng.uniform(0, 200, (5, 2))
        stray = np.column_stack([corner, corner + rng.uniform(5, 90, (5, 2))])
        every = np.concatenate([near, stray])
        every[:, 2:] = np.maximum(every[:, 2:], every[:, :2] + 1)
        names = np.concatenate([near_labels, rng.integers(0, CLASSES, 5)])
        one = Detections.best_first(every, rng.permutation(len(every)) / len(every) * 0.9 + rng.random() * 0.1, names)
        found.append(Detections.none() if picture == 1 else one)
    return found, truth


def reference(found: list[Detections], truth: list[Objects]) -> COCOeval:
    """What pycocotools makes of it."""
    images = [{"id": picture + 1} for picture in range(len(truth))]
    annotations = [
        {
            "id": 0, "image_id": picture + 1, "category_id": int(label) + 1, "iscrowd": int(hard),
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)], "area": float((x2 - x1) * (y2 - y1)),
        }
        for picture, each in enumerate(truth)
        for (x1, y1, x2, y2), label, hard in zip(each.boxes.astype(float), each.labels, each.hard, strict=True)
    ]  # fmt: skip
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    results = [
        {
            "image_id": picture + 1, "category_id": int(label) + 1, "score": float(score),
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
        }
        for picture, each in enumerate(found)
        for (x1, y1, x2, y2), score, label in zip(each.boxes.astype(float), each.scores, each.labels, strict=True)
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": images, "annotations": annotations, "categories": [{"id": n + 1} for n in range(CLASSES)],
        }  # fmt: skip
        coco.createIndex()
        return COCOeval(coco, coco.loadRes(results), "bbox")


def summarised(evaluation: COCOeval) -> np.ndarray:
    """(IoUs, recalls, classes) precisions, for all sizes and 100 detections."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1]


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_coco_agrees_with_pycocotools(seed: int, crowds: bool):
    found, truth = scene(seed, crowds=crowds)
    theirs = summarised(reference(found, truth)).mean(axis=1)  # (IoUs, classes)
    for row, least in enumerate(detection.COCO_THRESHOLDS):
        ours = detection.average_precisions(found, truth, CLASSES, least, "coco")
        assert ours == pytest.approx(theirs[row], abs=1e-9), least
    assert detection.coco_ap(found, truth, CLASSES) == pytest.approx(theirs.mean(), abs=1e-9)


def slow_voc(found: list[Detections], truth: list[Objects], label: int, eleven: bool) -> float:
    """VOC's development kit in plain Python: one detection after the other, one recall after the other."""
    rows = sorted(
        (-float(score), picture, row)
        for picture, each in enumerate(found)
        for row, score in enumerate(each.scores)
        if each.labels[row] == label
    )
    total = sum(int((~each.hard[each.labels == label]).sum()) for each in truth)
    taken: set[tuple[int, int]] = set()
    points, right, wrong = [], 0, 0
    for _, picture, row in rows:
        own = truth[picture][truth[picture].labels == label]
        overlaps = iou(found[picture].boxes[row : row + 1], own.boxes)[0] if len(own) else np.zeros(1)
        nearest = int(overlaps.argmax())
        if overlaps[nearest] >= 0.5:
            if own.hard[nearest]:
                continue
            if (picture, nearest) in taken:
                wrong += 1
            else:
                taken.add((picture, nearest))
                right += 1
        else:
            wrong += 1
        points.append((right / total, right / (right + wrong)))
    best = lambda level: max((p for r, p in points if r >= level), default=0.0)  # noqa: E731
    if eleven:
        return sum(best(tenth / 10) for tenth in range(11)) / 11
    levels = [0.0, *sorted({r for r, _ in points})]
    return sum((high - low) * best(high) for low, high in itertools.pairwise(levels))


@pytest.mark.parametrize("seed", range(4))
def test_voc_agrees_with_the_slow_one(seed: int):
    found, truth = scene(seed, crowds=True)
    for form in ("voc", "voc11"):
        slow = [slow_voc(found, truth, label, form == "voc11") for label in range(CLASSES)]
        assert detection.average_precisions(found, truth, CLASSES, form=form) == pytest.approx(slow, abs=1e-9)


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_a_second_find_of_the_same_object_is_wrong():
    truth = [Objects.of(boxes((0, 0, 10, 10), (20, 0, 30, 10)), np.array([0, 0]))]
    found = [
        Detections.best_first(
            boxes((0, 0, 10, 10), (0, 0, 10, 9), (20, 0, 30, 10)), np.array([0.9, 0.8, 0.7]), np.zeros(3)
        )
    ]
    assert detection.judge(found, truth, 0).right.tolist() == [True, False, True]
    assert detection.mean_ap(found, truth, 1) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert detection.confused(found, truth, 0.75).tolist() == [[1, 1, 1]]


def test_nothing_found_is_worth_zero_and_nothing_to_find_is_no_figure():
    truth = [Objects.of(boxes((0, 0, 10, 10)), np.array([1]))]
    each = detection.average_precisions([Detections.none()], truth, 2)
    assert np.isnan(each[0]) and each[1] == 0
    with pytest.raises(InvalidInput, match="no object to find"):
        detection.mean_ap([Detections.none()], [Objects.none()], 2)
    with pytest.raises(InvalidInput, match="as many"):
        detection.mean_ap([], truth, 2)
