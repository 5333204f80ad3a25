"""From a trunk to an encoder's folder: the graph computes what torch does, and whatever is changed later is noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from safetensors.torch import load_file

from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces import encoder_export
from facerec.faces.encoder import Encoder, golden_distance, open_encoder, require_whole
from facerec.faces.encoder_export import (
    AGREEMENT,
    SMALL,
    PixelsToEmbedding,
    export_encoder,
    graph_of,
    require_likeness,
    write_card,
)
from facerec.faces.golden import golden_faces
from facerec.faces.trunks import TRUNKS, load_weights
from tests.tiny import tiny_trunk

Weights = dict[str, torch.Tensor]
RNG = np.random.default_rng(0)
FACES = np.concatenate([golden_faces(), RNG.integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)])


def lived_in(seed: int) -> Weights:
    """Weights as a run leaves them: batch norms have seen faces, and have scales and shifts of their own."""
    torch.manual_seed(seed)
    trunk = tiny_trunk().train()
    norms = [part for part in trunk.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
            norm.momentum = None  # the plain mean of what it has seen
        trunk(torch.from_numpy(FACES).permute(0, 3, 1, 2) / 127.5 - 1)
    return trunk.state_dict()


@pytest.fixture(scope="module", autouse=True)
def tiny_is_known() -> Iterator[None]:
    TRUNKS["tiny"], threads = tiny_trunk, torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    del TRUNKS["tiny"]


@pytest.fixture(scope="module")
def exported(tiny_is_known: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    export_encoder(lived_in(1), "tiny", folder, "test", {"made_by": "a test"})
    return folder


@pytest.fixture
def encoder(exported: Path) -> Encoder:
    return open_encoder(exported)


@pytest.fixture
def own(exported: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(exported, tmp_path / "own")


def in_torch(weights: Weights) -> np.ndarray:
    trunk = tiny_trunk()
    trunk.load_state_dict(weights)
    with torch.no_grad():
        return PixelsToEmbedding(trunk).eval()(torch.from_numpy(FACES)).numpy()


def test_the_graph_computes_what_torch_does_with_the_stored_weights(encoder: Encoder, exported: Path) -> None:
    stored = {name: value.float() if value.is_floating_point() else value
              for name, value in load_file(exported / "weights.safetensors").items()}  # fmt: skip
    assert np.abs(encoder(FACES) - in_torch(stored)).max() <= AGREEMENT
    assert np.abs(encoder(FACES) - in_torch(stored)).max() <= 5e-6  # the very same numbers, in another order
    assert encoder.card.facts["difference_from_torch"] <= 5e-6


def test_and_nearly_what_torch_does_with_the_trained_weights(encoder: Encoder) -> None:
    cosines = (encoder(FACES) * in_torch(lived_in(1))).sum(axis=1)
    assert cosines.min() > 0.9999  # rounding to 16 bits is all that lies between


def test_a_face_and_its_mirror_image_have_one_embedding(encoder: Encoder) -> None:
    mirrored = np.ascontiguousarray(FACES[:, :, ::-1])
    assert np.abs(encoder(FACES) - encoder(mirrored)).max() < 1e-5
    assert np.abs(encoder(FACES[4:5]) - encoder(FACES[5:6])).max() > 1e-3  # not because all have the same


def test_without_the_mirror_image_the_graph_is_the_trunk_alone(tmp_path: Path) -> None:
    export_encoder(lived_in(1), "tiny", tmp_path, "plain", {}, mirror=False)
    encoder = open_encoder(tmp_path)
    require_whole(encoder)
    trunk = tiny_trunk()
    load_weights(trunk, load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        rows = trunk.eval()(torch.from_numpy(FACES).permute(0, 3, 1, 2) / 127.5 - 1).numpy()
    assert np.abs(encoder(FACES) - rows).max() <= 5e-6
    mirrored = np.ascontiguousarray(FACES[:, :, ::-1])
    assert np.abs(encoder(FACES) - encoder(mirrored)).max() > 1e-3
    assert encoder.card.facts["mirror"] is False


def test_in_8_bits_the_embeddings_stay_and_the_graph_shrinks(exported: Path, encoder: Encoder, tmp_path: Path) -> None:
    export_encoder(lived_in(1), "tiny", tmp_path, "small", {}, ranges=FACES)
    small = open_encoder(tmp_path)
    require_whole(small)
    facts = small.card.facts
    cosines = (small(FACES) * encoder(FACES)).sum(axis=1)
    assert 0.99 < cosines.min() < 0.99999 and small.digest != encoder.digest
    assert facts["precision"] == "int8" and encoder.card.facts["precision"] == "float32"
    assert facts["cosine_to_float32"] == {
        "mean": pytest.approx(cosines.mean(), abs=1e-5), "least": pytest.approx(cosines.min(), abs=1e-5), "faces": 9,
    }  # fmt: skip
    assert small.card.golden_tolerance == 5e-2 > golden_distance(small)
    assert facts["difference_from_torch"] <= 5e-6  # of the float32 graph that it was made from
    assert (tmp_path / "weights.safetensors").read_bytes() == (exported / "weights.safetensors").read_bytes()


def test_a_graph_of_8_bits_that_gives_other_embeddings_is_not_exported() -> None:
    with pytest.raises(DamagedFile, match="in 8 bits an embedding has a cosine of"):
        require_likeness(*(graph_of(PixelsToEmbedding(seeded(n)).eval(), None)[0] for n in (1, 2)), FACES)


def seeded(seed: int) -> torch.nn.Module:
    trunk = tiny_trunk()
    trunk.load_state_dict(lived_in(seed))
    return trunk


def test_a_row_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    many = FACES[RNG.integers(0, len(FACES), 35)]  # more than one batch of the encoder's own
    alone = np.concatenate([encoder(face[None]) for face in many])
    assert np.abs(encoder(many) - alone).max() < 1e-5 and encoder(many[:0]).shape == (0, 128)


@pytest.mark.parametrize("wrong", [FACES.astype(np.float32), FACES[:, :80], FACES[0]])
def test_other_shapes_and_types_are_refused(encoder: Encoder, wrong: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"uint8 \(N, 112, 112, 3\)"):
        encoder(wrong)


def test_large_weights_are_stored_in_16_bits(exported: Path) -> None:
    graph = onnx.load(exported / "encoder.onnx").graph
    sizes = {(t.data_type, int(np.prod(t.dims)) >= SMALL) for t in graph.initializer if t.data_type in (1, 10)}
    assert sizes == {(TensorProto.FLOAT, False), (TensorProto.FLOAT16, True)}
    stored = load_file(exported / "weights.safetensors")
    assert {(v.dtype, v.numel() >= SMALL) for v in stored.values() if v.is_floating_point()} == {
        (torch.float32, False), (torch.float16, True),
    }  # fmt: skip


def test_the_same_weights_give_the_same_encoder(exported: Path, tmp_path: Path) -> None:
    export_encoder(lived_in(1), "tiny", tmp_path, "again", {})
    assert open_encoder(tmp_path).digest == open_encoder(exported).digest


def test_the_card_describes_the_files(exported: Path) -> None:
    card = json.loads((exported / "card.json").read_text())
    digests = [sha256((exported / file).read_bytes()) for file in ("encoder.onnx", "weights.safetensors", "golden.npy")]
    assert [card[key] for key in ("digest", "weights_sha256", "golden_sha256")] == digests
    assert (card["name"], card["trunk"], card["made_by"]) == ("test", "tiny", "a test") and card["mirror"] is True
    assert card["parameters"] == sum(weight.numel() for weight in tiny_trunk().parameters())
    assert sorted(path.name for path in exported.iterdir()) == sorted(
        ["card.json", "encoder.onnx", "golden.npy", "weights.safetensors"]
    )


def test_golden_faces_come_out_as_they_were_stored(encoder: Encoder) -> None:
    assert golden_distance(encoder) < 1e-6
    require_whole(encoder)


def test_a_changed_graph_does_not_open(own: Path) -> None:
    content = bytearray((own / "encoder.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (own / "encoder.onnx").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"encoder\.onnx"):
        open_encoder(own)


@pytest.mark.parametrize("file", ["weights.safetensors", "golden.npy"])
def test_changed_weights_and_golden_embeddings_are_noticed(own: Path, file: str) -> None:
    content = bytearray((own / file).read_bytes())
    content[-1] ^= 1
    (own / file).write_bytes(content)
    with pytest.raises(DamagedFile, match=file.replace(".", r"\.")):
        require_whole(open_encoder(own))


def test_a_graph_that_was_changed_together_with_its_digest_shows_on_the_golden_faces(own: Path) -> None:
    model = onnx.load(own / "encoder.onnx")
    tensor = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT16)
    changed = numpy_helper.to_array(tensor).copy()
    changed.flat[::7] *= -1
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    content = model.SerializeToString()
    (own / "encoder.onnx").write_bytes(content)
    card = json.loads((own / "card.json").read_text())
    write_card(own, card | {"digest": sha256(content)})
    with pytest.raises(DamagedFile, match="other embeddings here"):
        require_whole(open_encoder(own))


def test_an_encoder_without_operating_points_says_how_to_get_them(encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match=r"encoder test has no measured threshold: run .* with --calibrate"):
        _ = encoder.card.operating_points


def test_a_folder_without_a_card_or_with_another_file_for_it(own: Path, tmp_path: Path) -> None:
    (own / "card.json").write_text('{"name": "test"}')
    with pytest.raises(DamagedFile, match="no encoder's card"):
        open_encoder(own)
    (own / "card.json").unlink()
    with pytest.raises(MissingPart, match="no encoder in"):
        open_encoder(own)
    with pytest.raises(InvalidInput, match="no encoder 'nowhere'"):
        open_encoder("nowhere")


def test_weights_that_are_not_numbers_are_not_exported(tmp_path: Path) -> None:
    weights = lived_in(1)
    weights["0.0.weight"] = weights["0.0.weight"] * float("nan")
    with pytest.raises(DamagedFile, match="differs from torch"):
        export_encoder(weights, "tiny", tmp_path / "new", "nan", {})
    assert not (tmp_path / "new").exists()


def test_weights_of_another_network_and_facts_that_contradict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="another network's"):
        export_encoder(lived_in(1), "residual", tmp_path / "new", "other", {})
    with pytest.raises(InvalidInput, match="measured by the export itself: digest"):
        export_encoder(lived_in(1), "tiny", tmp_path / "new", "liar", {"digest": "0" * 64})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("file", ["encoder.onnx", "golden.npy", "card.json"])
def test_an_export_that_is_stopped_is_no_encoder_or_the_whole_one(
    own: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """Over an older encoder: until the new card is there, either all is old or opening says that files do not fit."""
    before = open_encoder(own).digest
    real = encoder_export.replacing

    def stopping(path: Path):
        if path.name == file:
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(encoder_export, "replacing", stopping)
    with pytest.raises(KeyboardInterrupt):
        export_encoder(lived_in(2), "tiny", own, "newer", {})
    assert json.loads((own / "card.json").read_text())["digest"] == before
    if file == "encoder.onnx":
        require_whole(open_encoder(own))
    else:
        with pytest.raises(DamagedFile):
            open_encoder(own)
