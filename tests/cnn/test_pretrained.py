"""Published weights, from the address to the names of what is on a picture."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage import data as pictures
from sklearn.datasets import load_sample_images
from torch import nn

from facerec.cnn import imagenet, pretrained
from facerec.cnn.classifier import Classifier, averaged, best
from facerec.cnn.networks import create
from facerec.cnn.preparation import CAFFE, CENTRED, IMAGENET, plain
from facerec.cnn.pretrained import PUBLISHED, open_classifier
from facerec.cnn.weight_files import read_state
from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from tests import reference
from tests.cnn.networks.published import publishers

CHINA, FLOWER = (np.ascontiguousarray(image) for image in load_sample_images().images)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def squeezenet(data: Path) -> Iterator[Classifier]:
    yield open_classifier("squeezenet", data / "weights" / "squeezenet1_0-imagenet.npz")


@pytest.mark.parametrize("image, expected", [
    (pictures.chelsea(), {"Egyptian cat", "tabby", "tiger cat"}),
    (pictures.coffee(), {"espresso", "cup", "chocolate sauce"}),
    (CHINA, {"bell cote", "monastery"}),  # a pagoda by a lake; ImageNet has no pagoda
    (FLOWER, {"honeycomb", "sea urchin"}),  # a dahlia; ImageNet has no dahlia, and these share its pattern
], ids=["cat", "coffee", "china", "flower"])  # fmt: skip
def test_real_weights_name_real_pictures(squeezenet: Classifier, image: np.ndarray, expected: set[str]) -> None:
    three = best(squeezenet(image), squeezenet.names, 3)
    assert expected <= {guess.name for guess in three}
    assert three == sorted(three, key=lambda guess: -guess.probability)


def test_real_weights_come_with_their_own_preparation(squeezenet: Classifier) -> None:
    assert squeezenet.preparation == CAFFE
    right = squeezenet(pictures.coffee())[squeezenet.names.index("espresso")]
    wrong = Classifier(squeezenet.net, IMAGENET, squeezenet.names)(pictures.coffee())
    assert right > 0.8 > 2 * wrong[squeezenet.names.index("espresso")]


def test_ten_crops_average_ten_answers(squeezenet: Classifier) -> None:
    crops = squeezenet.preparation.ten_crops(pictures.coffee())
    with torch.no_grad():
        one_by_one = torch.cat([torch.softmax(squeezenet.net(crop[None]), 1) for crop in crops])
    assert torch.allclose(squeezenet.over_ten_crops(pictures.coffee()), one_by_one.mean(0), atol=1e-5)


def test_the_names_are_torchvisions() -> None:
    theirs = reference.torchvision().models.AlexNet_Weights.IMAGENET1K_V1.meta["categories"]
    assert list(imagenet.class_names()) == theirs


def test_without_torchvision_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    imagenet.class_names.cache_clear()
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPart, match="install torchvision"):
        imagenet.class_names()


@pytest.mark.parametrize("name", PUBLISHED)
def test_addresses_digests_and_preparations_are_torchvisions(name: str) -> None:
    models, entry = reference.torchvision().models, PUBLISHED[name]
    theirs = models.get_model_weights(pretrained.RENAMINGS[name].theirs).IMAGENET1K_V1
    assert entry.url == theirs.url
    assert entry.digest.startswith(entry.file.removesuffix(".pth").rpartition("-")[2]) and len(entry.digest) == 64
    preset, ours = theirs.transforms(), entry.preparation
    assert ([ours.resize], [ours.crop], ours.interpolation) == (
        preset.resize_size, preset.crop_size, preset.interpolation.value
    )  # fmt: skip
    transformed = name in ("googlenet_bn", "inception_v3")  # their networks change the means inside
    expected = (CENTRED.means, CENTRED.deviations) if transformed else (tuple(preset.mean), tuple(preset.std))
    assert (ours.means, ours.deviations) == expected


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, Path]:
    """torchvision's MobileNet v2 with random weights, as if its file were the published one."""
    torch.manual_seed(0)
    theirs = publishers("mobilenet_v2").eval()
    content = io.BytesIO()
    torch.save(theirs.state_dict(), content)
    path = tmp_path / "served.pth"
    path.write_bytes(content.getvalue())
    entry = replace(PUBLISHED["mobilenet_v2"], digest=sha256(content.getvalue()))
    monkeypatch.setitem(PUBLISHED, "mobilenet_v2", entry)
    monkeypatch.setitem(pretrained.TRUSTED, entry.digest, entry.file)
    monkeypatch.setattr(pretrained.Published, "url", property(lambda self: path.as_uri()))
    return theirs, path


def test_the_whole_path_from_address_to_answer(served: tuple[nn.Module, Path], cache: Path) -> None:
    theirs, path = served
    ours = open_classifier("mobilenet_v2")
    with torch.no_grad():
        expected = torch.softmax(theirs(IMAGENET(CHINA)), 1)[0]
    assert torch.allclose(ours(CHINA), expected, atol=1e-6)
    path.unlink()
    assert torch.equal(open_classifier("mobilenet_v2")(CHINA), ours(CHINA))  # from the cache


def test_the_same_file_given_by_hand(served: tuple[nn.Module, Path]) -> None:
    assert torch.equal(open_classifier("mobilenet_v2", served[1])(CHINA), open_classifier("mobilenet_v2")(CHINA))


def test_offline_it_says_which_file_to_put_where(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(pretrained, "PLACE", "http://127.0.0.1:9/")
    with pytest.raises(MissingPart) as refused:
        open_classifier("resnet50")
    digest = PUBLISHED["resnet50"].digest
    for word in ("cannot be fetched", "--weights resnet50-0676ba61.pth", str(cache / f"fetched-{digest}")):
        assert word in str(refused.value)


@pytest.mark.parametrize("name", ["squeezenet", "lenet5", "xception"])
def test_without_a_known_address_it_asks_for_a_file(name: str) -> None:
    with pytest.raises(MissingPart, match="--weights"):
        open_classifier(name)


class Harmful:
    """A pickle that would leave a file behind."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".npz", ".safetensors", ".pkl", ".npy"])
def test_a_pickle_from_outside_is_refused_and_never_run(tmp_path: Path, suffix: str) -> None:
    path, marker = tmp_path / f"weights{suffix}", tmp_path / "it-ran"
    path.write_bytes(pickle.dumps(Harmful(marker)))
    with pytest.raises((InvalidInput, DamagedFile)):
        open_classifier("mobilenet_v2", path)
    assert not marker.exists()


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    np.savez(tmp_path / "weights.npz", **{"conv1.weight": np.array([Harmful(marker)], object)})
    with pytest.raises(DamagedFile):
        open_classifier("squeezenet", tmp_path / "weights.npz")
    assert not marker.exists()


def test_a_trusted_digest_still_loads_tensors_only(tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    content = pickle.dumps(Harmful(marker))
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        read_state(tmp_path / "weights.pth", {sha256(content): "weights.pth"})
    assert not marker.exists()


def test_our_own_names_without_a_word_take_levels_0_to_1(tmp_path: Path) -> None:
    net = create("lenet5_modern", 10, 1).eval()
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    ours = open_classifier("lenet5_modern", tmp_path / "w.safetensors")
    assert ours.preparation == plain(32, 1) and ours.names == tuple("0123456789")
    with torch.no_grad():
        assert torch.equal(ours(CHINA), torch.softmax(net(plain(32, 1)(CHINA)), 1)[0])


def test_a_file_that_says_nothing_of_its_classes_is_told_them(tmp_path: Path) -> None:
    save_file(create("lenet5_modern", 3, 3).state_dict(), tmp_path / "w.safetensors")
    ours = open_classifier("lenet5_modern", tmp_path / "w.safetensors", classes=3, channels=3)
    assert ours.names == ("0", "1", "2") and ours(CHINA).shape == (3,)
    with pytest.raises(InvalidInput, match="no weights of lenet5_modern for 10 classes and 1 channel"):
        open_classifier("lenet5_modern", tmp_path / "w.safetensors")


@pytest.mark.parametrize("name, weights, error", [
    ("resnet51", None, "no network"),
    ("squeezenet", "absent.npz", "no weights at"),
    ("lenet5_modern", "other.safetensors", "no weights of lenet5_modern"),
    ("lenet5_modern", "half.safetensors", "no whole safetensors"),
])  # fmt: skip
def test_bad_input_gets_one_line_that_says_what_to_do(
    tmp_path: Path, name: str, weights: str | None, error: str
) -> None:
    save_file(create("fashion_dense", 10, 1).state_dict(), tmp_path / "other.safetensors")
    (tmp_path / "half.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:1000])
    with pytest.raises((InvalidInput, MissingPart, DamagedFile), match=error) as refused:
        open_classifier(name, weights and tmp_path / weights)
    assert "\n" not in str(refused.value)


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    a, b = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])
    assert averaged([a, b]).tolist() == [0.75, 0.25]
    assert [guess.name for guess in best(averaged([a, b]), ("cat", "dog"), 5)] == ["cat", "dog"]
    for wrong in ([], [a, torch.ones(3) / 3]):
        with pytest.raises(InvalidInput):
            averaged(wrong)
