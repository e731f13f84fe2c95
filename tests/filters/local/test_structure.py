"""Structure against a guided filter in double precision, at full resolution."""

from math import ceil

import cv2
import numpy as np
import pytest

from filters.local.structure import Structure


def scene(height, width, seed=3):
    random = np.random.default_rng(seed)
    smooth = cv2.resize(random.normal(size=(9, 9, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    texture = cv2.GaussianBlur(random.normal(size=(height, width, 1)), (0, 0), 1 + height / 300)[:, :, None]
    texture *= 12 / texture.std()
    return np.clip(128 + 25 * smooth + texture + 50 * (np.arange(width) > width / 2)[:, None], 0, 255).astype(np.uint8)


def mean_around(plane, sigma):
    side = 2 * ceil(3 * sigma) + 1
    return cv2.GaussianBlur(plane, (side, side), sigma, borderType=cv2.BORDER_REFLECT)


def formula(pixels, amount):
    """The changed picture before rounding."""
    sigma = min(pixels.shape[:2]) / 60
    luma = pixels.astype(np.float64) @ (np.array([77, 150, 29]) / 256)
    mean = mean_around(luma, sigma)
    variance = np.maximum(mean_around(luma**2, sigma) - mean**2, 0)
    slope = variance / (variance + 20.0**2)
    base = mean_around(slope, sigma) * luma + mean_around((1 - slope) * mean, sigma)
    change = amount / 100 * (luma - base)
    room = np.where(change > 0, 255 - pixels.max(axis=2), luma)
    with np.errstate(divide="ignore"):
        limited = np.sign(change) / (1 / np.abs(change) + 1 / 64 + 1 / room)
    return pixels + limited[:, :, None]


@pytest.mark.parametrize("amount", [15, 60, 100])
@pytest.mark.parametrize("size", [(61, 47), (150, 187), (269, 201)])
def test_a_small_picture_is_within_a_level_of_the_formula(size, amount):
    pixels = scene(*size)

    assert np.abs(Structure(amount=amount).apply(pixels) - formula(pixels, amount).clip(0, 255)).max() < 0.6


@pytest.mark.parametrize("size", [(540, 675), (1350, 1080)])
def test_a_large_picture_is_near_the_formula_although_its_base_is_found_on_a_coarse_copy(size):
    pixels = scene(*size)

    error = np.abs(Structure(amount=100).apply(pixels) - formula(pixels, 100).clip(0, 255))

    assert error.mean() < 0.75
    assert np.percentile(error, 99.9) < 5


def test_a_change_is_the_same_in_all_channels_where_none_clips():
    pixels = scene(271, 303) // 3 + 80

    changes = Structure(amount=100).apply(pixels).astype(np.int16) - pixels

    assert np.ptp(changes, axis=2).max() == 0
    assert np.abs(changes).max() > 5


def test_texture_grows_and_brightness_stays():
    pixels = scene(271, 303)
    luma = pixels.mean(axis=2)

    changed = Structure(amount=100).apply(pixels).mean(axis=2)

    fine = [plane - cv2.GaussianBlur(plane, (0, 0), 4) for plane in (luma, changed)]
    assert fine[1].std() > 1.5 * fine[0].std()
    assert abs(changed.mean() - luma.mean()) < 0.5


def test_nothing_reaches_white_or_black_that_was_not():
    pixels = np.random.default_rng(4).integers(20, 236, (201, 301, 1), np.uint8).repeat(3, axis=2)

    changed = Structure(amount=100).apply(pixels)

    assert changed.min() > 0
    assert changed.max() < 255


def test_a_step_edge_gets_no_halo():
    pixels = np.full((300, 400, 3), 40, np.uint8)
    pixels[:, 200:] = 220

    changes = Structure(amount=100).apply(pixels).astype(np.int16) - pixels

    assert np.abs(changes).max() <= 8  # a wide unsharp mask of the same strength: 90
