"""The detector's graphs: right, made once, made again when damaged."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import MissingPart
from facerec.faces import mtcnn_export
from facerec.faces.mtcnn_export import NAMES, export, mtcnn_graphs, weight_files
from facerec.runtime import open_graph

SHAPES = {"pnet": (2, 33, 50, 4), "rnet": (3, 24, 24, 4), "onet": (1, 48, 48, 4)}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: export(name, path) for name, path in weight_files().items()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, not yet a folder."""
    folder = tmp_path / "not" / "yet"
    monkeypatch.setenv("FACEREC_CACHE", str(folder))
    return folder


@pytest.fixture
def exported(made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the nets that were exported; quick, because they have been before."""
    calls: list[str] = []

    def recorded(name: str, weights: Path) -> bytes:
        calls.append(name)
        return made[name]

    monkeypatch.setattr(mtcnn_export, "export", recorded)
    return calls


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_computes_what_the_network_does(made, name):
    import torch

    from facerec.faces.mtcnn_nets import load_net

    images = np.random.default_rng(1).uniform(0, 255, SHAPES[name]).astype(np.float32)
    with torch.no_grad():
        expected = load_net(name, weight_files()[name])(torch.from_numpy(images))
    for ours, theirs in zip(open_graph(made[name])(images), expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(("name", "theirs", "order"), [("pnet", "PNet", (1, 0)), ("onet", "ONet", (2, 0, 1))])
def test_the_network_is_the_one_the_weights_were_trained_in(name, theirs, order):
    import torch

    from facerec.faces.mtcnn_nets import load_net
    from tests.reference import facenet_pytorch

    images = torch.rand(SHAPES[name], generator=torch.Generator().manual_seed(0)) * 255
    reference = getattr(facenet_pytorch(), theirs)().eval()
    with torch.no_grad():
        ours = load_net(name, weight_files()[name])(images)
        found = reference((images[..., :3].permute(0, 3, 1, 2) - 127.5) / 128)
    np.testing.assert_allclose(ours[0], found[order[0]][:, 1], atol=1e-6)
    for mine, place in zip(ours[1:], order[1:], strict=True):
        np.testing.assert_allclose(mine, found[place], atol=1e-5)


def test_the_second_run_makes_nothing(cache, exported):
    first = mtcnn_graphs()
    assert mtcnn_graphs() == first
    assert exported == list(NAMES)
    assert len(list(cache.iterdir())) == 3  # and nothing half written is left


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-1])])
def test_a_missing_or_damaged_graph_is_made_again(cache, exported, damage):
    first = mtcnn_graphs()
    damage(next(cache.glob("rnet-*")))
    assert mtcnn_graphs() == first
    assert len(exported) == 6
    assert mtcnn_graphs() == first and len(exported) == 6


def test_one_flipped_bit_is_noticed(cache, exported, made):
    mtcnn_graphs()
    file = next(cache.glob("onet-*"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert mtcnn_graphs()["onet"] == made["onet"]


def test_another_version_of_the_export_is_another_graph(cache, exported, monkeypatch):
    mtcnn_graphs()
    monkeypatch.setattr(mtcnn_export, "EXPORT_VERSION", 999)
    mtcnn_graphs()
    assert len(exported) == 6


def test_a_cache_that_cannot_be_written_costs_a_warning_only(tmp_path, monkeypatch, exported, made, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FACEREC_CACHE", str(tmp_path / "file" / "folder"))
    assert mtcnn_graphs() == made
    assert "FACEREC_CACHE" in caplog.text


def test_the_first_run_says_that_it_takes_a_while(cache, exported, caplog):
    mtcnn_graphs()
    assert "once" in caplog.text
    caplog.clear()
    mtcnn_graphs()
    assert not caplog.records


def test_without_the_weights_it_says_where_they_come_from(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPart, match="pip install 'facenet-pytorch"):
        weight_files()


def test_a_weight_file_that_is_gone_is_named(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("facenet_pytorch", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(MissingPart, match=r"pnet\.pt, rnet\.pt, onet\.pt"):
        weight_files()
