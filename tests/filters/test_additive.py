"""The additive kernel against the float64 formula: at all tones, on random colours, with masks, blended, dimmed."""

import numpy as np
import pytest

from filters.additive import MOST_SETS, SET, additive_pass
from filters.ending import ending
from filters.mask import POWERS, Field, Mask, Radial
from filters.point import Additive, Curves

WEIGHTS = np.array([[0.9, 0.15, -0.05], [-0.1, 1.1, 0.1], [0.05, -0.2, 0.8]])  # result, source
MASK = Mask(shape=Radial(x=0.4), nodes=((0.1, 0.0), (0.5, 0.4), (1.0, 1.0)))
WAVES = Field(coefficients=tuple(0.25 * np.cos(np.arange(len(POWERS)))))
RAMP = Field(coefficients=tuple({(0, 0): 0.55, (1, 0): -0.4, (0, 1): 0.05}.get(powers, 0.0) for powers in POWERS))
MASKS = [MASK, Mask(shape=RAMP, nodes=((0.2, 0.0), (0.7, 1.0))), Mask(shape=WAVES)]
SIZES = [(1, 1), (5, 7), (7, 5), (1, 4097), (63, 2), (64, 3), (65, 33), (257, 5)]
DARKEN = Curves(of=lambda tones: tones ** np.array([1.4, 1.2, 1.1]))
LIFT = Curves(of=lambda tones: 0.1 + 0.8 * tones**0.7)


def parts(tones, amount):
    return WEIGHTS.T[:, :, None] * tones * (1 - 0.35 * amount) + 0.03 * np.sin(6 * tones) - 0.01


def wild_parts(tones, amount):
    return 3 * parts(tones, amount) - 0.9


MODEL = Additive(parts=parts)
WILD = Additive(parts=wild_parts)  # more than fine tones have room for
BLENDED = Additive(parts=parts, strength=0.37)
MODELS = [MODEL, WILD, BLENDED, Additive(parts=wild_parts, strength=0.8)]


def noise(height, width):
    return np.random.default_rng(4).integers(0, 256, (height, width, 3)).astype(np.uint8)


def greys():
    return np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)


def formula(model, pixels):
    """The model in double precision, one pixel at a time where there is a mask."""
    if model.mask is None:
        return 255 * model(pixels / 255)
    amounts = model.mask.draw(*pixels.shape[:2])
    rows = [[model(p / 255, a) for p, a in zip(*row, strict=True)] for row in zip(pixels, amounts, strict=True)]
    return 255 * np.array(rows)


def masked(model, mask):
    return Additive(parts=model.parts, strength=model.strength, mask=mask)


@pytest.mark.parametrize("pixels", [greys(), noise(61, 83)])
@pytest.mark.parametrize("model", MODELS)
def test_it_rounds_the_formula_to_within_a_tenth_more_than_a_half(model, pixels):
    errors = np.abs(additive_pass(model).apply(pixels) - formula(model, pixels))

    assert errors.mean() < 0.3
    assert errors.max() < 0.6


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("model", MODELS)
def test_with_a_mask_it_is_within_a_level_of_the_formula(model, mask):
    pixels = noise(61, 43)

    errors = np.abs(additive_pass(masked(model, mask)).apply(pixels) - formula(masked(model, mask), pixels))

    assert errors.mean() < 0.3
    assert errors.max() < (1.0 if model.parts is parts else 2.0)


@pytest.mark.parametrize("mask", MASKS)
def test_with_a_mask_curves_that_follow_cost_no_exactness(mask):
    pixels = noise(61, 43)
    expected = 255 * LIFT(formula(masked(MODEL, mask), pixels) / 255)

    errors = np.abs(additive_pass(masked(MODEL, mask), after=[LIFT]).apply(pixels) - expected)

    assert errors.mean() < 0.3
    assert errors.max() < 1.0


def test_sums_that_fine_tones_have_no_room_for_go_through_tables():
    assert additive_pass(WILD).sums.tables.size
    assert not additive_pass(MODEL).sums.tables.size


@pytest.mark.parametrize("model", [MODEL, WILD])
def test_curves_before_and_after_cost_no_exactness(model):
    pixels = noise(61, 83)
    expected = 255 * LIFT(DARKEN(model(DARKEN(pixels / 255))))

    errors = np.abs(additive_pass(model, before=[DARKEN], after=[DARKEN, LIFT]).apply(pixels) - expected)

    assert errors.mean() < np.abs(np.rint(expected) - expected).mean() + 0.05  # black becomes 25.5
    assert errors.max() < 0.7


@pytest.mark.parametrize("model", MODELS)
def test_a_vignette_dims_what_came_out(model):
    pixels = noise(61, 83)
    expected = formula(model, pixels) * (1 - 0.6 * MASK.draw(61, 83)[:, :, None])

    errors = np.abs(additive_pass(model, ending=ending(vignette=(MASK, 0.6))).apply(pixels) - expected)

    assert errors.mean() < 0.3
    assert errors.max() < 0.6


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_size_is_drawn_to_its_last_pixel_and_nothing_else_changes(height, width):
    pixels, model = noise(height, width), masked(BLENDED, MASK)
    before = pixels.copy()

    drawn = additive_pass(model, ending=ending(vignette=(MASKS[1], 0.5))).apply(pixels)

    expected = formula(model, pixels) * (1 - 0.5 * MASKS[1].draw(height, width)[:, :, None])
    assert drawn.shape == (height, width, 3)
    assert np.abs(drawn - expected).max() < 1.0
    np.testing.assert_array_equal(pixels, before)


def test_pixels_may_be_a_view_or_not_writable():
    pixels, point = noise(10, 14), additive_pass(WILD)
    expected = point.apply(np.ascontiguousarray(pixels[::2, ::-2]))
    pixels.flags.writeable = False

    np.testing.assert_array_equal(point.apply(pixels[::2, ::-2]), expected)


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_absurd_parts_give_extremes_and_touch_no_memory_of_others(size):
    for after in ([], [DARKEN]):
        drawn = additive_pass(Additive(parts=lambda t, a: size * parts(t, a)), after=after).apply(noise(20, 30))

        assert np.isin(drawn, [0, 255]).mean() > 0.9


def test_the_identity_is_exact_at_any_strength():
    pixels = noise(61, 83)

    def same(tones, _amount):
        return np.eye(3)[:, :, None] * tones

    for strength in (0.01, 0.37, 1.0):
        np.testing.assert_array_equal(additive_pass(Additive(parts=same, strength=strength)).apply(pixels), pixels)


@pytest.mark.parametrize("model", [MODEL, WILD])
def test_more_strength_never_brings_a_pixel_nearer_to_what_came_in(model):
    pixels = np.concatenate([noise(40, 60).reshape(-1, 3), greys()[0]])[None]
    strengths = [*np.linspace(0, 1, 101), 0.5 + 1 / 32768, 1 - 1 / 65536]

    drawn = [
        additive_pass(Additive(parts=model.parts, strength=strength)).apply(pixels).astype(int)
        for strength in sorted(strengths)
    ]

    np.testing.assert_array_equal(drawn[0], pixels)
    distances = np.abs(np.array(drawn) - pixels)
    assert (np.diff(distances, axis=0) >= 0).all()


@pytest.mark.parametrize("mask", [None, *MASKS])
@pytest.mark.parametrize("model", [MODEL, BLENDED])
def test_a_smooth_ramp_gets_no_step_of_two_levels_that_the_formula_has_not(model, mask):
    ramp = np.rint(np.linspace(0, 255, 4096)).astype(np.uint8)[None, :, None].repeat(3, axis=2)
    model = masked(model, mask)

    steps = np.diff(additive_pass(model).apply(ramp).astype(int), axis=1)

    assert np.abs(steps - np.diff(formula(model, ramp), axis=1)).max() < 2


@pytest.mark.parametrize("vignette", [None, (MASK, 0.6)])
@pytest.mark.parametrize("level", [40, 128, 255])
def test_a_mask_draws_no_bands_on_a_flat_area(level, vignette):
    flat = np.full((3, 2000, 3), level, np.uint8)
    model = masked(MODEL, None if vignette else MASK)

    steps = np.diff(additive_pass(model, ending=ending(vignette=vignette)).apply(flat).astype(int), axis=1)

    assert np.abs(steps).max() <= 1


def test_a_program_keeps_no_more_sets_of_words_than_its_mask_needs():
    def faint(tones, amount):
        return np.eye(3)[:, :, None] * tones * (1 - 0.02 * amount)

    few = additive_pass(Additive(parts=faint, mask=MASK)).sums.words.size // SET
    many = additive_pass(masked(Additive(parts=wild_parts), MASK)).sums.words.size // SET

    assert few == 12  # 5.1 levels in half steps
    assert many == MOST_SETS
