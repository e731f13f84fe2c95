"""A picture's base layer: its luma without texture, but with its edges. What is left over is the detail.

The base is a straight line of the luma, B = slope * Y + offset, whose two numbers change slowly, so that they are found
on a coarse copy: where the luma varies little around a pixel (slope near 0) the base is its mean, at an edge (slope
near 1) it is the luma itself, so that no halo grows along it.

Source: K. He, J. Sun, X. Tang, "Guided Image Filtering", ECCV 2010, with Gaussian windows; K. He, J. Sun, "Fast Guided
Filter", 2015.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, types

from filters.local.coarse import RAMP, Pixels, Plane, Ramp, coarsen, ramp, smooth, widen
from filters.local.luma import BLUE, GREEN, RED

SHORTER = 135  # pixels of the coarse copy's shorter side at least: 1080 pixels are reduced 8 times
SIGMA = 1 / 60  # of the window's Gaussian, as a share of the shorter side: 18 pixels of 1080
TEXTURE = 20.0  # levels: a standard deviation of this size is half texture, half edge


class Base(NamedTuple):
    """The base layer's line at each pixel: between two rows of each plane, as `rows` tells."""

    slopes: Plane  # (rows, w), 0 to 1
    offsets: Plane  # (rows, w), in levels
    rows: Ramp


_PLANE = float32[:, ::1]
BASE = types.NamedTuple((_PLANE, _PLANE, RAMP), Base)  # type: ignore[no-untyped-call]


def coarse_luma(pixels: Pixels) -> Plane:
    """The luma, in levels, of a copy whose shorter side has about SHORTER pixels, (rows, columns)."""
    means = coarsen(pixels, max(1, min(pixels.shape[:2]) // SHORTER))
    return (means[:, 0::3] * RED + means[:, 1::3] * GREEN + means[:, 2::3] * BLUE) / np.float32(256)


def find_base(luma: Plane, height: int, width: int) -> Base:
    """The base layer of a picture of `height` by `width` pixels with this coarse luma."""
    sigma = SIGMA * min(luma.shape)
    mean = smooth(luma, sigma, channels=1)
    variance: Plane = np.maximum(smooth(luma * luma, sigma, channels=1) - mean * mean, np.float32(0))
    slope: Plane = variance / (variance + np.float32(TEXTURE**2))
    slopes, offsets = (smooth(plane, sigma, channels=1) for plane in (slope, (1 - slope) * mean))
    return Base(widen(slopes, width, channels=1), widen(offsets, width, channels=1), ramp(height, len(luma)))
