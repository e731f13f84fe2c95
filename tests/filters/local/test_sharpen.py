"""Unsharp masking against the formula in double precision."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.local.sharpen import Sharpen


def noise(height, width, seed=2):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def formula(pixels, amount):
    """What is added to each channel, in levels, before rounding."""
    luma = pixels.astype(np.float64) @ (np.array([77, 150, 29]) / 256)
    padded = np.pad(luma, 2, mode="symmetric")
    row = np.array([1, 4, 6, 4, 1]) / 16
    blurred = cv2.sepFilter2D(padded, -1, row, row)[2:-2, 2:-2]
    detail = luma - blurred
    over = np.sign(detail) * np.maximum(np.abs(detail) - 1.5, 0)
    return np.clip(1.5 * amount / 100 * over, -40, 40)


@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    amount=st.floats(0.1, 100),
    seed=st.integers(0, 99),
    contrast=st.sampled_from([0.1, 0.5, 1]),
)
def test_it_is_within_a_level_of_the_formula(size, amount, seed, contrast):
    pixels = np.rint(128 + contrast * (noise(*size, seed) - 128.0)).clip(0, 255).astype(np.uint8)
    exact = np.clip(pixels + formula(pixels, amount)[:, :, None], 0, 255)

    assert np.abs(Sharpen(amount=amount).apply(pixels) - exact).max() < 0.75


@pytest.mark.parametrize("level", [40, 215])
def test_faint_noise_is_left_alone(level):
    pixels = np.full((35, 57, 3), level, np.uint8)
    pixels += np.random.default_rng(1).integers(0, 2, (35, 57, 1), np.uint8)

    np.testing.assert_array_equal(Sharpen(amount=100).apply(pixels), pixels)


def test_a_change_is_the_same_in_all_channels_where_none_clips():
    pixels = noise(35, 57) // 3 + 80

    changes = Sharpen(amount=60).apply(pixels).astype(np.int16) - pixels

    assert np.ptp(changes, axis=2).max() == 0
    assert np.abs(changes).max() > 5


def test_a_soft_edge_gets_steeper_and_far_from_it_nothing_changes():
    edge = np.interp(np.arange(41), [18, 22], [60, 180]).astype(np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(edge[None, :, None], (5, 41, 3)))

    sharpened = Sharpen(amount=100).apply(pixels)[2, :, 0].astype(int)

    assert np.diff(sharpened).max() > np.diff(edge.astype(int)).max()
    np.testing.assert_array_equal(sharpened[:15], edge[:15])
    np.testing.assert_array_equal(sharpened[26:], edge[26:])


def test_its_reach_is_two_pixels_whatever_the_size_of_the_picture():
    for size in (5, 57, 701):
        pixels = np.full((size, size, 3), 90, np.uint8)
        pixels[size // 2, size // 2] = 200

        rows, columns = np.nonzero((Sharpen(amount=100).apply(pixels) != pixels).any(axis=2))

        assert np.abs(rows - size // 2).max() <= 2
        assert np.abs(columns - size // 2).max() <= 2
