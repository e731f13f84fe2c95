"""A colour conversion that is a curve a channel, a 3x3 matrix, then one curve for all."""

import numpy as np
from numba import int64, njit, types, uint8
from numpy.typing import NDArray

STEPS = 1 << 14  # of light, in the closing curve: a fifth of a level each where sRGB is steepest

# A word holds the light of three channels, 21 bits each, in quarters of a step: 32 times the light there is.
FIELD_BITS, FRACTION_BITS = 21, 2
MOST_LIGHT = 5.0  # of one channel through the matrix: real colour spaces stay below 2.1, and the sum of three must fit

_SOURCE = types.Array(uint8, 1, "C", readonly=True)


def apply_matrix_curve(
    pixels: NDArray[np.uint8], curves: NDArray[np.float32], matrix: NDArray[np.float32], encode: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Convert (h, w, 3) uint8 pixels to a new array of the same shape.

    `curves`, (3, 256), gives the light, 0 to 1, of each byte of each channel; `matrix`, (3, 3), goes from that light
    to the target's; `encode`, (STEPS,), gives the byte for each step of it. Light outside of 0 to 1 is clipped.
    """
    # (target, source, byte): what each byte adds to each target channel, in the fields' unit.
    added = np.clip(matrix[:, :, None] * curves[None], -MOST_LIGHT, MOST_LIGHT) * ((STEPS - 1) << FRACTION_BITS)
    shares: NDArray[np.int64] = np.rint(added).astype(np.int64)
    darkest = shares.min(axis=2).sum(axis=1).min() >> FRACTION_BITS << FRACTION_BITS  # a whole step
    brightest = shares.max(axis=2).sum(axis=1).max()
    shares[:, 0] += (1 << FRACTION_BITS >> 1) - darkest  # rounds, and keeps every sum above zero
    words = (shares << (FIELD_BITS * np.arange(3))[:, None, None]).sum(axis=0)
    steps = np.arange(darkest >> FRACTION_BITS, (brightest >> FRACTION_BITS) + 2)
    converted = np.empty_like(pixels, order="C")
    _convert(pixels.reshape(-1), words, encode[np.clip(steps, 0, STEPS - 1)], converted.reshape(-1))
    return converted


@njit(types.void(_SOURCE, int64[:, ::1], uint8[::1], uint8[::1]), cache=True)
def _convert(
    samples: NDArray[np.uint8], words: NDArray[np.int64], tones: NDArray[np.uint8], converted: NDArray[np.uint8]
) -> None:
    """Add up what the three bytes of a pixel give to the three channels at once, and look each sum up."""
    red, green, blue = words[0], words[1], words[2]
    mask = np.uint64((1 << FIELD_BITS - FRACTION_BITS) - 1)
    for i in range(samples.size // 3):
        light = np.uint64(red[samples[3 * i]] + green[samples[3 * i + 1]] + blue[samples[3 * i + 2]])
        converted[3 * i] = tones[(light >> np.uint64(FRACTION_BITS)) & mask]
        converted[3 * i + 1] = tones[(light >> np.uint64(FRACTION_BITS + FIELD_BITS)) & mask]
        converted[3 * i + 2] = tones[(light >> np.uint64(FRACTION_BITS + 2 * FIELD_BITS)) & mask]
