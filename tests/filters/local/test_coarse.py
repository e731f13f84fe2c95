"""The coarse copy, its blur and its enlargement against OpenCV's in double precision."""

from math import ceil

import cv2
import numpy as np
import pytest

from filters.local.coarse import LARGEST_BLOCK, coarsen, ramp, smooth, widen


def noise(height, width):
    return np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("times", [1, 2, 3, 8])
def test_blocks_are_means_by_area(times):
    pixels = noise(5 * times, 7 * times)
    exact = cv2.resize(pixels.astype(np.float64), (7, 5), interpolation=cv2.INTER_AREA)

    np.testing.assert_allclose(coarsen(pixels, times), exact.reshape(5, 21), rtol=1e-6)


@pytest.mark.parametrize(("height", "width", "times"), [(5, 7, 2), (1, 1, 8), (61, 45, 4), (3, 100, 16), (271, 33, 2)])
def test_a_side_that_is_no_multiple_is_covered_completely(height, width, times):
    coarse = coarsen(np.full((height, width, 3), (1, 100, 255), np.uint8), times)

    np.testing.assert_allclose(coarse.reshape(-1, 3), [[1, 100, 255]] * (coarse.size // 3), rtol=1e-6)
    assert abs(coarse.shape[0] - height / times) <= 1.5
    assert abs(coarse.shape[1] / 3 - width / times) <= 1.5


def test_the_largest_block_does_not_overflow():
    white = np.full((2 * LARGEST_BLOCK + 1, LARGEST_BLOCK, 3), 255, np.uint8)

    assert coarsen(white, LARGEST_BLOCK).min() > 254.99


@pytest.mark.parametrize("sigma", [0.3, 1.2, 4.7])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (40, 3), (37, 53)])
def test_blur_is_gaussian_and_mirrors_at_the_edges(size, sigma):
    plane = noise(*size).astype(np.float32)
    margin = ceil(3 * sigma)
    padded = np.pad(plane.astype(np.float64), ((margin,) * 2, (margin,) * 2, (0, 0)), mode="symmetric")
    exact = cv2.GaussianBlur(padded, (2 * margin + 1,) * 2, sigma)[margin : margin + size[0], margin : margin + size[1]]

    blurred = smooth(plane.reshape(size[0], -1), sigma, channels=3)

    np.testing.assert_allclose(blurred, exact.reshape(size[0], -1), atol=0.01)


@pytest.mark.parametrize(
    ("coarse", "full"), [((5, 7), (20, 28)), ((5, 7), (13, 31)), ((1, 1), (4, 3)), ((6, 9), (6, 9))]
)
def test_enlarging_is_bilinear(coarse, full):
    plane = noise(*coarse).astype(np.float32)
    exact = cv2.resize(plane.astype(np.float64), full[::-1], interpolation=cv2.INTER_LINEAR)

    wide = widen(plane.reshape(coarse[0], -1), full[1], channels=3)
    first, second, share = ramp(full[0], coarse[0])
    enlarged = wide[first] + share[:, None] * (wide[second] - wide[first])

    np.testing.assert_allclose(enlarged, exact.reshape(full[0], -1), atol=0.01)
