"""A colour conversion that is a curve a channel, a 3x3 matrix, then one curve for all."""

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

STEPS = 1 << 14  # of light, in the closing curve: a fifth of a level each where sRGB is steepest, and it fits a cache

_PIXELS = types.Array(types.uint8, 3, "C")
_SOURCE = types.Array(types.uint8, 3, "C", readonly=True)
_FACTORS = types.Array(types.float32, 2, "C", readonly=True)
_ENCODE = types.Array(types.uint8, 1, "C", readonly=True)


@njit(_PIXELS(_SOURCE, _FACTORS, _FACTORS, _ENCODE), cache=True)
def apply_matrix_curve(
    pixels: NDArray[np.uint8], curves: NDArray[np.float32], matrix: NDArray[np.float32], encode: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Convert (h, w, 3) uint8 pixels to a new array of the same shape.

    `curves`, (3, 256), gives the light, 0 to 1, of each byte of each channel; `matrix`, (3, 3), goes from that light
    to the target's; `encode`, (STEPS,), gives the byte for each step of it. Light outside of 0 to 1 is clipped.
    """
    height, width, _ = pixels.shape
    converted = np.empty_like(pixels)
    # A row at a time, one plane a channel, so that the arithmetic between the look-ups runs on whole vectors.
    light = np.empty((3, width), np.float32)
    step = np.empty((3, width), np.uint16)
    most = np.float32(STEPS - 1)
    for y in range(height):
        for x in range(width):
            light[0, x] = curves[0, pixels[y, x, 0]]
            light[1, x] = curves[1, pixels[y, x, 1]]
            light[2, x] = curves[2, pixels[y, x, 2]]
        for channel in range(3):
            red, green, blue = matrix[channel] * most
            for x in range(width):
                mixed = red * light[0, x] + green * light[1, x] + blue * light[2, x] + np.float32(0.5)
                step[channel, x] = np.int32(min(max(mixed, np.float32(0)), most))
        for x in range(width):
            converted[y, x, 0] = encode[step[0, x]]
            converted[y, x, 1] = encode[step[1, x]]
            converted[y, x, 2] = encode[step[2, x]]
    return converted
