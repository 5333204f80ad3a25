"""`method` in a settings file: a detector of the R-CNN family trained, its folder opened, wrong settings said."""

import json
from pathlib import Path

import numpy as np
import pytest

from facerec import images
from facerec.detection.choosing import Choice
from facerec.detection.detector import REGIONS
from facerec.detection.region_training import RegionTraining, train_regions_into
from facerec.errors import DamagedFile, InvalidInput
from facerec.finding import open_finder


def drawn(folder: Path, count: int) -> Path:
    """A list file of pictures with a red and a blue square each."""
    rng, lines = np.random.default_rng(0), []
    for number in range(count):
        image = rng.integers(90, 110, (64, 96, 3)).astype(np.uint8)
        a, b = (int(x) for x in rng.integers(2, 18, 2))
        image[a : a + 30, b : b + 30] = (230, 20, 20)
        image[b : b + 24, 60 : 60 + 24] = (20, 20, 230)
        images.save(image, folder / f"{number}.png")
        lines.append(f"{number}.png {b},{a},{b + 30},{a + 30},red 60,{b},84,{b + 24},blue")
    (folder / "list.txt").write_text("\n".join(lines))
    return folder / "list.txt"


def config(folder: Path, method: str, **more: object) -> Path:
    drawn(folder, 4)
    lines = ['train = "list.txt"', f'method = "{method}"', *(f"{name} = {json.dumps(v)}" for name, v in more.items())]
    (folder / "config.toml").write_text("\n".join(lines))
    return folder / "config.toml"


@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
@pytest.mark.parametrize("method", ["rcnn", "faster_rcnn"])
def test_a_folder_is_trained_and_found_with(method: str, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    path, heard = config(tmp_path, method, size=[64, 96], epochs=1, val="list.txt"), []
    facts, refused = train_regions_into(tmp_path / "out", path, lambda *said: heard.append(said))
    assert facts["pictures"] == 4 and facts["objects"] == 8 and not refused
    assert 0 <= float(str(facts["val_mean_ap"])) <= 1
    assert heard[-1][0] == heard[-1][1] == facts["steps"]
    finder = open_finder(str(tmp_path / "out"), Choice(floor=0.0))
    assert finder.names == ("blue", "red")
    assert len(finder(images.load(tmp_path / "0.png")))
    with pytest.raises(InvalidInput, match="already"):
        train_regions_into(tmp_path / "out", path, lambda *said: None)
    (tmp_path / "out" / REGIONS).write_bytes(b"")
    with pytest.raises(DamagedFile):
        open_finder(str(tmp_path / "out"))


@pytest.mark.parametrize(
    "values, says",
    [
        ({"method": "rnn"}, "method must be one of rcnn, fast_rcnn"),
        ({"size": (60, 100)}, "8 divides"),
        ({"epochs": 0.0}, "above 0"),
    ],
)
def test_settings_that_cannot_be_are_said(values: dict, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        RegionTraining("list.txt", **values)
