"""The vignette's shape: smooth, monotone, and the same in any frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.local.vignette import vignette_gain

FRAMES = [(5, 7), (150, 150), (1350, 1080), (566, 1080)]
amounts = st.floats(0, 100)


def gains(amount, height, width):
    mask, depth = vignette_gain(amount)
    return 1 - depth * mask.draw(height, width)


def formula(amount, height, width):
    """The radius squared, 1 in the corners, by way of smoothstep."""
    y, x = np.mgrid[0:height, 0:width]
    r2 = ((2 * (y + 0.5) / height - 1) ** 2 + (2 * (x + 0.5) / width - 1) ** 2) / 2
    s = np.clip((r2 - 0.1) / 0.9, 0, 1)
    return 1 - 0.6 * amount / 100 * (3 * s**2 - 2 * s**3)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("amount", [10, 50, 100])
def test_it_is_within_a_tenth_of_a_level_of_the_formula(amount, frame):
    assert 255 * np.abs(gains(amount, *frame) - formula(amount, *frame)).max() < 0.1


def test_zero_changes_nothing():
    assert gains(0, 15, 21).min() == 1


@given(amount=amounts)
def test_the_centre_is_untouched(amount):
    middle = gains(amount, 301, 201)[110:190, 80:120]

    assert middle.min() == 1


def test_the_corners_keep_about_two_fifths_of_the_tone():
    assert 0.35 <= gains(100, 1350, 1080)[0, 0] <= 0.45


@given(one=amounts, other=amounts)
def test_more_is_never_brighter(one, other):
    less, more = sorted((one, other))

    assert (gains(more, 21, 15) <= gains(less, 21, 15)).all()


@pytest.mark.parametrize("frame", FRAMES)
def test_it_grows_darker_from_the_centre_to_every_side(frame):
    quarter = gains(100, *frame)[frame[0] // 2 :, frame[1] // 2 :]

    assert np.diff(quarter, axis=0).max() <= 0
    assert np.diff(quarter, axis=1).max() <= 0


def test_white_shows_no_bands_at_1080_pixels():
    levels = np.rint(255 * gains(100, 1350, 1080))

    assert np.abs(np.diff(levels, axis=0)).max() <= 1
    assert np.abs(np.diff(levels, axis=1)).max() <= 1
