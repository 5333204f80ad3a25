"""The detector's network and its export: sizes, and the graph computes what torch does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.errors import DamagedFile, InvalidInput
from facerec.faces.landmark_net import LandmarkNet
from facerec.faces.single_shot import FACE, NUMBERS, STRIDES, open_single_shot
from facerec.faces.single_shot_export import (
    grainy,
    graph_of,
    landmark_graph_of,
    require_agreement,
    write_detector,
)
from facerec.faces.single_shot_net import PixelsToCells, SingleShotNet
from facerec.runtime import open_graph


@pytest.fixture(scope="module")
def net() -> SingleShotNet:
    torch.manual_seed(3)
    return SingleShotNet()


@pytest.mark.parametrize("size", [(32, 32), (64, 160)])
def test_a_cell_at_every_stride(net: SingleShotNet, size: tuple[int, int]) -> None:
    cells = net.eval()(torch.zeros(2, 3, *size))
    assert cells.shape == (2, sum(size[0] // s * (size[1] // s) for s in STRIDES), NUMBERS)


def test_a_fresh_net_sees_hardly_any_face(net: SingleShotNet) -> None:
    cells = PixelsToCells(net.eval())(torch.from_numpy(grainy()[None]))
    assert cells[..., 0].max() < 0.05


def test_the_graphs_compute_what_torch_does_on_any_size(net: SingleShotNet, tmp_path: Path) -> None:
    (graph, facts), (second, more) = graph_of(net.state_dict()), landmark_graph_of(LandmarkNet().state_dict())
    assert max(facts["difference_from_torch"], more["difference_from_torch"]) < 1e-4
    for size in ((32, 32), (96, 64), (256, 320)):
        assert open_graph(graph)(np.zeros((1, *size, 3), np.uint8))[0].shape[2] == NUMBERS
    for count in (1, 3):
        assert open_graph(second)(np.zeros((count, FACE, FACE, 3), np.uint8))[0].shape == (count, 5, 2)
    write_detector(tmp_path, graph, second, (0.4, 0.5, 0.6), facts | {"note": "a test"})
    assert len(open_single_shot(tmp_path)(grainy())) == 0
    assert json.loads((tmp_path / "card.json").read_text())["note"] == "a test"


def test_another_graph_is_noticed(net: SingleShotNet) -> None:
    graph, _ = graph_of(net.state_dict())
    other = SingleShotNet()
    with torch.no_grad():
        other.read.bias += 1.0
    with pytest.raises(DamagedFile, match="differs from torch"):
        require_agreement(PixelsToCells(other.eval()), graph, [grainy()])


def test_graphs_that_are_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="at most"):
        write_detector(tmp_path, bytes(600_000), bytes(500_000), (0.5, 0.5, 0.5), {})
    assert not list(tmp_path.iterdir())


def test_a_level_is_normalised_by_its_own_statistics(net: SingleShotNet) -> None:
    copy = SingleShotNet()
    copy.load_state_dict(net.state_dict())
    copy.train()(torch.randn(2, 3, 64, 64))
    means = [norm.running_mean for norm in copy.norms]
    assert not torch.equal(means[0], means[1]) and not torch.equal(means[1], means[2])
