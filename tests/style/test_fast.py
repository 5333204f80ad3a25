"""Networks that paint one style: training goes on where it stopped, and the graph paints what torch paints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facerec import images
from facerec.errors import DamagedFile, ImageTooLarge, ImageTooSmall, InvalidInput, MissingPart
from facerec.learning import log
from facerec.records import Image
from facerec.style.fast import painter as painting
from facerec.style.fast.export import export_style
from facerec.style.fast.network import PaintingNet
from facerec.style.fast.painter import open_painter
from facerec.style.fast.training import FastSettings, Report, crops, read_photos, train_style
from facerec.style.settings import StyleSettings

SMALL = FastSettings(StyleSettings(size=48), steps=40, batch=2, crop=32, width=4, blocks=1, keep=10, bf16=False)


@pytest.fixture(scope="module")
def photos(photo: Image) -> list[Image]:
    return [photo, np.ascontiguousarray(photo[:, ::-1])]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, photos: list[Image], texture: Image) -> Path:
    """A finished run, and its graph."""
    out = tmp_path_factory.mktemp("fast")
    net, last = train_style(texture, photos, SMALL, out)
    export_style(net, out, {"style": "bricks", "costs": last})
    return out


def test_costs_fall_while_it_learns(run: Path) -> None:
    totals = log.read(run / "log.csv")["total"]
    assert len(totals) == 2 and totals[1] < 0.7 * totals[0]


def test_sides_stay(photo: Image) -> None:
    net = PaintingNet(width=2, blocks=1)
    with torch.no_grad():
        assert net(torch.rand(2, 3, 16, 28)).shape == (2, 3, 16, 28)


def test_a_batch_is_painted_as_each_alone() -> None:
    torch.manual_seed(0)
    net, pictures = PaintingNet(width=4, blocks=1), torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(net(pictures)[1:], net(pictures[1:]), atol=1e-5)


def test_a_stopped_run_ends_as_one_that_was_not(run: Path, tmp_path: Path, photos: list[Image], texture: Image) -> None:
    class Stop(Exception):
        pass

    def stop(report: Report) -> None:
        raise Stop

    with pytest.raises(Stop):
        train_style(texture, photos, SMALL, tmp_path, stop)  # after 20 of 40 steps, and the checkpoint of step 10
    heard: list[Report] = []
    net, last = train_style(texture, photos, SMALL, tmp_path, heard.append)
    whole, _ = train_style(texture, photos, SMALL, run)  # done: only opened
    assert [report.step for report in heard] == [20, 40]
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), whole.state_dict().values(), strict=True))
    assert last["step"] == 40


def test_other_settings_want_another_folder(run: Path, photos: list[Image], texture: Image) -> None:
    with pytest.raises(InvalidInput, match="begun with other settings"):
        train_style(texture, photos, replace(SMALL, rate=0.5), run)


def test_a_damaged_checkpoint_is_told(tmp_path: Path, photos: list[Image], texture: Image) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"no")
    with pytest.raises(DamagedFile, match="delete it to start the run again"):
        train_style(texture, photos, SMALL, tmp_path)


def test_crops_depend_on_seed_and_step_alone(photos: list[Image]) -> None:
    first, again, other = (crops(photos, SMALL, step) for step in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other) and first.shape == (2, 3, 32, 32)


@pytest.mark.parametrize("size", [(40, 60), (41, 59), (16, 16)])
def test_the_graph_paints_what_torch_paints(size: tuple[int, int], run: Path, photos: list[Image]) -> None:
    photo = images.resize(photos[0], size)
    painted = open_painter(run, threads=1)(photo)
    net, _ = train_style(photos[0], photos, SMALL, run)
    margin = [(0, -size[0] % 4), (0, -size[1] % 4), (0, 0)]
    whole = torch.from_numpy(np.pad(photo, margin, "edge").copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        wanted = (net(whole)[0] * 255).round().permute(1, 2, 0).numpy()[: size[0], : size[1]]
    assert painted.shape == photo.shape and np.abs(painted.astype(int) - wanted).max() <= 1


def test_a_photo_of_another_size_than_can_be_painted(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint = open_painter(run, threads=1)
    with pytest.raises(ImageTooSmall, match="1 x 1 pixels; a side needs at least 16"):
        paint(np.zeros((1, 1, 3), np.uint8))
    monkeypatch.setattr(painting, "MOST", 1000)
    with pytest.raises(ImageTooLarge, match=r"50 x 40 .* --size 35 fits"):
        paint(np.zeros((40, 50, 3), np.uint8))


def test_a_model_that_is_none_is_told(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="no model of a style"):
        open_painter(tmp_path)
    for file in ("model.onnx", "card.json"):
        (tmp_path / file).write_bytes((run / file).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(DamagedFile, match="not what was expected"):
        open_painter(tmp_path)
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(DamagedFile, match="no card of a style"):
        open_painter(tmp_path)
    assert json.loads((run / "card.json").read_text())["largest_difference"] <= 1


def test_photos_that_cannot_be_learned_on_are_left_out(tmp_path: Path, photo: Image) -> None:
    images.save(photo, tmp_path / "a.png")
    images.save(photo[:10, :10].copy(), tmp_path / "small.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    kept, left_out = read_photos(tmp_path, 32)
    assert [p.shape for p in kept] == [(40, 60, 3)] and len(left_out) == 2
    with pytest.raises(InvalidInput, match="has no photo of 64 pixels"):
        read_photos(tmp_path, 64)
    with pytest.raises(InvalidInput, match="is no folder"):
        read_photos(tmp_path / "nothing", 32)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"crop": 30}, {"crop": 16}, {"rate": 0.0}, {"batch": 0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        FastSettings(**wrong)  # type: ignore[arg-type]
