"""Sharpen: edges of a finished rendition are made steeper. The one tool that counts in pixels of the output."""

from dataclasses import dataclass

import numpy as np
from numba import int16, int32, njit, uint8, void
from numpy.typing import NDArray

from filters.local.coarse import SAMPLES, Pixels, mirrored
from filters.local.luma import add_to_all, luma_of

STRONGEST = 1.5  # times the detail at 100
THRESHOLD = 1.5  # levels of detail that are taken for noise
LIMIT = 40  # levels at most that a pixel changes by: a halo is no edge

UNIT_BITS = 4  # the kernel counts in 1/16 of a level
UNIT = 1 << UNIT_BITS
GAIN_BITS = 13

Samples = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Sharpen:
    """Unsharp masking of the luma, `amount` 0 to 100.

    With Y = (77 R + 150 G + 29 B) / 256 and B its binomial blur of 5 by 5 pixels (1 4 6 4 1, a standard deviation of
    one pixel of the output, whatever its size), the detail d = Y - B moves towards 0 by THRESHOLD levels, which leaves
    noise alone; it is multiplied by STRONGEST * amount / 100, kept within ±LIMIT levels and added to red, green and
    blue alike, so that no edge gets a colour. Whole numbers, in 1/16 of a level: the same bytes on every processor.
    Source: the darkroom's unsharp mask; W. Pratt, "Digital Image Processing", 1978.
    """

    amount: float

    def apply(self, pixels: Pixels) -> Pixels:
        """Sharpen (h, w, 3) uint8 pixels; the very same array at 0."""
        if self.amount == 0:
            return pixels
        height, width, _ = pixels.shape
        sharpened, luma = np.empty_like(pixels, order="C"), np.empty((height, width), np.int16)
        gain = round((1 << GAIN_BITS) * STRONGEST * self.amount / 100)
        _weigh(pixels.reshape(height, -1), luma)
        _sharpen(pixels.reshape(height, -1), luma, gain, sharpened.reshape(height, -1))
        return sharpened


@njit(inline="always")
def _binomial(a: np.int16, b: np.int16, c: np.int16, d: np.int16, e: np.int16) -> np.int32:
    """The weighted mean of five neighbours, rounded."""
    return (np.int32(a + e) + np.int32(4) * np.int32(b + d) + np.int32(6) * np.int32(c) + np.int32(8)) >> np.int32(4)


@njit(inline="always")
def _change(luma: np.int16, blurred: np.int32, gain: int) -> np.int16:
    """By how many levels a pixel changes."""
    detail = np.int32(luma) - np.int32(blurred)
    over = max(detail - np.int32(THRESHOLD * UNIT), np.int32(0)) + min(detail + np.int32(THRESHOLD * UNIT), np.int32(0))
    level = ((over * gain >> np.int32(GAIN_BITS)) + np.int32(UNIT // 2)) >> np.int32(UNIT_BITS)
    return np.int16(min(max(level, np.int32(-LIMIT)), np.int32(LIMIT)))


@njit(void(SAMPLES, int16[:, ::1]), cache=True)
def _weigh(samples: Pixels, luma: Samples) -> None:
    """The luma of every pixel."""
    for y in range(luma.shape[0]):
        line, row = samples[y], luma[y]
        for x in range(row.size):
            row[x] = np.int16((luma_of(line[3 * x], line[3 * x + 1], line[3 * x + 2]) + np.int32(8)) >> np.int32(4))


@njit(void(SAMPLES, int16[:, ::1], int32, uint8[:, ::1]), cache=True)
def _sharpen(samples: Pixels, luma: Samples, gain: int, sharpened: Pixels) -> None:
    """Row by row: blur down, blur along, compare, add."""
    height, width = luma.shape
    padded = np.empty(width + 4, np.int16)
    changes = np.empty(width, np.int16)
    for y in range(height):
        a, b, c = luma[mirrored(y - 2, height)], luma[mirrored(y - 1, height)], luma[y]
        d, e = luma[mirrored(y + 1, height)], luma[mirrored(y + 2, height)]
        middle = padded[2 : width + 2]
        for x in range(width):
            middle[x] = np.int16(_binomial(a[x], b[x], c[x], d[x], e[x]))
        padded[0], padded[1] = middle[mirrored(-2, width)], middle[mirrored(-1, width)]
        padded[width + 2], padded[width + 3] = middle[mirrored(width, width)], middle[mirrored(width + 1, width)]
        for x in range(width):
            blurred = _binomial(padded[x], padded[x + 1], padded[x + 2], padded[x + 3], padded[x + 4])
            changes[x] = _change(c[x], blurred, gain)
        add_to_all(samples[y], changes, sharpened[y])
