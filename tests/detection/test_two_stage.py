"""The two-stage detectors: their parts by hand, a picture learned by heart, and a file that brings them back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facerec.detection.box_codes import HEAD, encode
from facerec.detection.choosing import Choice
from facerec.detection.framed import Framed
from facerec.detection.letterbox import Letterbox
from facerec.detection.region_heads import Answers, chosen_regions, detections_of, head_losses
from facerec.detection.rpn import RPN, Guesses, proposals, rpn_losses
from facerec.detection.two_stage import RegionSettings, TwoStage, fast_rcnn, faster_rcnn, rfcn
from facerec.detection.two_stage_file import load_two_stage, save_two_stage
from facerec.detection.two_stage_fitting import TwoStageSettings, begin_two_stage, learn_two_stage
from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.records import Objects

SMALL = RegionSettings(scales=(16.0, 32.0), ratios=(1.0,), sampled=32, regions=16, before=50, after=20)
ANCHORS = torch.tensor([[0.0, 0, 16, 16], [8, 8, 40, 40], [30, 30, 46, 46], [60, 0, 76, 16]])


def test_an_rpn_has_a_guess_for_every_anchor() -> None:
    guesses = RPN(8, per_cell=3, width=4)(torch.randn(2, 8, 5, 6))
    assert guesses.objectness.shape == (2, 90) and guesses.codes.shape == (2, 90, 4)


def test_right_guesses_cost_nothing_and_come_first_among_the_proposals() -> None:
    box = torch.tensor([[9.0, 9.0, 41.0, 39.0]])
    logits = torch.tensor([[-20.0, 20.0, -20.0, -20.0]])
    codes = torch.zeros(1, 4, 4)
    codes[0, 1] = encode(box, ANCHORS[1:2])[0]
    wrong, misplaced = rpn_losses(Guesses(logits, codes), ANCHORS, [box], 8, torch.Generator().manual_seed(0))
    assert wrong < 1e-6 and misplaced < 1e-6
    first = proposals(Guesses(logits, codes), ANCHORS, (64, 80), before=4, after=2)[0]
    torch.testing.assert_close(first[:1], box)
    assert len(first) == 2


def test_regions_to_learn_from_are_a_quarter_objects_and_their_answers_are_judged() -> None:
    boxes, labels = [torch.tensor([[0.0, 0, 20, 20]]), torch.zeros(0, 4)], [torch.tensor([1]), torch.zeros(0).long()]
    regions = [torch.tensor([[0.0, 0, 18, 20]]).repeat(9, 1), torch.tensor([[50.0, 50, 60, 60]]).repeat(9, 1)]
    chosen = chosen_regions(regions, boxes, labels, 2, 8, torch.Generator().manual_seed(0))
    assert chosen.labels.tolist() == [1, 1] + [2] * 8  # two of a quarter of 8; the second picture has background alone
    assert chosen.owners.tolist() == [0, 0] + [1] * 8
    logits = torch.nn.functional.one_hot(chosen.labels, 3).float() * 60
    codes = encode(chosen.boxes, chosen.regions, HEAD)[:, None].repeat(1, 2, 1)
    kinds, places = head_losses(Answers(logits, codes), chosen)
    assert kinds < 1e-6 and places < 1e-6
    found = detections_of(Answers(logits[:2], codes[:2]), chosen.regions[:2], (64, 64), Choice())
    np.testing.assert_allclose(found.boxes, [[0, 0, 20, 20]], atol=1e-3)
    assert found.labels.tolist() == [1]


def test_pictures_without_an_object_or_a_region_have_a_loss_too() -> None:
    torch.manual_seed(0)
    net, draw = faster_rcnn(2, settings=SMALL), torch.Generator().manual_seed(0)
    losses = net.losses(torch.rand(1, 3, 64, 96), [Objects.none()], draw)
    assert torch.isfinite(losses.total) and losses.proposals == 0 and losses.boxes == 0
    nothing = chosen_regions([torch.zeros(0, 4)], [torch.zeros(0, 4)], [torch.zeros(0).long()], 2, 8, draw)
    kinds, places = head_losses(Answers(torch.zeros(0, 3), torch.zeros(0, 2, 4)), nothing)
    assert kinds == 0 and places == 0


def framed() -> Framed:
    """One picture with a bright square on it, four times."""
    pixels = np.full((4, 64, 96, 3), 60, np.uint8)
    pixels[:, 16:48, 24:56] = (250, 220, 40)
    objects = (Objects.of(np.array([[24, 16, 56, 48]]), np.array([1])),) * 4
    return Framed(pixels, objects, (Letterbox((64, 96), (64, 96)),) * 4, objects, ("a", "b"), (Path("x.png"),) * 4)


@pytest.mark.parametrize("net", ["faster_rcnn", "rfcn", "fast_rcnn"])
def test_a_net_learns_and_goes_on_from_its_checkpoint(net: str, tmp_path: Path) -> None:
    settings = TwoStageSettings(
        net=net, size=(64, 96), epochs=6, batch=2, learning_rate=1e-3, save_every=6, regions=SMALL
    )
    regions = [np.array([[20, 12, 60, 52], [0, 0, 30, 30], [60, 20, 90, 60]], np.float32)] * 4
    given = regions if net == "fast_rcnn" else None
    run = begin_two_stage(settings, 2, 4, tmp_path, None)
    steps = list(learn_two_stage(run, settings, framed(), given))
    assert len(steps) == 12 and steps[-1].loss < steps[0].loss
    again = begin_two_stage(settings, 2, 4, tmp_path, None)
    assert again.step == 12
    for name, value in again.trunk.state_dict().items():
        torch.testing.assert_close(value, run.trunk.state_dict()[name])


def test_a_file_brings_a_net_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, path = faster_rcnn(2, settings=SMALL).eval(), tmp_path / "net.safetensors"
    save_two_stage(path, net, "faster_rcnn", (64, 96), ("a", "b"))
    detector, names = load_two_stage(path, Choice(floor=0.0))
    image = framed().pixels[0]
    found = detector(image)
    assert names == ("a", "b") and len(found)
    assert (found.boxes[:, 2] <= 96).all() and (found.boxes[:, 3] <= 64).all()
    again = load_two_stage(path, Choice(floor=0.0))[0](image)
    np.testing.assert_array_equal(found.boxes, again.boxes)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DamagedFile, match="train it again"):
        load_two_stage(path)
    with pytest.raises(MissingPart, match="no detector"):
        load_two_stage(tmp_path / "none.safetensors")


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="selective search"):
        fast_rcnn(2, settings=SMALL).detect(torch.zeros(1, 3, 64, 64), Choice())
    with pytest.raises(InvalidInput, match="known: fast_rcnn, faster_rcnn, rfcn"):
        begin_two_stage(TwoStageSettings(net="faster"), 2, 4, tmp_path, None)


def test_the_cells_of_the_map_lie_over_the_pixels_they_stand_for() -> None:
    """What a cell answers to lies around the cell's own middle."""
    torch.manual_seed(0)
    net = rfcn(1, settings=SMALL).eval()
    assert isinstance(net, TwoStage)
    picture = torch.rand(1, 3, 240, 320).requires_grad_()
    maps = net.trunk(picture)
    assert maps.shape == (1, 512, 30, 40)
    grown = torch.autograd.grad(maps[0, :, 15, 20].sum(), picture)[0].abs().sum(dim=(0, 1))
    y = (grown * torch.arange(240)[:, None]).sum() / grown.sum()
    x = (grown * torch.arange(320)).sum() / grown.sum()
    assert abs(y - 15.5 * 8) < 4 and abs(x - 20.5 * 8) < 4
