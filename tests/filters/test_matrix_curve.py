"""Curve, matrix, curve: against the formula in double precision, for sane and for absurd profiles."""

import numpy as np
import pytest

from filters.matrix_curve import STEPS, apply_matrix_curve


def tone(light):
    """A curve like sRGB's: straight where a power would be endlessly steep."""
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


ENCODE = np.rint(tone(np.linspace(0, 1, STEPS))).astype(np.uint8)


def noise(height, width):
    return np.random.default_rng(2).integers(0, 256, (height, width, 3)).astype(np.uint8)


def curves():
    tones = np.arange(256) / 255
    return np.stack([tones**1.8, tones**2.2, tones**2.6]).astype(np.float32)


def formula(pixels, matrix):
    light = np.stack([curves()[c][pixels[:, :, c]] for c in range(3)], axis=-1).astype(np.float64)
    return tone(np.clip(light @ matrix.T.astype(np.float64), 0, 1))


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        [[1.22, -0.22, 0.0], [-0.04, 1.04, 0.0], [-0.02, -0.08, 1.10]],
        [[2.03, -0.73, -0.30], [-0.23, 1.23, 0.0], [-0.01, -0.15, 1.16]],
        [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
    ],
)
def test_it_is_within_a_level_of_the_formula(matrix):
    pixels, matrix = noise(35, 57), np.array(matrix, np.float32)

    converted = apply_matrix_curve(pixels, curves(), matrix, ENCODE)

    assert np.abs(converted - formula(pixels, matrix)).max() <= 0.75


@pytest.mark.parametrize("size", [1e3, -1e3, 3e4])
def test_an_absurd_matrix_gives_extremes_and_touches_no_memory_of_others(size):
    signs = np.array([[1, -1, 1], [-1, -1, -1], [1, 1, 1]], np.float32)

    converted = apply_matrix_curve(noise(20, 30), curves(), size * signs, ENCODE)

    assert set(np.unique(converted[:, :, 1:])) <= set(ENCODE.tolist())


def test_pixels_that_may_not_be_written_can_be_read():
    pixels = noise(5, 7)
    pixels.flags.writeable = False

    assert apply_matrix_curve(pixels, curves(), np.eye(3, dtype=np.float32), ENCODE).shape == (5, 7, 3)
