"""The fit finds what made a render again."""

import cv2
import numpy as np
import pytest

from scripts.fitting.choose import error, fit_all
from scripts.fitting.model import FLAT, MIXING, SURFACE, Fit, Shape, fit_curves, fit_surface
from scripts.fitting.photo import average_tones, describe_photo

LINES = Shape(mixing="lines", bends=1, smoothness=1e-4)


def pair(photo, render):
    return describe_photo(photo), average_tones(render(photo))


@pytest.fixture(scope="module")
def pairs(truth):
    return [pair(truth.photo(seed), truth.vignetted) for seed in range(4)]


@pytest.fixture(scope="module")
def fit(pairs):
    return fit_all(pairs[:3], [LINES])[LINES]


def straightened(surface, expected):
    """What is left of the expected surface, (n,), when a surface has been scaled and shifted to it."""
    terms = np.stack([SURFACE @ surface, np.ones(len(SURFACE))], axis=1)
    weights = np.linalg.lstsq(terms, expected, rcond=None)[0]
    return np.abs(terms @ weights - expected)


def test_a_look_is_recovered_so_well_that_a_photo_it_has_not_seen_is_rendered_to_less_than_rounding(fit, pairs):
    assert error(fit, pairs[3]) < 0.25


def test_the_surface_is_recovered_up_to_its_scale(fit, truth):
    assert straightened(fit.surface, truth.surface(150, 150).reshape(-1)).max() < 0.01


def test_a_surface_goes_from_0_to_1(fit):
    t = SURFACE @ fit.surface

    assert (t.min(), t.max()) == pytest.approx((0, 1))


def test_a_light_leak_from_one_corner_is_found_though_the_search_begins_with_a_round_surface(truth):
    u, v = ((np.arange(150) + 0.5) / 75 - 1)[None, :], ((np.arange(150) + 0.5) / 75 - 1)[:, None]
    leak = ((u - v + 2) / 4) ** 2

    def render(photo):
        t = leak[:, :, None]
        return np.rint(255 * (photo / 255 * (0.9 - 0.5 * t) + 0.4 * t)).astype(np.uint8)

    surface = fit_surface([pair(truth.photo(seed, side=150), render) for seed in (1, 2)], bends=1)

    assert straightened(surface, leak.reshape(-1)).max() < 0.02


def test_what_other_channels_add_is_found(fit):
    others = np.stack([weights[:2] for weights in fit.weights])

    np.testing.assert_allclose(others, [[0.06, -0.04], [0.05, 0.03], [-0.03, 0.07]], atol=0.01)


def test_on_texture_a_fit_to_features_finds_what_a_fit_to_averaged_colours_misses(truth):
    """Stripes as fine as pixels: every average is a middle tone, every pixel is not."""
    random, shape = np.random.default_rng(8), Shape(mixing="own", bends=0, smoothness=1e-4)
    bases = np.kron(random.uniform(0.3, 0.7, (10, 10, 3)), np.ones((30, 30, 1)))
    texture = np.rint(255 * (bases + random.choice([-0.3, 0.3], (300, 300, 1)))).astype(np.uint8)

    def steep(photo):
        return np.rint(255 / (1 + np.exp(6 - 12 * (photo / 255)))).astype(np.uint8)

    def error_on_tones_themselves(pairs):
        made = Fit(shape=shape, surface=FLAT, weights=fit_curves(pairs, shape, FLAT))
        return error(made, pair(truth.photo(9), steep))

    rendered = average_tones(steep(texture))
    reduced = cv2.resize(texture, (150, 150), interpolation=cv2.INTER_AREA)

    assert error_on_tones_themselves([(describe_photo(texture), rendered)]) < 1
    assert error_on_tones_themselves([(describe_photo(reduced), rendered)]) > 5


@pytest.mark.parametrize("mixing", MIXING)
def test_every_mixing_leaves_alone_what_a_look_leaves_alone(mixing, truth):
    shape = Shape(mixing=mixing, bends=0, smoothness=1e-3)
    photo = truth.photo(3, side=150)

    fit = fit_all([pair(photo, lambda pixels: pixels)], [shape])[shape]

    np.testing.assert_allclose(fit.tones(describe_photo(photo)), describe_photo(photo).tones, atol=1e-9)


@pytest.mark.parametrize("mixing", MIXING)
def test_neither_white_falls_below_light_grey_nor_black_rises_above_dark_grey(mixing, truth):
    shape, levels = Shape(mixing=mixing, bends=0, smoothness=1e-5), [0, 32, 223, 255]

    def solarised(photo):
        return np.interp(photo, [0, 32, 224, 255], [40, 20, 240, 200]).astype(np.uint8)

    weights = fit_curves([pair(truth.photo(1), solarised)], shape, FLAT)

    rows = np.resize(np.array(levels, np.uint8), 150)
    greys = np.broadcast_to(rows[:, None, None], (150, 150, 3))
    made = Fit(shape=shape, surface=FLAT, weights=weights).tones(describe_photo(greys))
    black, dark, light, white = made.reshape(150, 150, 3)[:4, 0]
    assert (black <= dark + 0.002).all()
    assert (white >= light - 0.002).all()
