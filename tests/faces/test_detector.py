"""Detectors by name, and what is said to somebody who names one wrongly."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces import detector
from facerec.faces.detector import DETECTORS, create_detector, detector_identity
from facerec.faces.mtcnn import Mtcnn
from facerec.faces.yunet import YuNet
from facerec.records import Faces

BLANK = np.full((64, 80, 3), 128, np.uint8)


@pytest.fixture
def yunet_file(data):
    return data / "weights" / "yunet_n_320_320.onnx"


def test_the_default_is_mtcnn():
    assert isinstance(create_detector(), Mtcnn)
    assert set(DETECTORS) == {"facerec", "mtcnn", "yunet"}


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_keeps_the_contract(name, data, portrait):
    source = {"facerec": "", "mtcnn": "", "yunet": f":{data / 'weights' / 'yunet_n_640_640.onnx'}"}[name]
    detect = create_detector(name + source)
    for picture in (portrait, portrait[::2, ::3], portrait[:1, :1], BLANK, portrait.repeat(5, axis=0)):
        faces = detect(picture)
        assert isinstance(faces, Faces)
        assert (np.diff(faces.scores) <= 0).all() and ((faces.scores >= 0) & (faces.scores <= 1)).all()
    assert len(detect(portrait)) == 1 and len(detect(BLANK)) == 0
    with pytest.raises(InvalidInput):
        detect(portrait[..., 0])


def test_yunet_by_path_with_and_without_digest(yunet_file, portrait):
    digest = sha256(yunet_file.read_bytes())
    for spec in (f"yunet:{yunet_file}", f"yunet:{yunet_file}#sha256={digest}"):
        found = create_detector(spec)
        assert isinstance(found, YuNet) and len(found(portrait)) == 1


def test_yunet_by_address(yunet_file, tmp_path, monkeypatch, portrait):
    monkeypatch.setenv("FACEREC_CACHE", str(tmp_path))
    digest = sha256(yunet_file.read_bytes())
    assert len(create_detector(f"yunet:{yunet_file.as_uri()}#sha256={digest}")(portrait)) == 1
    assert [file.name for file in tmp_path.iterdir()] == [f"fetched-{digest}"]


@pytest.mark.parametrize(
    ("spec", "error", "hint"),
    [
        ("", InvalidInput, "known: facerec, mtcnn, yunet"),
        ("retina", InvalidInput, "known: facerec, mtcnn, yunet"),
        ("mtcnn:file.onnx", InvalidInput, "takes nothing"),
        ("yunet", InvalidInput, "yunet:FILE.onnx"),
        ("yunet:", InvalidInput, "yunet:FILE.onnx"),
        ("yunet:https://example.org/a.onnx", InvalidInput, "#sha256=DIGEST"),
        ("yunet:https://example.org/a.onnx#sha256=12", InvalidInput, "64 hex digits"),
        (f"yunet:http://example.org/a.onnx#sha256={'0' * 64}", InvalidInput, "https"),
        ("yunet:missing.onnx", MissingPart, "missing.onnx"),
        (f"yunet:{__file__}#sha256={'0' * 64}", DamagedFile, "sha256"),
        (f"yunet:{__file__}", DamagedFile, "no ONNX graph"),
    ],
)
def test_a_wrong_name_is_explained(spec, error, hint):
    with pytest.raises(error, match=hint):
        create_detector(spec)


def test_a_graph_of_something_else_is_refused(tmp_path):
    from facerec.faces.mtcnn_export import mtcnn_graphs

    (tmp_path / "rnet.onnx").write_bytes(mtcnn_graphs()["rnet"])
    with pytest.raises(InvalidInput, match="not YuNet's: it lacks bbox_16"):
        detector.create_detector(f"yunet:{tmp_path / 'rnet.onnx'}")


def test_a_detector_is_known_by_its_weights_and_not_by_their_place(tmp_path):
    """Two files in one deep folder are two, another content is another, and a file that was moved is the same."""
    deep = tmp_path / ("d" * 150) / ("e" * 150)
    deep.mkdir(parents=True)
    for name, content in (("a.onnx", b"1"), ("b.onnx", b"2"), ("moved.onnx", b"1")):
        (deep / name).write_bytes(content)
    first, second, moved = (detector_identity(f"yunet:{deep / name}.onnx") for name in ("a", "b", "moved"))
    assert first == moved != second and len(first) < 80
    assert detector_identity(f"yunet:{deep}/a.onnx#sha256={sha256(b'1').upper()}") == first
    (deep / "a.onnx").write_bytes(b"3")
    assert detector_identity(f"yunet:{deep}/a.onnx") not in (first, second)
    (deep / "card.json").write_bytes(b"1")
    assert detector_identity(f"facerec:{deep}") == f"facerec:{sha256(b'1')}"
    assert [detector_identity(name) for name in ("mtcnn", "facerec", "custom")] == ["mtcnn", "facerec", "custom"]
