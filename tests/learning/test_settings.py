"""Settings from TOML: every wrong key, type and range is an error that names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.learning.settings import TrainSettings

STAGES = sorted((Path(__file__).parents[2] / "scripts").glob("default_encoder_*.toml"))


def read(tmp_path: Path, text: str) -> TrainSettings:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return TrainSettings.read(path)


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    text = """
        trunk = "residual"
        splits = ["train", "more"]
        epochs = 3
        batch = 16
        bf16 = false
        sizes = [[0, 80], [0.5, 112]]
        [augment]
        rotation = 10
    """
    found = read(tmp_path, text)
    assert (found.splits, found.epochs, found.batch, found.bf16) == (("train", "more"), 3.0, 16, False)
    assert found.sizes == ((0.0, 80), (0.5, 112)) and isinstance(found.epochs, float)
    assert found.augment == replace(TrainSettings().augment, rotation=10.0)
    assert found.learning_rate == TrainSettings().learning_rate


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == TrainSettings()


def test_the_packaged_encoders_recipe_is_readable() -> None:
    assert len(STAGES) == 3 and {TrainSettings.read(stage).trunk for stage in STAGES} == {"residual"}


@pytest.mark.parametrize("line, words", [
    ('batch = "128"', "batch must be a whole number, not '128'"),
    ("batch = 12.5", "batch must be a whole number"),
    ("batch = true", "batch must be a whole number"),
    ("batch = 1", "batch must be 2 or more"),
    ("learning_rate = '1e-3'", "learning_rate must be a finite number"),
    ("learning_rate = false", "learning_rate must be a finite number"),
    ("learning_rate = nan", "learning_rate must be a finite number"),
    ("learning_rate = inf", "learning_rate must be a finite number"),
    ("learning_rate = 0", "learning_rate must be above 0"),
    ("bf16 = 1", "bf16 must be true or false"),
    ("trunk = 5", "trunk must be text"),
    ('splits = "train"', "splits must be an array"),
    ("splits = [1]", r"splits\[0\] must be text"),
    ("splits = []", "splits must name"),
    ("sizes = 112", "sizes must be an array"),
    ("sizes = [0.0, 112]", r"sizes\[0\] must be an array"),
    ("sizes = [[0.0]]", r"sizes\[0\] must have 2 items"),
    ("sizes = [[0.0, 112.0]]", r"sizes\[0\]\[1\] must be a whole number"),
    ("sizes = []", "sizes must be .* begin at 0"),
    ("sizes = [[0.5, 112]]", "sizes must be .* begin at 0"),
    ("sizes = [[0.0, 80], [0.7, 96], [0.6, 112]]", "sizes must be .* rise"),
    ("sizes = [[0.0, 80], [1.0, 112]]", "sizes must be .* below 1"),
    ("sizes = [[0.0, 100]]", "multiples of 8"),
    ("sizes = [[0.0, 0]]", "multiples of 8"),
    ("epochs = -1", "epochs must be above 0"),
    ("warmup = 1.0", "warmup must be in 0..1"),
    ("average = 1", "average must be in 0..1"),
    ("seed = -1", "seed must be in"),
    ("checkpoint_every = 0", "checkpoint_every must be 1 or more"),
    ("distil = 0", "one of distil, relation, triplet, .* must be above 0"),
    ("miner = 'hardest'", "no miner 'hardest', known: random, batch_all, semi_hard, batch_hard"),
    ("difference = 'cosine'", "no difference 'cosine', known: manhattan, squared_euclidean, chi_square"),
    ("mine_every = 2", "mine_every arranges batches of subjects"),
    ("mine_every = 1.5", "mine_every must be a whole number"),
    ("softmax_scale = 0", "softmax_scale must be above 0"),
    ("triplet = -1", "triplet must be 0 or more"),
    ("augment = 3", "augment must be a table"),
    ("augment.rotate = 3", "unknown settings: augment.rotate; known: rotation"),
    ("augment.mirror = 'yes'", "augment.mirror must be a finite number"),
    ("augment.mirror = 2", "augment.mirror is a probability"),
    ("epoch = 3", "unknown settings: epoch; known: trunk"),
    ("epochs = ", "is not TOML"),
])  # fmt: skip
def test_a_wrong_line_is_named_with_its_file(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        read(tmp_path, line)
    assert "settings.toml" in str(caught.value)


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match=r"nowhere\.toml"):
        TrainSettings.read(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="is not TOML"):
        TrainSettings.read(tmp_path / "binary.toml")


def test_a_variant_is_checked_too() -> None:
    with pytest.raises(InvalidInput, match="epochs"):
        replace(TrainSettings(), epochs=0)
