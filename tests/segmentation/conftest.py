from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facerec import images
from facerec.images.masks import save_mask
from facerec.segmentation.masks import COLOURS
from tests.segmentation.shapes import drawn

CONFIG = """
data = "learn.txt"
test = "test.txt"
names = ["ground", "disc", "square"]
net = "fcn8s"
batch = 4
epochs = 2
size = [32, 48]
learning_rate = 0.003
checkpoint_every = 1
"""


@pytest.fixture
def shapes_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write drawn pictures, their masks, lists and settings; -> the settings file."""

    def write(learn: int = 8, test: int = 2, config: str = CONFIG) -> Path:
        lists = {"learn": range(learn), "test": range(1000, 1000 + test)}
        for word, numbers in lists.items():
            for number in numbers:
                picture, mask = drawn(number)
                (tmp_path / "images").mkdir(exist_ok=True)
                images.save(picture, tmp_path / "images" / f"{number}.png")
                save_mask(mask, COLOURS[:3], tmp_path / "masks" / f"{number}.png")
            lines = [f"images/{number}.png masks/{number}.png\n" for number in numbers]
            (tmp_path / f"{word}.txt").write_text("".join(lines))
        (tmp_path / "c.toml").write_text(config)
        return tmp_path / "c.toml"

    return write
