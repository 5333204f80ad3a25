"""A classifier of one's own pictures, from folders or a list to a file that names new ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from facerec import classification, images
from facerec.classification import ClassifierSettings, read_material, train_classifier, train_into
from facerec.cnn.networks import NETWORKS
from facerec.cnn.pretrained import open_classifier
from facerec.errors import InvalidInput, MissingPart
from facerec.learning.class_loop import NoNumber, views
from facerec.learning.class_settings import ViewSettings
from facerec.learning.labelled import Labelled, held_out, read_labelled


def digits(count: int = 1797) -> Labelled:
    """scikit-learn's digits, 8x8, each pixel shown as 4x4: (N, 32, 32, 3)."""
    found = load_digits()
    pixels = np.clip(found.images * 16, 0, 255).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    labels = found.target[:count].astype(np.int64)
    return Labelled(pixels[:count, ..., None].repeat(3, axis=3), labels, tuple("0123456789"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three digits as a folder per class and as a list, with one damaged picture."""
    place, some = tmp_path_factory.mktemp("digits"), digits(300)
    lines = []
    for row in np.flatnonzero(some.labels < 3):
        path = place / "by-class" / str(some.labels[row]) / f"{row:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save(some.pixels[row], path)
        lines.append(f"{path.relative_to(place)} {some.labels[row]}")
    (place / "by-class" / "0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (place / "list.txt").write_text("# path label\n\n" + "\n".join(lines) + "\n")
    return place


def test_a_folder_and_a_list_hold_the_same(folder: Path) -> None:
    by_class, listed = read_labelled(folder / "by-class", 32), read_labelled(folder / "list.txt", 32)
    assert by_class.names == listed.names == ("0", "1", "2")
    assert sorted(by_class.labels) == sorted(listed.labels) and len(listed) > 60
    assert len(by_class.refused) == 1 and "broken.png" in by_class.refused[0][0] and not listed.refused
    first = np.flatnonzero(listed.labels == 1)[0]
    assert (by_class.pixels[by_class.labels == 1][0] == listed.pixels[first]).all()


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "bad.txt").write_text("picture.png\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="line 1"):
        read_labelled(tmp_path / "bad.txt", 32)
    with pytest.raises(InvalidInput, match="folder per class"):
        read_labelled(tmp_path / "empty", 32)
    with pytest.raises(MissingPart, match="absent"):
        read_labelled(tmp_path / "absent", 32)
    with pytest.raises(InvalidInput, match="others do not: 2"):
        read_labelled(folder / "list.txt", 32, ("0", "1"))


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "cat"):
        (tmp_path / name).mkdir()
        images.save(np.full((9, 9, 3), 100, np.uint8), tmp_path / name / "a.png")
    assert read_labelled(tmp_path, 8).names == ("9", "10", "cat")


def test_some_of_each_class_is_held_out() -> None:
    labels = np.repeat(np.arange(3), (10, 5, 1))
    learned, tested = held_out(labels, 0.2, np.random.default_rng(0))
    assert sorted([*learned, *tested]) == list(range(16))
    assert np.bincount(labels[tested], minlength=3).tolist() == [2, 1, 0]


def test_lenet_learns_the_digits() -> None:
    some = digits()
    learned, tested = held_out(some.labels, 0.2, np.random.default_rng(0))
    changes = ViewSettings(rotation=8, scale=0.08, shift=6, shear=0.08)
    settings = ClassifierSettings(data="", epochs=12, step_epochs=9, batch=32, augment=changes)
    outcome = train_classifier(settings, some[learned], some[tested])
    assert outcome.accuracy > 0.96  # chance is 0.1; logistic regression on these pixels reaches 0.953
    assert outcome.confusion.sum() == len(tested) and (outcome.confusion.sum(axis=1) > 30).all()
    assert [epoch.rate for epoch in outcome.epochs] == pytest.approx([0.05] * 9 + [0.005] * 3)
    assert outcome.epochs[-1].loss < 0.1 * outcome.epochs[0].loss
    assert outcome.epochs[-1].accuracy == outcome.accuracy


@pytest.mark.parametrize("settings, shares", [
    ({"schedule": "step", "step_epochs": 2}, [1, 1, 0.1, 0.1]),
    ({"schedule": "MultiStepLR", "milestones": (1, 3), "factor": 0.5}, [1, 0.5, 0.5, 0.25]),
    ({"schedule": "exponential", "factor": 0.5}, [1, 0.5, 0.25, 0.125]),
    ({"schedule": "PolynomialLR"}, [1, 0.75, 0.5, 0.25]),
    ({"schedule": "cosine"}, [1, 0.853553, 0.5, 0.146447]),
    ({"schedule": "CosineAnnealingWarmRestarts", "step_epochs": 2}, [1, 0.5, 1, 0.5]),
    ({"schedule": "constant"}, [1, 1, 1, 1]),
])  # fmt: skip
def test_each_epoch_has_its_rate(settings: dict[str, Any], shares: list[float]) -> None:
    made = ClassifierSettings(data="", epochs=4, learning_rate=0.2, **settings)
    assert [made.rate(epoch) / 0.2 for epoch in range(4)] == pytest.approx(shares, abs=1e-6)


def test_the_same_seed_gives_the_same_weights() -> None:
    some = digits(200)
    settings = ClassifierSettings(data="", epochs=1, augment=ViewSettings(rotation=10, crop=0.2, pca=0.1, occlude=0.5))
    a, b = (train_classifier(settings, some, some).net.state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_bfloat16_learns_the_same_task() -> None:
    some = digits(200)
    how = {"data": "", "epochs": 4, "learning_rate": 0.02, "batch": 16, "augment": ViewSettings(shift=2, blur=0.5)}
    half, single = (train_classifier(ClassifierSettings(bf16=bf16, **how), some, some) for bf16 in (True, False))
    assert half.epochs[-1].loss == pytest.approx(single.epochs[-1].loss, abs=0.3)
    assert half.epochs[-1].loss < half.epochs[0].loss
    assert all(value.dtype == torch.float32 for value in half.net.state_dict().values())


def test_a_view_without_settings_is_the_picture_and_with_them_another() -> None:
    some, prepare = digits(4), classification.plain(32, 1)
    rng = torch.Generator().manual_seed(0)
    same = views(some.pixels, prepare, ViewSettings(), rng)
    assert torch.allclose(same[0], prepare(some.pixels[0])[0])
    for asked in (ViewSettings(crop=0.3), ViewSettings(pca=0.5)):
        seen = views(some.pixels, classification.plain(32, 3), asked, rng)
        assert not torch.allclose(seen, same.expand(-1, 3, -1, -1), atol=0.02) and 0 <= seen.min() <= seen.max() <= 1
    other = views(some.pixels, prepare, ViewSettings(rotation=30, shift=10), rng)
    assert other.shape == same.shape and not torch.allclose(other, same, atol=0.1)
    assert other.min() >= 0 and other.max() <= 1


@pytest.mark.parametrize("net", ["lenet5", "fashion_dense", "capsule", "network_in_network"])
def test_every_small_network_takes_a_step(net: str) -> None:
    some = digits(20)
    side = NETWORKS[net].size
    small = Labelled(some.pixels[:, :side, :side], some.labels, some.names)
    outcome = train_classifier(ClassifierSettings(data="", net=net, epochs=1, learning_rate=1e-3), small, small)
    assert np.isfinite(outcome.epochs[0].loss)


def test_a_loss_that_is_no_number_is_told() -> None:
    some = digits(64)
    with pytest.raises(NoNumber, match="learning_rate"):
        train_classifier(ClassifierSettings(data="", epochs=5, learning_rate=1e9), some, some)


def write(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text)
    return folder / "config.toml"


def test_from_a_settings_file_to_a_file_that_names_pictures(folder: Path, tmp_path: Path) -> None:
    config = write(folder, 'data = "by-class"\nepochs = 15\nbatch = 16\nlearning_rate = 0.02\n[augment]\nshift = 4\n')
    heard: list[tuple[int, int]] = []
    material = read_material(config, tmp_path / "run", lambda *done: heard.append(done))
    assert heard[-1] == (len(heard), len(heard)) and len(heard) == len(material.train) + len(material.test) + 1
    outcome = train_into(tmp_path / "run", material)
    assert len(material.refused) == 1 and outcome.accuracy > 0.9
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["accuracy"] == outcome.accuracy and set(report["classes"]) == {"0", "1", "2"}
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 16
    kept = open_classifier("lenet5_modern", tmp_path / "run" / "weights.safetensors")
    assert kept.names == ("0", "1", "2")
    for path in sorted((folder / "by-class" / "1").iterdir())[:3]:
        assert kept(images.load(path)).argmax().item() == 1
    with pytest.raises(InvalidInput, match="another folder"):
        read_material(config, tmp_path / "run")
    with pytest.raises(InvalidInput, match="not of lenet5"):
        open_classifier("lenet5", tmp_path / "run" / "weights.safetensors")


def test_it_goes_on_from_another_tasks_weights(folder: Path, tmp_path: Path) -> None:
    some = digits()
    first = train_classifier(ClassifierSettings(data="", epochs=5, batch=32), some, some)
    classification.keep(first, "lenet5_modern", tmp_path / "first")
    settings = ClassifierSettings(
        data="", epochs=2, head_epochs=1, body=0.1, start=str(tmp_path / "first" / "weights.safetensors")
    )
    three = read_labelled(folder / "list.txt", 32)
    outcome = train_classifier(settings, three, three)
    assert outcome.loaded is not None and outcome.loaded.misshapen == ("fc3.weight", "fc3.bias")
    assert outcome.accuracy > 0.9
    frozen = ClassifierSettings(data="", epochs=1, head_epochs=1, start=settings.start)
    only_head = train_classifier(frozen, three, three)
    assert torch.equal(only_head.net.conv1.weight, first.net.conv1.weight)
    assert not torch.equal(outcome.net.conv1.weight, first.net.conv1.weight)


def test_a_list_of_its_own_to_test_on(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.txt").write_text("by-class/0/broken.png 0\n" + (folder / "list.txt").read_text())
    config = write(folder, 'data = "list.txt"\ntest = "broken.txt"\n')
    material = read_material(config, tmp_path / "run")
    assert len(material.train) == len(material.test) > 60
    assert len(material.refused) == 1 and "broken.png" in material.refused[0][0]


@pytest.mark.parametrize("text, error", [
    ("epochs = 1", "needs data"), ('data = "x"\nepoch = 1', "unknown settings: epoch"),
    ('data = "x"\nschedule = "up"', "schedule must be one of constant, cosine, step"),
    ('data = "x"\nschedule = "MultiStepLR"', "needs milestones"), ('data = "x"\nnet = "resnet51"', "no network"),
    ('data = "nowhere"', "no folder and no list"), ("data =", "not TOML"), ('data = "x"\nbatch = 0', "batch must be"),
])  # fmt: skip
def test_bad_settings_get_one_line(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises((InvalidInput, MissingPart), match=error) as refused:
        read_material(write(tmp_path, text), tmp_path / "run")
    assert "\n" not in str(refused.value)
