"""Views of crops: where the pixels come from, how far a view may be off, and that the generator alone decides."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from facerec.errors import InvalidInput
from facerec.learning.augment import AugmentSettings, augment, plain
from facerec.learning.augment.cover import occlude, wear_masks
from facerec.learning.augment.detail import soften
from facerec.learning.augment.geometry import bend, face_affines, grid_of, sample, spline_weights
from facerec.learning.augment.light import principal_colours, relight, shift_colours
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


def test_plain_enlarges_as_an_exported_graph_does() -> None:
    large = plain(CROPS, 160)
    faces = CROPS[:, 8:120, 8:120] if CROPS.shape[1] == 128 else CROPS
    expected = torch.nn.functional.interpolate(
        faces.permute(0, 3, 1, 2) / 127.5 - 1, (160, 160), mode="bilinear", align_corners=False
    )
    assert torch.allclose(large, expected, atol=1e-6) and large.is_contiguous(memory_format=torch.channels_last)


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
    assert torch.allclose(sample(CROPS.permute(0, 3, 1, 2) / 255, grid_of(still.expand(12, -1, -1), 112)),
                          CROPS[:, 8:120, 11:123].permute(0, 3, 1, 2) / 255, atol=1e-4)  # fmt: skip


def test_a_grid_is_torchs_affine_grid() -> None:
    affines = face_affines(9, AugmentSettings(), 112 / 128, rng(2))
    theirs = F.affine_grid(affines, [9, 3, 80, 80], align_corners=False)
    assert torch.allclose(grid_of(affines, 80), theirs, atol=1e-6)


def test_a_random_crop_lies_inside_and_keeps_its_share_of_the_side() -> None:
    affines = face_affines(500, replace(STILL, crop=0.4), 1.0, rng(3))
    side, middle = affines[:, 0, 0], affines[:, :, 2]
    assert side.min() >= 0.6 and side.min() < 0.61 and side.max() <= 1 and side.max() > 0.99
    assert ((middle.abs() + side[:, None]) <= 1 + 1e-6).all()
    assert torch.equal(affines[:, 0, 0], affines[:, 1, 1]) and not affines[:, 0, 1].any()
    room = 1 - side
    at_the_edge = (middle.abs() > 0.9 * room[:, None]).float().mean()
    assert 0.05 < at_the_edge < 0.15  # a tenth of places chosen uniformly


def test_a_local_warp_moves_places_smoothly_and_never_further_than_asked() -> None:
    still = grid_of(torch.eye(2, 3).expand(20, -1, -1), 64)
    way = bend(still.clone(), 0.1, rng(4)) - still
    assert way.abs().max() <= 0.1 and way.abs().amax(dim=(1, 2, 3)).min() > 0.02
    steps = torch.cat([way.diff(dim=1).flatten(), way.diff(dim=2).flatten()])
    assert steps.abs().max() < 0.02
    assert way[0].std() > 0.005 and not torch.allclose(way[0], way[1], atol=0.01)


def b_spline(handle: int, degree: int, at: float) -> float:
    """Cox and de Boor's recursion over knots at whole numbers."""
    if degree == 0:
        return float(handle <= at < handle + 1)
    left = (at - handle) / degree * b_spline(handle, degree - 1, at)
    return left + (handle + degree + 1 - at) / degree * b_spline(handle + 1, degree - 1, at)


def test_a_splines_weights_are_those_of_the_recursion() -> None:
    ours = spline_weights(50, 7)
    slow = [[b_spline(handle - 3, 3, min(4 * place / 49, 4 - 1e-9)) for handle in range(7)] for place in range(50)]
    assert torch.allclose(ours, torch.tensor(slow), atol=1e-6) and torch.allclose(ours.sum(dim=1), torch.ones(50))


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


def test_principal_colours_are_the_singular_directions_of_the_pixels() -> None:
    images = (plain(CROPS, 112) + 1) / 2
    pixels = images[:, :, ::4, ::4].permute(0, 2, 3, 1).reshape(-1, 3).double().numpy()
    _, values, directions = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    axes, deviations = principal_colours(images)
    assert deviations.flip(0).tolist() == pytest.approx((values / len(pixels) ** 0.5).tolist(), rel=1e-3)
    assert np.abs((directions * axes.flip(1).T.numpy()).sum(axis=1)).min() > 0.999


def test_pca_colour_adds_one_colour_to_all_of_an_image_along_the_axes() -> None:
    images = 0.4 + 0.2 * torch.rand(300, 3, 8, 8, generator=rng(1))
    axes, deviations = principal_colours(images)
    added = shift_colours(images.clone(), 0.1, rng(5)) - images
    assert added.std(dim=(2, 3)).max() < 1e-6
    weights = added.mean(dim=(2, 3)) @ axes / deviations  # normal numbers of deviation 0.1
    assert weights.std(dim=0).tolist() == pytest.approx([0.1] * 3, rel=0.15)
    assert weights.mean(dim=0).abs().max() < 0.03


def test_grey_has_no_colour_left() -> None:
    views = moved(grey=1.0)
    assert torch.allclose(views[:, 0], views[:, 1]) and torch.allclose(views[:, 1], views[:, 2])
    assert torch.allclose(views[:, 0], plain(CROPS, 112).mean(dim=1), atol=1e-4)


def test_soften_takes_detail_and_keeps_the_mean() -> None:
    face = (plain(CROPS, 112) + 1) / 2
    soft = soften(face.clone(), 1.0, rng(6))
    detail = [(x[..., 1:] - x[..., :-1]).abs().max().item() for x in (face, soft)]
    assert detail[1] < 0.6 * detail[0]
    assert torch.allclose(soft.mean(dim=(2, 3)), face.mean(dim=(2, 3)), atol=0.02)


def test_occlude_paints_one_rectangle_of_at_most_a_third_of_each_side() -> None:
    before = torch.full((40, 3, 96, 96), 2.0)  # a level that no rectangle has
    after = occlude(before.clone(), 1.0, rng(7))
    for view in after:
        covered = view[0] != 2
        rows, columns = covered.any(1).sum().item(), covered.any(0).sum().item()
        assert covered.sum() == rows * columns > 0 and max(rows, columns) <= 33
        assert len(view[:, covered].unique()) == 1


def test_a_mask_hides_the_mouth_and_not_the_eyes_and_turns_with_the_face() -> None:
    affines = face_affines(30, replace(STILL, mirror=0.5, rotation=20.0), 112 / 128, rng(2))
    grid = grid_of(affines, 112)
    before = torch.full((30, 3, 112, 112), 2.0)
    after = wear_masks(before.clone(), grid, 112 / 128, 1.0, rng(7))
    places = torch.tensor([[38.0, 52], [74, 52], [56, 88], [56, 92], [44, 92], [68, 92]])  # eyes; mouth
    for view, affine in zip(after, affines, strict=True):
        whole = torch.cat([affine, torch.tensor([[0.0, 0, 1]])])
        on_crop = torch.cat([(places + 8.5) / 64 - 1, torch.ones(6, 1)], dim=1)
        x, y = ((torch.linalg.solve(whole, on_crop.T)[:2] + 1) * 56).long().clamp(0, 111)
        assert (view[0, y, x] != 2).tolist() == [False, False, True, True, True, True]
        covered = view[:, view[0] != 2]
        assert len(covered.unique(dim=1).T) == 1 and covered.min() >= 0 and covered.max() <= 1
        assert 0.15 < covered.shape[1] / 112**2 < 0.5


def test_relight_stays_in_range_where_everything_is_extreme() -> None:
    extreme = replace(STILL, brightness=0.99, contrast=0.99, colour=0.99)
    lit = relight(torch.rand(50, 3, 8, 8, generator=rng(8)), extreme, rng(9))
    assert lit.min() >= 0 and lit.max() <= 1


def test_the_generator_alone_decides() -> None:
    first, again, other = (augment(CROPS, 80, AugmentSettings(), rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.allclose(first, other)
    torch.manual_seed(99)  # the global generator has no part in it
    assert torch.equal(first, augment(CROPS, 80, AugmentSettings(), rng(1)))


NEW = ("crop", "warp", "pca", "blur", "jpeg", "mask")


def test_what_is_switched_off_leaves_the_other_draws_alone() -> None:
    assert all(getattr(AugmentSettings(), name) == 0 for name in NEW)
    plain_views = augment(CROPS, 64, AugmentSettings(), rng(1))
    last = AugmentSettings(jpeg=1e-9)  # drawn last, and never happens
    assert torch.equal(augment(CROPS, 64, last, rng(1)), plain_views)


@pytest.mark.parametrize("name", NEW)
def test_each_piece_changes_the_view_and_keeps_its_range_and_shape(name: str) -> None:
    for size in (112, 48):
        views = augment(CROPS, size, replace(STILL, **{name: 4.0 if name == "warp" else 0.9}), rng(1))
        assert views.shape == (12, 3, size, size) and views.min() >= -1 and views.max() <= 1
        changed = (views - plain(CROPS, size)).abs().mean(dim=(1, 2, 3)) > 0.005
        assert changed.float().mean() > 0.5


def test_crops_are_not_changed() -> None:
    before = CROPS.clone()
    augment(CROPS, 112, AugmentSettings(), rng())
    assert torch.equal(CROPS, before)


@pytest.mark.parametrize("wrong", [
    {"jpeg": 1.1}, {"mask": -1.0}, {"crop": 1.0}, {"warp": 57.0}, {"pca": -0.1}, {"rotation": 181.0}, {"blur": 2.0},
    {"mirror": 1.5}, {"grey": -0.1}, {"occlude": float("nan")}, {"scale": 1.0}, {"brightness": -0.2}, {"shift": -1.0},
])  # fmt: skip
def test_a_spread_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        AugmentSettings(**wrong)
