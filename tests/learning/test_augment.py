"""Views of crops: where the pixels come from, how far a view may be off, and that the generator alone decides."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings, augment, face_affines, occlude, plain, relight, sample, soften
from tests.drawn_crops import drawn_crops

STILL = AugmentSettings(**{field.name: 0.0 for field in fields(AugmentSettings)})
CROPS = torch.from_numpy(drawn_crops(4, 3).pixels)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(**spread: float) -> torch.Tensor:
    return augment(CROPS, 112, replace(STILL, **spread), rng(1))


@pytest.mark.parametrize("size", [112, 80, 48])
def test_a_view_has_the_asked_size_the_range_and_channels_last(size: int) -> None:
    views = augment(CROPS, size, AugmentSettings(), rng())
    assert views.shape == (12, 3, size, size) and views.dtype == torch.float32
    assert views.min() >= -1 and views.max() <= 1 and views.std() > 0.1
    assert views.is_contiguous(memory_format=torch.channels_last)


def test_without_any_spread_the_view_is_the_face_in_the_middle() -> None:
    middle = CROPS[:, 8:120, 8:120].permute(0, 3, 1, 2) / 127.5 - 1
    assert torch.allclose(augment(CROPS, 112, STILL, rng()), middle, atol=1e-4)
    assert torch.allclose(plain(CROPS, 112), middle, atol=1e-6)


def test_plain_averages_to_a_smaller_size() -> None:
    small = plain(CROPS, 56)
    assert torch.allclose(small, plain(CROPS, 112).reshape(12, 3, 56, 2, 56, 2).mean(dim=(3, 5)), atol=1e-6)
    assert small.is_contiguous(memory_format=torch.channels_last)


def test_mirror_mirrors() -> None:
    assert torch.allclose(moved(mirror=1.0), plain(CROPS, 112).flip(3), atol=1e-4)
    some = moved(mirror=0.5)
    pairs = list(zip(some, plain(CROPS, 112), strict=True))
    flipped = [torch.allclose(view, face.flip(2), atol=1e-4) for view, face in pairs]
    kept = [torch.allclose(view, face, atol=1e-4) for view, face in pairs]
    assert flipped == [not one for one in kept] and 0 < sum(flipped) < 12


def test_a_shift_moves_by_that_many_pixels_of_the_face() -> None:
    affine = face_affines(1, replace(STILL, shift=4.0), 112 / 128, rng(3))
    away = affine[0, :, 2] * 64  # the crop's square is 128 pixels wide
    assert (away.abs() <= 4).all() and away.abs().max() > 0.5
    still = face_affines(1, STILL, 112 / 128, rng(3))
    still[0, 0, 2] = 3 / 64
    assert torch.allclose(sample(CROPS.permute(0, 3, 1, 2) / 255, still.expand(12, -1, -1), 112),
                          CROPS[:, 8:120, 11:123].permute(0, 3, 1, 2) / 255, atol=1e-4)  # fmt: skip


def test_rotation_and_scale_stay_within_their_spread() -> None:
    affines = face_affines(500, replace(STILL, rotation=6.0, scale=0.06), 1.0, rng(4))
    angle = torch.rad2deg(torch.atan2(affines[:, 1, 0], affines[:, 0, 0]))
    size = affines[:, :, 0].norm(dim=1)
    assert angle.abs().max() <= 6 and angle.abs().max() > 5.5
    assert (size - 1).abs().max() <= 0.06 and (size - 1).abs().max() > 0.055
    assert torch.allclose(affines[:, 0, 0], affines[:, 1, 1]) and torch.allclose(affines[:, 0, 1], -affines[:, 1, 0])


def test_brightness_multiplies_the_mean() -> None:
    dim = CROPS // 2  # nothing is clipped
    views = augment(dim, 112, replace(STILL, brightness=0.25), rng(5))
    gain = (views + 1).mean(dim=(1, 2, 3)) / (plain(dim, 112) + 1).mean(dim=(1, 2, 3))
    assert (gain - 1).abs().max() <= 0.2501 and gain.max() > 1.05 and gain.min() < 0.95


def test_grey_has_no_colour_left() -> None:
    views = moved(grey=1.0)
    assert torch.allclose(views[:, 0], views[:, 1]) and torch.allclose(views[:, 1], views[:, 2])
    assert torch.allclose(views[:, 0], plain(CROPS, 112).mean(dim=1), atol=1e-4)


def test_soften_takes_detail_and_keeps_the_mean() -> None:
    face = (plain(CROPS, 112) + 1) / 2
    soft = soften(face.clone(), replace(STILL, soften=1.0), rng(6))
    detail = [(x[..., 1:] - x[..., :-1]).abs().max().item() for x in (face, soft)]
    assert detail[1] < 0.6 * detail[0]
    assert torch.allclose(soft.mean(dim=(2, 3)), face.mean(dim=(2, 3)), atol=0.02)


def test_occlude_paints_one_rectangle_of_at_most_a_third_of_each_side() -> None:
    before = torch.full((40, 3, 96, 96), 2.0)  # a level that no rectangle has
    after = occlude(before.clone(), replace(STILL, occlude=1.0), rng(7))
    for view in after:
        covered = view[0] != 2
        rows, columns = covered.any(1).sum().item(), covered.any(0).sum().item()
        assert covered.sum() == rows * columns > 0 and max(rows, columns) <= 33
        assert len(view[:, covered].unique()) == 1


def test_relight_stays_in_range_where_everything_is_extreme() -> None:
    extreme = replace(STILL, brightness=0.99, contrast=0.99, colour=0.99)
    lit = relight(torch.rand(50, 3, 8, 8, generator=rng(8)), extreme, rng(9))
    assert lit.min() >= 0 and lit.max() <= 1


def test_the_generator_alone_decides() -> None:
    first, again, other = (augment(CROPS, 80, AugmentSettings(), rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.allclose(first, other)
    torch.manual_seed(99)  # the global generator has no part in it
    assert torch.equal(first, augment(CROPS, 80, AugmentSettings(), rng(1)))


def test_crops_are_not_changed() -> None:
    before = CROPS.clone()
    augment(CROPS, 112, AugmentSettings(), rng())
    assert torch.equal(CROPS, before)


@pytest.mark.parametrize("wrong", [
    {"mirror": 1.5}, {"grey": -0.1}, {"occlude": float("nan")}, {"scale": 1.0}, {"brightness": -0.2}, {"shift": -1.0},
])  # fmt: skip
def test_a_spread_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        AugmentSettings(**wrong)
