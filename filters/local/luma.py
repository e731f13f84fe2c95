"""The luma of a pixel, and changing it without a change of colour.

Y = (77 R + 150 G + 29 B) / 256. Source: ITU-R BT.601, with weights that a whole number of 1/256 can say.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

RED, GREEN, BLUE = 77, 150, 29  # of 256


@njit(inline="always")
def luma_of(red: int, green: int, blue: int) -> np.int32:
    """The luma in 1/256 of a level."""
    return np.int32(RED) * np.int32(red) + np.int32(GREEN) * np.int32(green) + np.int32(BLUE) * np.int32(blue)


@njit(inline="always")
def add_to_all(line: NDArray[np.uint8], changes: NDArray[np.int16], changed: NDArray[np.uint8]) -> None:
    """Add a pixel's change, in levels, to its red, green and blue; lines are (3 * width,)."""
    for x in range(changes.size):
        for c in range(3):
            sample = np.int16(np.int16(line[3 * x + c]) + changes[x])
            changed[3 * x + c] = np.uint8(min(max(sample, np.int16(0)), np.int16(255)))
