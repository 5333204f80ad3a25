"""The layers that can be looked at, and where weights come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from facerec.cnn.networks import create
from facerec.cnn.preparation import CAFFE, IMAGENET, Preparation, plain
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.style import packaged
from facerec.style.features import CHOICES, Features, features_of, layer_names, open_features


def test_vgg_names_are_the_papers() -> None:
    with torch.device("meta"):
        names = layer_names(features_of(create("vgg16")))
    assert [n for n in names if n.startswith("relu5") or n.startswith("pool")] == [
        "pool1", "pool2", "pool3", "pool4", "relu5_1", "relu5_2", "relu5_3", "pool5",
    ]  # fmt: skip
    assert names["relu1_1"] == 1 and len(names) == 1 + 13 + 5


def test_squeezenet_names_are_the_papers() -> None:
    with torch.device("meta"):
        names = layer_names(features_of(create("squeezenet")))
    assert " ".join(names) == "input relu1 pool1 fire2 fire3 fire4 pool4 fire5 fire6 fire7 fire8 pool8 fire9"


@pytest.mark.parametrize("name", CHOICES)
def test_the_layers_looked_at_by_default_are_there(name: str) -> None:
    choice = CHOICES[name]
    with torch.device("meta"):
        assert {*choice.style, choice.content} <= layer_names(features_of(create(choice.network))).keys()


def test_maps_are_those_of_the_whole_network() -> None:
    features = open_features("random", ("relu3_1", "pool1"), seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = create("small_vgg").eval()
    held: dict[str, torch.Tensor] = {}
    for name, place in (("pool1", 4), ("relu3_1", 11)):
        layer = features_of(net)[place]
        layer.register_forward_hook(lambda _, __, output, name=name: held.update({name: output.clone()}))
    picture = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        net(picture)
        found = features(picture)
    assert torch.allclose(found[0], held["relu3_1"], atol=1e-6) and torch.allclose(found[1], held["pool1"], atol=1e-6)
    assert len(features.stem) == 12  # what lies behind is not there
    assert not any(weight.requires_grad for weight in features.parameters())
    assert isinstance(features.stem[-1], nn.ReLU)


def test_random_weights_are_the_seeds() -> None:
    first, again, other = (open_features("random", ("pool1",), seed=seed).stem[0] for seed in (1, 1, 2))
    assert torch.equal(first.weight, again.weight) and not torch.equal(first.weight, other.weight)


def test_unknown_names_are_refused_with_the_known() -> None:
    with pytest.raises(InvalidInput, match="no features 'vgg'; known: packaged"):
        open_features("vgg", ("pool1",))
    with pytest.raises(InvalidInput, match=r"no layer relu9_1; the network has: input, relu1_1"):
        open_features("random", ("relu9_1",))
    with pytest.raises(InvalidInput, match="--net small_vgg --weights"):
        open_features("random", ("pool1",), Path("w.safetensors"))


def test_published_weights_without_a_network_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEREC_CACHE", str(tmp_path))

    def no_network(url: str, digest: str) -> bytes:
        raise MissingPart(f"{url} cannot be fetched: no route to host")

    monkeypatch.setattr("facerec.cnn.pretrained.fetch", no_network)
    with pytest.raises(MissingPart, match=r"give it as --weights vgg19-dcbb9e9d\.pth, or put it at"):
        open_features("vgg19", ("pool1",))
    with pytest.raises(MissingPart, match="give a file with --weights"):
        open_features("squeezenet", ("pool1",))


def test_squeezenet_has_its_authors_weights(data: Path) -> None:
    features = open_features("squeezenet", ("fire5",), data / "weights" / "squeezenet1_0-imagenet.npz")
    assert features.preparation.order == "BGR" and features.smallest == 21
    assert features(torch.rand(1, 3, 32, 32))[0].shape == (1, 256, 3, 3)


def test_the_packaged_weights_are_the_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = packaged.card()
    state = packaged.packaged_state()
    assert sum(value.numel() for value in state.values()) == card["parameters"] == 582_176
    assert card["bytes"] <= 2_000_000
    shutil.copytree(packaged.FOLDER, tmp_path / "weights")
    content = bytearray((tmp_path / "weights" / packaged.WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights" / packaged.WEIGHTS).write_bytes(content)
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "weights")
    with pytest.raises(DamagedFile, match="not what was expected"):
        packaged.packaged_state()
    assert json.loads((tmp_path / "weights" / packaged.CARD).read_text())["sha256"] == card["sha256"]


@pytest.mark.parametrize("how", [CAFFE, IMAGENET, plain(64, 3), plain(64, 1)], ids=["caffe", "imagenet", "rgb", "grey"])
def test_the_preparation_is_the_networks(how: Preparation) -> None:
    features = Features(nn.Sequential(nn.Identity()), ("input",), how, 1)
    picture = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(features(picture)[0], how.normalised(picture * 255), atol=1e-4 * 255 / how.scale)
