"""Painting: costs fall, the same seed paints the same, and every option does what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from facerec.errors import ImageTooLarge, ImageTooSmall, InvalidInput, MissingPart
from facerec.records import Image
from facerec.style import memory
from facerec.style.features import open_features
from facerec.style.settings import StyleSettings
from facerec.style.transfer import Painting, Step, Studio, paint

BRIEF = StyleSettings(steps=12)


@pytest.fixture(scope="module")
def painting(photo: Image, texture: Image) -> Painting:
    return paint(photo, [texture], StyleSettings(steps=40))


def test_costs_fall(painting: Painting, photo: Image) -> None:
    totals = painting.curve[:, 1]
    assert painting.image.shape == photo.shape and painting.image.dtype == np.uint8
    assert len(totals) == 40 and (np.diff(totals) <= 0).mean() > 0.9
    assert painting.final[2] < 0.1 * painting.start[2]


def test_total_is_the_weighted_sum(painting: Painting) -> None:
    settings = StyleSettings()
    total, content, style, variation = painting.curve[:, 1:5].T
    wanted = settings.alpha * content + settings.style_weight * style + settings.variation * variation
    assert np.allclose(total, wanted, rtol=1e-5)


def test_the_final_costs_are_those_of_the_best_step(painting: Painting) -> None:
    best = painting.curve[painting.curve[:, 1].argmin()]
    assert np.allclose(painting.final, best[1:5], rtol=1e-4)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_same_seed_paints_the_same(init: str, photo: Image, texture: Image) -> None:
    settings = StyleSettings(steps=6, init=init, seed=5)
    first, again = (paint(photo, [texture], settings) for _ in range(2))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.curve, again.curve)


def test_another_seed_begins_with_other_noise(photo: Image, texture: Image) -> None:
    first, other = (paint(photo, [texture], StyleSettings(steps=4, init="noise", seed=seed)) for seed in (1, 2))
    assert not np.array_equal(first.image, other.image)


def test_without_style_the_content_comes_out_of_noise(photo: Image, texture: Image) -> None:
    settings = StyleSettings(steps=60, init="noise", beta=0, variation=0, content="pool1")
    found = paint(photo, [texture], settings)
    alike, control = (structural_similarity(photo, other, channel_axis=2) for other in (found.image, photo[::-1, ::-1]))
    assert found.final[1] < 0.05 * found.start[1] and alike > 0.5 > control


def test_lbfgs_goes_down_too(photo: Image, texture: Image) -> None:
    found = paint(photo, [texture], StyleSettings(steps=40, optimizer="lbfgs"))
    assert len(found.curve) == 40 and found.final[0] < 0.3 * found.start[0]


def test_scales_are_painted_from_coarse_to_fine(photo: Image, texture: Image) -> None:
    found = paint(photo, [texture], StyleSettings(steps=5, size=60, scales=2))
    assert found.curve[:, 5].tolist() == [30] * 5 + [60] * 5 and found.image.shape == (40, 60, 3)


def test_a_mask_keeps_the_content_where_it_is_black(photo: Image, texture: Image) -> None:
    mask = np.zeros((10, 15, 3), np.uint8)
    mask[:, :7] = 255
    found = paint(photo, [texture], BRIEF, mask=mask)
    assert np.abs(found.image[:, 34:].astype(int) - photo[:, 34:]).max() <= 1
    assert np.abs(found.image[:, :24].astype(int) - photo[:, :24]).mean() > 5


def test_luminance_keeps_the_colours(photo: Image, texture: Image) -> None:
    found = paint(photo, [texture], StyleSettings(steps=12, colours="luminance")).image.astype(float)
    inside = ((found > 2) & (found < 253)).all(axis=2)  # where nothing was cut off
    before, after = photo.astype(float), found
    chroma = [(p[..., 0] - p[..., 2])[inside] for p in (before, after)]
    assert np.abs(chroma[0] - chroma[1]).max() <= 2 and np.abs(before - after).mean() > 3


def test_styles_are_mixed_by_their_shares(photo: Image, texture: Image) -> None:
    other = np.ascontiguousarray(255 - texture)
    half = paint(photo, [texture, other], BRIEF)
    first = paint(photo, [texture, other], BRIEF, shares=(1e6, 1))
    alone = paint(photo, [texture], BRIEF)
    assert first.start == pytest.approx(alone.start, rel=1e-3) and not np.array_equal(half.image, alone.image)
    with pytest.raises(InvalidInput, match="2 styles need one weight above 0 each"):
        paint(photo, [texture, other], BRIEF, shares=(1,))


def test_layers_and_their_weights_are_taken(photo: Image, texture: Image) -> None:
    given = StyleSettings(steps=2, layers=(("relu1_1", 1.0), ("relu2_2", 3.0)), content="relu2_1")
    assert given.style_layers == {"relu1_1": 0.25, "relu2_2": 0.75}
    assert Studio(given).features.layers == ("relu1_1", "relu2_2", "relu2_1")
    with pytest.raises(InvalidInput, match="no layer fire2"):
        paint(photo, [texture], StyleSettings(layers=(("fire2", 1.0),)))


def test_every_step_is_heard_with_its_picture(photo: Image, texture: Image) -> None:
    heard: list[Step] = []
    shown: list[Image] = []

    def watch(step: Step) -> None:
        heard.append(step)
        shown.append(step.image())

    paint(photo, [texture], StyleSettings(steps=8), watch=watch)
    assert [(step.number, step.of) for step in heard] == [(number, 8) for number in range(1, 9)]
    assert np.abs(shown[0].astype(int) - photo).max() <= 6  # 2 % of the range
    assert not np.array_equal(shown[0], shown[-1])


def test_the_callers_pictures_and_random_state_are_left_alone(photo: Image, texture: Image) -> None:
    before, state = photo.copy(), torch.get_rng_state()
    paint(photo, [texture], StyleSettings(steps=2, init="noise", net="random"))
    assert np.array_equal(photo, before) and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 40)])
def test_pictures_too_small_to_look_at_are_refused(shape: tuple[int, int], photo: Image, texture: Image) -> None:
    tiny = np.zeros((*shape, 3), np.uint8)
    with pytest.raises(ImageTooSmall, match="the content is"):
        paint(tiny, [texture], BRIEF)
    with pytest.raises(ImageTooSmall, match="the style is"):
        paint(photo, [tiny], BRIEF)


def test_the_smallest_picture_is_painted() -> None:
    flat = np.full((8, 8, 3), 90, np.uint8)
    found = paint(flat, [flat], StyleSettings(steps=2))
    assert found.image.shape == (8, 8, 3) and np.isfinite(found.final).all()


def test_what_does_not_fit_is_refused_with_what_does() -> None:
    features = open_features("packaged", ("pool1", "relu4_1"))
    small, large = memory.needed(features, 64, 64), memory.needed(features, 128, 128)
    assert large == pytest.approx(4 * small, rel=0.05)
    memory.require_memory(features, (128, 128), free=2 * large)
    with pytest.raises(ImageTooLarge, match=r"painting 128 x 128 pixels takes about .*: --size (\d+) fits") as told:
        memory.require_memory(features, (128, 128), free=small / memory.KEPT * 1.1)
    fits = int(str(told.value).split("--size ")[1].split()[0])
    assert 64 <= fits < 72
    assert memory.available() > 0


@pytest.mark.parametrize("wrong", [
    {"net": "vgg"}, {"steps": 0}, {"alpha": -1}, {"beta": float("nan")}, {"alpha": 0, "beta": 0}, {"init": "style"},
    {"optimizer": "sgd"}, {"colours": "grey"}, {"scales": 6, "size": 256}, {"layers": (("pool1", 0.0),)}, {"rate": 0},
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="unusable settings"):
        StyleSettings(**wrong)  # type: ignore[arg-type]


def test_cuda_paints_as_the_processor_does(photo: Image, texture: Image) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(MissingPart, match="needs a GPU"):
            paint(photo, [texture], StyleSettings(device="cuda"))
        pytest.skip("needs a GPU")
    first, other = (paint(photo, [texture], StyleSettings(steps=20, device=name)) for name in ("cpu", "cuda"))
    assert other.final[0] == pytest.approx(first.final[0], rel=0.1)
