"""Tilt-shift against Gaussian blurs in double precision whose width differs from pixel to pixel."""

import cv2
import numpy as np
import pytest

from filters.local.tilt_shift import TiltShift

SHAPES = [
    TiltShift(shape="radial", radius=0.2, strength=100),
    TiltShift(shape="radial", x=0.1, y=0.9, radius=0.1, strength=50),
    TiltShift(shape="linear", radius=0.1, strength=100),
    TiltShift(shape="linear", radius=0.05, angle=-60, x=0.3, y=0.4, strength=30),
]
every_shape = pytest.mark.parametrize("tool", SHAPES, ids=["disc", "corner", "band", "slanted"])


def scene(height, width, seed=3):
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for octave in range(1, 8):
        grid = random.normal(size=(2**octave + 1, 2**octave + 1, 3))
        picture += 60 * 0.7**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def distances(tool, height, width):
    """Of each pixel's centre, as a share of the shorter side."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    offset = (x - tool.x * width) + 1j * (y - tool.y * height)
    turned = offset * np.exp(-1j * np.radians(tool.angle))
    return (abs(offset) if tool.shape == "radial" else abs(turned.imag)) / min(height, width)


def deviations(tool, height, width):
    """Each pixel's blur, in pixels."""
    s = (distances(tool, height, width) ** 2 - tool.radius**2) / ((tool.radius + 0.25) ** 2 - tool.radius**2)
    s = np.clip(s, 0, 1)
    return (3 * s**2 - 2 * s**3) * 0.025 * tool.strength / 100 * min(height, width)


def formula(tool, pixels):
    """Forty Gaussian blurs, and of each pixel the two that are next to what it should be."""
    wanted = deviations(tool, *pixels.shape[:2])
    steps = np.linspace(0, wanted.max(), 41)
    blurs = [pixels.astype(np.float64)]
    blurs += [cv2.GaussianBlur(blurs[0], (0, 0), step, borderType=cv2.BORDER_REFLECT) for step in steps[1:]]
    position = np.clip(wanted / steps[1], 0, 39.999)[:, :, None]
    exact = np.zeros_like(blurs[0])
    for k, blur in enumerate(blurs):
        exact += blur * np.clip(1 - np.abs(position - k), 0, 1)
    return exact


@every_shape
@pytest.mark.parametrize("size", [(151, 203), (540, 432)])
def test_it_is_near_the_formula(tool, size):
    pixels = scene(*size)

    error = np.abs(tool.apply(pixels) - formula(tool, pixels))

    assert error.mean() < 1
    assert np.percentile(error, 99) < 6


@every_shape
def test_what_is_blurred_in_full_is_a_gaussian(tool):
    pixels = scene(540, 432)
    wanted = deviations(tool, 540, 432)
    full = wanted >= wanted.max() - 1e-9
    exact = cv2.GaussianBlur(pixels.astype(np.float64), (0, 0), wanted.max(), borderType=cv2.BORDER_REFLECT)

    error = np.abs(tool.apply(pixels) - exact)[full]

    assert error.mean() < 0.4
    assert error.max() < 3


@every_shape
@pytest.mark.parametrize("size", [(151, 203), (540, 432), (1, 9), (5, 7)])
def test_what_is_in_focus_is_as_it_was(tool, size):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    sharp = distances(tool, *size) <= tool.radius - 1e-6

    np.testing.assert_array_equal(tool.apply(pixels)[sharp], pixels[sharp])


@every_shape
def test_there_are_no_seams(tool):
    """A sine's amplitude falls smoothly on the way out: nowhere does it jump."""
    y, x = np.mgrid[0:540, 0:432]
    wave = np.rint(128 + 100 * np.sin(x * 0.9 + y * 0.7)).astype(np.uint8)[:, :, None].repeat(3, axis=2)

    blurred = tool.apply(wave)[:, :, 0].astype(np.float64) - 128

    amplitude = np.sqrt(cv2.GaussianBlur(blurred**2, (0, 0), 4))
    assert np.abs(np.diff(amplitude, axis=0)).max() < 6
    assert np.abs(np.diff(amplitude, axis=1)).max() < 6


@every_shape
def test_nothing_rings(tool):
    pixels = np.full((301, 403, 3), 60, np.uint8)
    pixels[:, 200:] = 190

    blurred = tool.apply(pixels)

    assert blurred.min() == 60
    assert blurred.max() == 190


def test_a_bands_angle_is_clockwise_from_horizontal():
    pixels = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)

    sharp = (TiltShift(shape="linear", angle=45, radius=0.05, strength=100).apply(pixels) == pixels).all(axis=2)

    assert sharp[20, 20]  # from the upper left
    assert sharp[180, 180]  # to the lower right
    assert not sharp[20, 180]
