"""Networks made by hand, of which one knows what they see."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facerec import images
from facerec.cnn.filters import FILTERS, cross_correlate, grey
from facerec.cnn.preparation import CAFFE
from facerec.cnn.visualise import (
    Sight,
    exciting_patches,
    feature_maps,
    first_filters,
    look_into,
    occlusion,
    opened,
    paint_filters,
    paint_maps,
    paint_occlusion,
    paint_patches,
)
from facerec.cnn.visualise.layers import output_of
from facerec.cnn.visualise.occlusion import loss_map
from facerec.errors import InvalidInput

SIZE = 24


def stars(*places: tuple[int, int]) -> np.ndarray:
    """A black picture with a white pixel at each (row, column)."""
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    for row, column in places:
        picture[row, column] = 255
    return picture


@pytest.fixture
def edges() -> Sight:
    """Hand-made filters in grey as a layer of a network, a pooling behind it and a dense layer at the end."""
    conv = nn.Conv2d(1, len(FILTERS), 3, bias=False)
    conv.weight.data = torch.from_numpy(np.stack(list(FILTERS.values())))[:, None]
    dense = nn.Linear(len(FILTERS) * 11 * 11, 4)
    return look_into(nn.Sequential(conv, nn.MaxPool2d(2), nn.Flatten(), dense), SIZE, channels=1)


class BrightCorner(nn.Module):
    """Class 1 where the top left quarter is brighter than the rest, class 0 otherwise."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = SIZE // 2
        evidence = x[:, :, :half, :half].sum(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(evidence), evidence / 100 - 1], dim=1)


def test_a_picture_is_cut_to_the_square_in_the_middle() -> None:
    wide = np.zeros((SIZE, SIZE + 10, 3), np.uint8)
    wide[:, :5], wide[:, -5:] = 255, 255
    square = look_into(nn.Identity(), SIZE).fitted(wide)
    assert square.shape == (SIZE, SIZE, 3)
    assert not square.any()


def test_a_picture_is_made_as_large_as_the_network_takes_it() -> None:
    checks = np.indices((8 * SIZE, 8 * SIZE)).sum(axis=0) % 2 * 255
    small = look_into(nn.Identity(), SIZE).fitted(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8))
    assert small.shape == (SIZE, SIZE, 3)
    assert np.abs(small.astype(int) - 127).max() <= 1  # no moire: every pixel is the mean of many


def test_levels_reach_the_network_as_shares() -> None:
    picture = np.full((2, 2, 3), (255, 0, 51), np.uint8)
    colour, one = (look_into(nn.Identity(), 2, channels).input(picture) for channels in (3, 1))
    assert colour[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0.2])
    assert one.shape == (1, 1, 2, 2)
    assert one[0, 0, 0, 0].item() == pytest.approx(grey(picture)[0, 0])
    with pytest.raises(InvalidInput, match="1 or 3 channels, and not 4"):
        look_into(nn.Identity(), 2, 4)


def test_weights_are_looked_into_with_their_own_preparation() -> None:
    picture = np.full((9, 9, 3), (255, 0, 51), np.uint8)
    seen = Sight(nn.Identity(), replace(CAFFE, resize=9, crop=9)).input(picture)
    assert seen[0, :, 0, 0].tolist() == [51 - 104, 0 - 117, 255 - 123]


def test_a_picture_of_a_folder_that_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    images.save(stars((1, 1)), tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    told: list[str] = []
    assert [name for name, _ in opened(images.find(tmp_path), tmp_path, told.append)] == ["a.png"]
    assert len(told) == 1 and "b.png" in told[0]


def test_filters_come_out_as_they_went_in(edges: Sight) -> None:
    found = first_filters(edges.net)
    assert found.shape == (6, 3, 3, 1)
    assert np.array_equal(found[2, :, :, 0], FILTERS["sobel_vertical"])
    with pytest.raises(InvalidInput, match="no convolution"):
        first_filters(nn.Linear(2, 2))


def test_filters_are_painted_side_by_side_on_one_scale() -> None:
    filters = np.zeros((4, 2, 2, 1), np.float32)
    filters[0], filters[3] = 1, -0.5
    painted = paint_filters(filters, side=4)
    assert painted.shape == (2 * 8, 2 * 8, 3)  # tiles of 4 pixels in frames of 2
    assert [painted[y, x, 0].item() for y, x in [(4, 4), (4, 12), (12, 4), (12, 12)]] == [255, 128, 128, 64]


def test_filters_of_many_channels_are_painted_in_rows_and_of_three_in_colour() -> None:
    assert paint_filters(np.ones((2, 3, 3, 5), np.float32), side=3).shape == (2 * 7, 5 * 7, 3)
    red = np.zeros((1, 1, 1, 3), np.float32)
    red[..., 0] = 1
    assert paint_filters(red, side=1)[2, 2].tolist() == [255, 128, 128]


def test_feature_maps_are_what_the_filters_make_of_the_picture(edges: Sight) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    maps = feature_maps(edges, "0", picture)
    for found, kernel in zip(maps, FILTERS.values(), strict=True):
        assert np.allclose(found, cross_correlate(grey(picture), kernel), atol=1e-5)
    assert paint_maps(maps, side=22).shape == (2 * 26, 3 * 26, 3)


def test_layers_behind_the_one_asked_for_do_not_run(edges: Sight) -> None:
    wider = torch.zeros(1, 1, SIZE + 8, SIZE)  # the dense layer could not take this
    assert output_of(edges.net, "1", wider).shape == (1, 6, 15, 11)
    assert not any(module._forward_hooks for module in edges.net.modules())


@pytest.mark.parametrize(
    "layer, message",
    [
        ("conv", "no layer 'conv'; this network has: 0, 1, 2, 3"),
        ("", "no layer ''"),
        ("3", "layer '3' makes .4,., not maps"),
    ],
)
def test_a_layer_without_maps_is_refused(edges: Sight, layer: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        feature_maps(edges, layer, stars())


def test_a_layer_that_evaluation_leaves_out_is_refused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1))
    net.spare = nn.Conv2d(3, 2, 1)
    net.forward = lambda x: net[0](x)  # type: ignore[method-assign]
    with pytest.raises(InvalidInput, match="does not work in evaluation"):
        output_of(net, "spare", torch.zeros(1, 3, 4, 4))


def bright(stride: int = 1) -> Sight:
    """Two maps, one that answers to white in a window of 5 and one to black, and a dense layer."""
    conv = nn.Conv2d(3, 2, 5, stride, bias=False)
    nn.init.constant_(conv.weight, 1)
    conv.weight.data[1] *= -1
    side = (SIZE - 5) // stride + 1
    return look_into(nn.Sequential(conv, nn.Flatten(), nn.Linear(2 * side * side, 3)), SIZE)


def test_patches_are_cut_around_what_excites() -> None:
    sight = bright()
    pictures = [("one", stars((10, 7))), ("none", stars()), ("two", stars((3, 20), (4, 21)))]
    first, second, third = exciting_patches(sight, "0", 0, pictures)
    assert [first.source, second.source, third.source] == ["two", "one", "none"]
    assert [patch.activation for patch in (first, second, third)] == pytest.approx([6, 3, 0])
    for patch, whites in [(first, 2), (second, 1)]:
        x1, y1, x2, y2 = patch.box
        assert (x2 - x1, y2 - y1) == (5, 5)  # the receptive field
        assert (patch.image == 255).all(axis=2).sum() == whites
    assert paint_patches([first, second], side=5).shape == (9, 18, 3)


def test_only_the_best_pictures_are_kept_and_another_unit_has_others() -> None:
    sight = bright(stride=3)
    pictures = [(str(count), stars(*[(12, column) for column in range(count)])) for count in range(5)]
    assert [patch.source for patch in exciting_patches(sight, "0", 0, pictures, count=2)] == ["4", "3"]
    white = [("white", np.full((SIZE, SIZE, 3), 255, np.uint8)), *pictures[:1]]
    assert [patch.source for patch in exciting_patches(sight, "0", 1, white)] == ["0", "white"]


def test_a_field_that_lies_partly_outside_is_cut_at_the_edge() -> None:
    conv = nn.Conv2d(3, 1, 5, padding=2, bias=False)
    nn.init.zeros_(conv.weight)
    conv.weight.data[..., 2, 2] = 1  # answers to the pixel in its middle
    [found] = exciting_patches(look_into(nn.Sequential(conv), SIZE), "0", 0, [("corner", stars((0, 23)))])
    assert found.box == (21, 0, 24, 3)


def test_a_dense_unit_sees_the_whole_picture() -> None:
    sight = bright()
    [patch] = exciting_patches(sight, "2", 1, [("any", stars((1, 1)))])
    assert patch.box == (0, 0, SIZE, SIZE)


def test_units_and_pictures_that_are_not_there_are_refused() -> None:
    sight = bright()
    with pytest.raises(InvalidInput, match="has 2 units, 0 to 1; got 2"):
        exciting_patches(sight, "0", 2, [("any", stars())])
    with pytest.raises(InvalidInput, match="no picture"):
        exciting_patches(sight, "0", 0, [])


def test_covering_the_evidence_costs_the_class() -> None:
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    picture[2:6, 2:6] = 255
    sight = look_into(BrightCorner(), SIZE)
    seen = occlusion(sight, picture, square=4, stride=2, label=1)
    assert seen.shares.shape == (11, 11)
    assert np.unravel_index(seen.shares.argmin(), (11, 11)) == (1, 1)  # the square exactly over it
    untouched = seen.shares[6:, 6:]
    assert np.allclose(untouched, seen.share)
    expected = torch.tensor([0, 16 * 3 / 100 - 1]).softmax(dim=0)[1]
    assert seen.share == pytest.approx(expected.item())


def test_the_slow_way_agrees_at_one_position() -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    sight = look_into(BrightCorner(), SIZE)
    heard: list[tuple[int, int]] = []
    seen = occlusion(sight, picture, square=5, stride=3, batch=4, progress=lambda *done: heard.append(done))
    assert occlusion(sight, picture).square == 5 and occlusion(sight, picture).stride == 1
    assert heard == [(done, 49) for done in (*range(4, 49, 4), 49)]
    covered = picture.copy()
    covered[9:14, 3:8] = 128
    with torch.no_grad():
        expected = sight.net(sight.input(covered)).softmax(dim=1)[0, seen.label]
    assert seen.shares[3, 1] == pytest.approx(expected.item())
    assert seen.label == int(sight.net(sight.input(picture)).argmax())


def test_the_glow_lies_on_what_the_class_needs() -> None:
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    picture[2:6, 2:6] = 255
    seen = occlusion(look_into(BrightCorner(), SIZE), picture, square=4, stride=2, label=1)
    loss = loss_map(seen)
    assert loss[3:5, 3:5].min() > loss[:, 14:].max() == 0
    painted = paint_occlusion(seen, side=SIZE)
    assert paint_occlusion(seen, side=60).shape == (2 * SIZE, 4 * SIZE, 3)
    assert painted.shape == (SIZE, 2 * SIZE, 3)
    assert np.array_equal(painted[:, :SIZE], picture)
    assert painted[SIZE - 1, -1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"square": SIZE + 1, "stride": 1}, "25 does not fit into the network's 24 pixels"),
        ({"square": 4, "stride": 0}, "stride must be at least 1"),
        ({"square": 4, "stride": 4, "label": 2}, "classes 0 to 1; got 2"),
    ],
)
def test_squares_and_classes_that_cannot_be_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        occlusion(look_into(BrightCorner(), SIZE), stars(), **options)
