"""Chains of layers whose figures are known."""

import math

import pytest

from facerec.cnn.arithmetic import Window
from facerec.cnn.receptive_field import ReceptiveField, union
from facerec.cnn.stack import Layer, inference_bytes, parse_layer, training_bytes, walk
from facerec.errors import InvalidInput


def chain(text: str, axes: int = 2) -> list[Layer]:
    return [parse_layer(part, axes) for part in text.split()]


def test_39_by_39_becomes_1960_numbers() -> None:
    shapes = [step.shape for step in walk((3, 39, 39), chain("3,1,10 5,2,20 5,2,40"))]
    assert shapes == [(3, 39, 39), (10, 37, 37), (20, 17, 17), (40, 7, 7)]
    assert math.prod(shapes[-1]) == 1_960


def test_a_signal_of_14_samples() -> None:
    shapes = [step.shape for step in walk((1, 14), chain("5,1,16 5,1,32", axes=1))]
    assert shapes == [(1, 14), (16, 10), (32, 6)]


def test_a_volume_of_14_cubed() -> None:
    shapes = [step.shape for step in walk((1, 14, 14, 14), chain("5,1,16 5,1,32", axes=3))]
    assert shapes == [(1, 14, 14, 14), (16, 10, 10, 10), (32, 6, 6, 6)]


def test_lenet_5_has_its_61706_parameters_and_sees_the_whole_digit() -> None:
    steps = walk((1, 32, 32), chain("5,1,6 2,2 5,1,16 2,2 5,1,120 1,1,84 1,1,10"))
    assert steps[-1].shape == (10, 1, 1)
    assert sum(step.parameters for step in steps) == 61_706
    assert steps[-1].fields == (ReceptiveField(size=32, jump=4, centre=16),) * 2


@pytest.mark.parametrize(
    "layers, size",
    [
        ("11,4,96 3,2", 19),  # AlexNet up to its first pooling
        ("11,4,96 3,2 5,1,256 3,2 3,1,384 3,1,384 3,1,256 3,2", 195),
        (
            "3,1,64 3,1,64 2,2 3,1,128 3,1,128 2,2 3,1,256 3,1,256 3,1,256 2,2 3,1,512 3,1,512 3,1,512 2,2 "
            "3,1,512 3,1,512 3,1,512 2,2",
            212,
        ),  # VGG-16; both stand in Araujo et al.
    ],
)
def test_published_receptive_fields(layers: str, size: int) -> None:
    fields = walk((3, 400, 400), chain(layers))[-1].fields
    assert [field.size for field in fields] == [size, size]


def test_two_layers_of_3_see_what_one_of_5_sees() -> None:
    two = walk((3, 20, 20), chain("3,1,8 3,1,8"))[-1]
    assert two.fields == walk((3, 20, 20), chain("5,1,8"))[-1].fields
    assert two.fields[0].of(0) == (0, 5)
    assert two.fields[0].of(3) == (3, 8)


def test_padding_moves_the_centre_to_the_first_pixel() -> None:
    same = [Layer("conv", (Window(5, padding="same"),), filters=4)]
    assert walk((1, 9), same)[-1].fields == (ReceptiveField(size=5, jump=1, centre=0.5),)
    uneven = [Layer("conv", (Window(2, padding="same"),), filters=4)]  # one cell of padding, at the far end
    assert walk((1, 9), uneven)[-1].fields[0].of(0) == (0, 2)


def test_a_transposed_layer_counts_like_the_convolution_that_it_undoes() -> None:
    up = walk((16, 7, 7), [Layer("transposed", (Window(2, 2),) * 2, filters=8)])[-1]
    down = walk((8, 14, 14), [Layer("conv", (Window(2, 2),) * 2, filters=16, bias=False)])[-1]
    assert up.shape == (8, 14, 14)
    assert up.parameters == 16 * 8 * 4 + 8
    assert up.multiplications == down.multiplications
    assert up.fields[0].jump == 0.5


def test_a_field_is_as_wide_as_the_axis_behind_a_dense_layer() -> None:
    field = ReceptiveField(size=5, jump=2, centre=2.5).whole(cells=4)
    assert field == ReceptiveField(size=11, jump=0, centre=5.5)
    assert field.of(0) == field.of(3) == (0, 11)


def test_branches_see_what_any_of_them_sees() -> None:
    narrow, wide = ReceptiveField(), ReceptiveField(size=5, jump=1, centre=0.5)
    assert union([(narrow, 8), (wide, 8)]) == wide
    shifted = ReceptiveField(size=1, jump=1, centre=3.5)
    assert union([(narrow, 8), (shifted, 8)]) == ReceptiveField(size=4, jump=1, centre=2)


def test_a_gate_over_a_map_shows_every_cell_the_whole_picture() -> None:
    local, gate = ReceptiveField(), ReceptiveField().whole(cells=8)
    assert union([(local, 8), (gate, 1)]) == gate


def test_memory_of_one_layer_and_of_a_batch() -> None:
    steps = walk((3, 150, 100), [Layer("conv", (Window(5, padding="same"),) * 2, filters=200)])
    assert steps[-1].bytes == 12_000_000
    assert training_bytes(steps, batch=100) == 1_200_000_000 + 100 * 3 * 150 * 100 * 4
    assert inference_bytes(steps) == 12_000_000 + 180_000


@pytest.mark.parametrize("text", ["3", "3,1,8,2", "a,b", "", "3,,8"])
def test_a_layer_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"kernel,stride,filters"):
        parse_layer(text, axes=2)


def test_a_window_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not fit into 3"):
        walk((1, 3, 3), chain("5,1,6"))
