"""What every trunk must do, whatever it is made of."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from facerec.cnn.blocks import ConvBN
from facerec.cnn.networks import resnet
from facerec.errors import InvalidInput
from facerec.faces.encoder import open_encoder
from facerec.faces.encoder_export import AGREEMENT, PixelsToEmbedding, halve, require_agreement, rounded, to_graph
from facerec.faces.golden import golden_faces
from facerec.faces.trunks import TRUNKS, Trunk, create_trunk, load_weights, summarise_trunk
from facerec.faces.trunks.deepface import LocallyConnected, deepface
from facerec.faces.trunks.openface import LengthPool, frame, response_norm
from facerec.learning.settings import TrainSettings
from facerec.runtime import open_graph
from tests.tiny import tiny_trunk

BUILDERS = {**TRUNKS, "deepface": partial(deepface, maps=4, wide=128), "tiny": tiny_trunk}
"""Every trunk as it is, but DeepFace's with a twentieth of its 100 million weights, in the same layers."""

COSTS = {  # parameters, multiply-adds
    "residual": (3_099_296, 368_838_912),
    "mobile": (995_456, 220_965_376),  # 0.99 and 221 million in the paper
    "inception_resnet_v1": (23_482_624 + 512 * 128, 1_417_727_840),  # facenet-pytorch's, and the projection
    "nn4_small2": (3_733_968 - 4_656, 200_118_272),  # OpenFace's, without the biases that batch norm takes out
    "deepface": (102_937_280, 501_641_856),
    "resnet34": (21_376_448, 3_574_829_568),
    "se_resnet50": (26_405_744, 4_001_503_232),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=BUILDERS, scope="module")
def trunk(request: pytest.FixtureRequest) -> Trunk:
    torch.manual_seed(0)
    return BUILDERS[request.param]()


def faces(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1


def sides(trunk: Trunk) -> set[int]:
    """Its own, and another that it takes, if any."""
    return {trunk.side, 80} if trunk.takes(80) else {trunk.side}


def test_rows_of_length_one_for_any_batch_and_the_same_each_time(trunk: Trunk) -> None:
    trunk.eval()
    for side in sides(trunk):
        with torch.no_grad():
            rows, again, one = trunk(faces(2, side)), trunk(faces(2, side)), trunk(faces(2, side)[1:])
        assert rows.shape == (2, 128) and rows.dtype == torch.float32 and rows.equal(again)
        assert torch.allclose(rows.norm(dim=1), torch.ones(2), atol=1e-5)
        assert torch.allclose(one[0], rows[1], atol=1e-5)  # in eval mode a row does not depend on its neighbours
        assert (rows[0] - rows[1]).abs().max() > 1e-4


def test_the_gradient_reaches_every_weight(trunk: Trunk) -> None:
    trunk.train().zero_grad()
    direction = torch.randn(2, 128, generator=torch.Generator().manual_seed(1))
    (trunk(faces(2, trunk.side)) * direction).sum().backward()
    found = {name: weight.grad for name, weight in trunk.named_parameters()}
    assert [name for name, gradient in found.items() if gradient is None or not gradient.abs().sum()] == []
    assert [name for name, gradient in found.items() if not gradient.isfinite().all()] == []
    trunk.zero_grad()


def test_half_precision_inside_gives_float32_rows(trunk: Trunk) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rows = trunk.eval()(faces(1, min(sides(trunk))))
    assert rows.dtype == torch.float32 and rows.norm().item() == pytest.approx(1, abs=1e-5)


def test_the_exported_graph_agrees_with_torch_in_any_batch(trunk: Trunk) -> None:
    module = PixelsToEmbedding(trunk.eval(), mirror=False)
    content = to_graph(module).SerializeToString()
    assert require_agreement(module, content) <= AGREEMENT == 1e-4
    graph, some = open_graph(content), np.concatenate([golden_faces(), golden_faces()[:1]])
    assert np.abs(graph(some)[0] - np.concatenate([graph(face[None])[0] for face in some])).max() <= 1e-5


def test_weights_go_out_and_in_again_also_in_half_precision(trunk: Trunk, request: pytest.FixtureRequest) -> None:
    stored = load(save(rounded(trunk)))
    assert {value.dtype for value in stored.values()} >= {torch.float16, torch.float32}
    torch.manual_seed(1)
    other = BUILDERS[request.node.callspec.params["trunk"]]()
    load_weights(other, stored)
    assert all(value.equal(stored[name].to(value.dtype)) for name, value in other.state_dict().items())
    with torch.no_grad():
        x = faces(1, min(sides(trunk)))
        rows = other.eval()(x)
        load_weights(trunk, stored)
        assert trunk.eval()(x).equal(rows)


def test_a_trunk_says_which_faces_it_takes_and_refuses_others(trunk: Trunk) -> None:
    side = trunk.side
    assert trunk.takes(side) and TrainSettings(sizes=((0.0, side),))
    wrong = [
        torch.zeros(1, 3, side + 1, side + 1) if not trunk.takes(side + 1) else torch.zeros(1, 3, 74, 74),
        torch.zeros(1, 3, side, side - 16), torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 0, 0),
    ]  # fmt: skip
    for x in wrong:
        with pytest.raises(InvalidInput, match=rf"takes (square )?faces of {side}x{side} .*resize them"):
            trunk(x)
    for x in (torch.zeros(1, 1, side, side), torch.zeros(3, side, side), torch.zeros(1, 3, side, side).byte()):
        with pytest.raises(InvalidInput, match=r"float faces \(B, 3, S, S\)"):
            trunk(x)


@pytest.mark.parametrize("name", TRUNKS)
def test_what_a_trunk_costs(name: str) -> None:
    found = summarise_trunk(name)
    assert (found.parameters, found.multiplications) == COSTS[name] and found.output == (128,)


def test_the_default_trunk_is_within_its_budget() -> None:
    assert COSTS["residual"][0] <= 4_000_000 and COSTS["residual"][1] <= 0.5e9


def test_the_packaged_weights_are_the_residual_trunks() -> None:
    encoder = open_encoder()
    trunk = create_trunk(encoder.card.trunk)
    load_weights(trunk, load((encoder.folder / "weights.safetensors").read_bytes()))
    with torch.no_grad():
        rows = PixelsToEmbedding(trunk.eval(), encoder.card.facts.get("mirror", True))(torch.from_numpy(golden_faces()))
    assert np.abs(rows.numpy() - np.load(encoder.folder / "golden.npy")).max() <= 1e-4


def test_weights_of_another_network_are_refused() -> None:
    weights = tiny_trunk().state_dict()
    with pytest.raises(InvalidInput, match="another network's"):
        load_weights(create_trunk("residual"), weights)
    with pytest.raises(InvalidInput, match=r"another network's: 1 differ, the first 0\.0\.weight"):
        load_weights(tiny_trunk(), weights | {"0.0.weight": torch.zeros(1)})


def test_a_trunk_is_built_by_name() -> None:
    assert type(create_trunk("residual")) is TRUNKS["residual"]
    for ask in (create_trunk, summarise_trunk):
        with pytest.raises(InvalidInput, match="known: residual, mobile, inception_resnet_v1"):
            ask("resnet-9000")


def test_filters_that_are_alike_everywhere_are_a_convolution() -> None:
    conv, local = nn.Conv2d(3, 4, 5, stride=2), LocallyConnected(3, 4, 13, 5, stride=2)
    with torch.no_grad():
        local.weight.copy_(conv.weight.flatten(1).T.expand(25, -1, -1))
        local.bias.copy_(conv.bias.expand(25, 1, -1))
        x = torch.rand(2, 3, 13, 13)
        assert torch.allclose(local(x), conv(x), atol=1e-5)
        local.weight[7] = 0  # the third place of the second row
        local.bias[7] = 0
        changed = (local(x) - conv(x)).abs().amax((0, 1)) > 1e-5
        assert local(x)[:, :, 1, 2].abs().max() == 0 and changed.nonzero().tolist() == [[1, 2]]


def test_length_pooling_is_torchs_where_that_has_a_slope() -> None:
    x = torch.rand(2, 3, 12, 11) + 0.1
    assert torch.allclose(LengthPool()(x), nn.LPPool2d(2, 3, stride=3)(x), atol=1e-6)
    black = torch.zeros(1, 1, 3, 3, requires_grad=True)
    LengthPool()(black).sum().backward()
    assert black.grad.abs().sum() == 0


def test_response_norm_is_torchs() -> None:
    x = torch.randn(2, 9, 4, 4) * 100
    assert torch.allclose(response_norm()(x), nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)(x), atol=1e-4)


def test_a_frame_has_its_odd_zero_below_and_to_the_right() -> None:
    framed = frame(5, 12)(torch.ones(1, 1, 5, 5))[0, 0]
    assert framed.shape == (12, 12) and framed[3:8, 3:8].sum() == framed.sum() == 25


def test_resnets_for_faces_keep_the_published_weights_shapes() -> None:
    with torch.device("meta"):
        ours, published = create_trunk("resnet34").state_dict(), resnet.resnet34().state_dict()
    shared = {name for name in ours if not name.startswith("head.")}
    assert shared == {name for name in published if not name.startswith("fc.")}
    assert all(ours[name].shape == published[name].shape for name in shared)


def test_large_weights_are_halved_in_a_locally_connected_graph_too() -> None:
    trunk = deepface(maps=4, wide=128).eval()
    trunk.load_state_dict(rounded(trunk))
    module = PixelsToEmbedding(trunk)
    content = halve(to_graph(module)).SerializeToString()
    assert require_agreement(module, content) <= AGREEMENT
    assert len(content) < 2.2 * sum(weight.numel() for weight in trunk.parameters())


def test_no_trunk_has_a_convolution_bias_that_batch_norm_takes_out() -> None:
    with torch.device("meta"):
        units = [part for name in TRUNKS for part in create_trunk(name).modules() if isinstance(part, ConvBN)]
    assert len(units) > 200 and all(unit[0].bias is None for unit in units)
