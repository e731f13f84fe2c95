"""Rows of a kernel that works on the detail: what it reads, the base layer, a change that is limited softly.

Such a kernel is compiled with `error_model="numpy"`: a division that could raise would keep it from whole vectors.
"""

import numpy as np
from numba import njit

from filters.local.base import Base
from filters.local.coarse import Pixels, Plane, between
from filters.local.luma import luma_of


@njit(inline="always")
def read_row(line: Pixels, luma: Plane, brightest: Plane) -> None:
    """The luma and the brightest channel of each pixel of a row, in levels."""
    for x in range(luma.size):
        red, green, blue = line[3 * x], line[3 * x + 1], line[3 * x + 2]
        luma[x] = np.float32(luma_of(red, green, blue)) * np.float32(1 / 256)
        brightest[x] = np.float32(max(red, green, blue))


@njit(inline="always")
def base_row(base: Base, y: int, luma: Plane, row: Plane) -> None:
    """The base layer of row `y`, in levels."""
    top, bottom, share = base.rows.first[y], base.rows.second[y], base.rows.share[y]
    slope_above, slope_below = base.slopes[top], base.slopes[bottom]
    offset_above, offset_below = base.offsets[top], base.offsets[bottom]
    for x in range(row.size):
        slope = between(slope_above[x], slope_below[x], share)
        row[x] = slope * luma[x] + between(offset_above[x], offset_below[x], share)


@njit(inline="always")
def limited(change: np.float32, up: np.float32, down: np.float32, most: np.float32) -> np.float32:
    """A change that comes near to `most`, and to the room there is `up` or `down`, but never over: 1/Σ(1/x)."""
    room = up if change > np.float32(0) else down
    size = abs(change)
    return change * room * most / (room * most + size * (room + most) + np.float32(1e-6))
