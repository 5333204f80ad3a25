"""facenet-pytorch's weights in our trunk, on random weights: the published ones are not needed to agree."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces import facenet_export
from facerec.faces.encoder import open_encoder
from facerec.faces.encoder_export import as_faces
from facerec.faces.facenet_export import export_facenet, wide_rows
from facerec.faces.golden import golden_faces
from facerec.faces.trunks import create_trunk, load_weights
from facerec.faces.trunks.facenet import chance_axes, principal_axes, published_rows, read_facenet
from facerec.records import unit
from tests import reference
from tests.cnn.networks.published import randomise, settle

FACES = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """Their network for three classes, which gives embeddings nevertheless."""
    network = reference.facenet_networks().InceptionResnetV1(classify=True, num_classes=3)
    randomise(network, torch.Generator().manual_seed(0))
    settle(network, FACES)
    network.classify = False
    return network.eval()


@pytest.fixture(scope="module")
def published(theirs: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights as facenet-pytorch publishes them, with the classes of its training."""
    path = tmp_path_factory.mktemp("facenet") / "published.pt"
    torch.save(theirs.state_dict(), path)
    return path


def test_the_trunk_gives_their_embedding_and_its_projection(theirs: nn.Module, published: Path) -> None:
    trunk = create_trunk("inception_resnet_v1").eval()
    load_weights(trunk, read_facenet(published))
    with torch.no_grad():
        expected, rows = theirs(FACES), trunk(FACES)
    assert (published_rows(trunk, FACES) - expected).abs().max() <= 1e-4
    assert (expected[0] - expected[1]).abs().max() > 1e-3  # the face matters
    assert np.abs(unit(expected.numpy() @ chance_axes().T) - rows.numpy()).max() <= 1e-4


def test_the_same_tensors_in_safetensors_are_the_same_weights(theirs: nn.Module, published: Path, tmp_path) -> None:
    counters = {"num_batches_tracked"}
    old = {name: value for name, value in theirs.state_dict().items() if name.rpartition(".")[2] not in counters}
    save_file(old, tmp_path / "published.safetensors")  # files from before torch counted batches lack the counters
    ours, again = read_facenet(tmp_path / "published.safetensors"), read_facenet(published)
    assert ours.keys() == again.keys()
    assert all(ours[name].equal(value) for name, value in again.items() if name.rpartition(".")[2] not in counters)


def test_files_that_are_something_else_are_refused(published: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="no weights at"):
        read_facenet(tmp_path / "absent.pt")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(InvalidInput, match="no weights of facenet-pytorch's InceptionResnetV1: these"):
        read_facenet(tmp_path / "other.pt")
    half = published.read_bytes()[:100_000]
    lists, numbers = tmp_path / "list.pt", tmp_path / "numbers.pt"
    torch.save([1, 2], lists)
    torch.save({"a": 1}, numbers)
    for content in (b"", b"junk" * 99, half, lists.read_bytes(), numbers.read_bytes()):
        for suffix in (".pt", ".safetensors"):
            (tmp_path / f"damaged{suffix}").write_bytes(content)
            with pytest.raises(DamagedFile, match="no whole"):
                read_facenet(tmp_path / f"damaged{suffix}")


def test_shuffled_bytes_are_damage_or_other_weights(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "whole.pt", _use_new_zipfile_serialization=False)
    whole, rng, refused = (tmp_path / "whole.pt").read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        content = bytearray(whole[: rng.integers(1, 2 * len(whole))])
        for place in rng.integers(len(content), size=3):
            content[place] = rng.integers(256)
        (tmp_path / "shuffled.pt").write_bytes(content)
        try:
            read_facenet(tmp_path / "shuffled.pt")
        except (DamagedFile, InvalidInput) as error:
            refused += isinstance(error, DamagedFile)
    assert refused > 100


class Trap:
    def __reduce__(self) -> tuple:
        return open, ("trapped", "w")


@pytest.mark.parametrize("write", [lambda trap, path: path.write_bytes(pickle.dumps(trap)), torch.save])
def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write) -> None:
    monkeypatch.chdir(tmp_path)
    write({"weight": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(DamagedFile, match="no whole file of tensors"):
        read_facenet(tmp_path / "trap.pt")
    assert not (tmp_path / "trapped").exists()


def test_axes_by_chance_are_at_right_angles_and_the_same_each_time() -> None:
    axes = chance_axes()
    assert np.abs(axes @ axes.T - np.eye(128)).max() < 1e-6 and np.array_equal(axes, chance_axes())


def test_principal_axes_keep_as_much_of_the_cosines_as_any_can() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 512)) * np.geomspace(1, 0.01, 512)  # some directions hold more than others
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    axes = principal_axes(rows)
    left, values, right = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
    best = (left[:, :128] * values[:128]) @ right[:128]
    assert np.abs(axes @ axes.T - np.eye(128)).max() < 1e-5
    assert np.abs(rows @ axes.T @ axes - best).max() < 1e-5
    assert (rows @ axes[0]).std() > (rows @ axes[-1]).std()
    chance = rows @ chance_axes().T
    worst = [np.abs(kept @ kept.T - rows @ rows.T).max() for kept in (rows @ axes.T, chance)]
    assert worst[0] < worst[1] / 5
    with pytest.raises(InvalidInput, match="128 axes need as many faces"):
        principal_axes(rows[:127])


def test_a_published_file_becomes_an_encoder(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = golden_faces()[:2]
    trunk = create_trunk("inception_resnet_v1").eval()
    load_weights(trunk, read_facenet(published))
    wide = wide_rows(trunk, faces)
    assert wide.shape == (2, 512) and np.allclose(np.linalg.norm(wide, axis=1), 1, atol=1e-5)

    many = np.random.default_rng(0).standard_normal((130, 512)).astype(np.float32)
    monkeypatch.setattr(facenet_export, "wide_rows", lambda *_: many)
    monkeypatch.setattr(facenet_export, "some_faces", lambda *_: faces)
    export_facenet(published, tmp_path / "encoder", "facenet", mirror=False, fit=tmp_path)
    encoder = open_encoder(tmp_path / "encoder")
    assert encoder.card.facts["published"] == {"file": "published.pt", "sha256": sha256(published.read_bytes())}
    assert encoder.card.facts["fitted_to"] == {"faces": 2, "split": "train"} and encoder.card.facts["mirror"] is False
    with torch.no_grad():
        load_weights(trunk, read_facenet(published) | {"project.weight": torch.from_numpy(principal_axes(many))})
        rows = trunk(as_faces(torch.from_numpy(faces), 160)).numpy()
    assert (encoder(faces) * rows).sum(axis=1).min() > 0.999  # stored in 16 bits
