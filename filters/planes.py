"""A video's frames to RGB and back: 8-bit 4:2:0 of BT.709 in limited range, as three planes.

A colour's sample stands for the middle of 2 by 2 pixels, both ways, so that nothing moves. Between samples a colour is
interpolated, as a JPEG's is by its decoder; ffmpeg's own conversions either repeat it and are as fast as these, or cost
ten times as much. Arithmetic is the 16-bit fixed point of `filters.resample`: the same bytes on every processor.
Source: ITU-R BT.709, 3.2 to 3.5.
"""

from typing import NamedTuple

import numpy as np
from numba import int16, njit, types, uint8, void
from numpy.typing import NDArray

from filters.resample import Pixels

Samples = NDArray[np.int16]

RED, BLUE = 0.2126, 0.0722  # of the luma; green is the rest
GREEN = 1 - RED - BLUE
LUMA_RANGE, COLOUR_RANGE = 219, 224  # levels from black to white, and from one end of a colour to the other
BLACK, GREY = 16, 128  # levels of no luma and of no colour
TO_BLUE, TO_RED = 2 * (1 - BLUE) / COLOUR_RANGE, 2 * (1 - RED) / COLOUR_RANGE  # from a colour's level to a channel
ROUNDING_DOWN = 1  # what the upper halves of two or three products lose in all, in their own unit


class Planes(NamedTuple):
    """The planes of a frame. Where a side is odd, its last colours stand for one pixel instead of two."""

    luma: Pixels  # (h, w)
    blue: Pixels  # (ceil(h / 2), ceil(w / 2))
    red: Pixels  # the same


_PIXELS = types.Array(uint8, 2, "C", readonly=True)
_PLANES = types.NamedUniTuple(uint8[:, ::1], 3, Planes)  # type: ignore[no-untyped-call]


def frame_bytes(height: int, width: int) -> int:
    """How many bytes the three planes of a frame have."""
    return height * width + 2 * (-(-height // 2) * -(-width // 2))


def planes_of(frame: Pixels, height: int, width: int) -> Planes:
    """The planes in a raw frame, `frame_bytes` uint8, where they lie one after the other."""
    half = -(-height // 2), -(-width // 2)
    luma, blue, red = np.split(frame, (height * width, height * width + half[0] * half[1]))
    return Planes(luma.reshape(height, width), blue.reshape(half), red.reshape(half))


def rgb_of(frame: bytes | bytearray, height: int, width: int) -> Pixels:
    """A raw frame as (height, width, 3) uint8 RGB."""
    pixels = np.empty((height, width, 3), np.uint8)
    read_planes(planes_of(np.frombuffer(frame, np.uint8), height, width), pixels)
    return pixels


def read_planes(planes: Planes, pixels: Pixels) -> None:
    """Convert to (h, w, 3) uint8 RGB, C-contiguous. Within 0.6 of the formula before it is rounded and clipped."""
    _read(*planes, READ_WEIGHTS, pixels.reshape(pixels.shape[0], -1))


def write_planes(pixels: Pixels, planes: Planes) -> None:
    """Convert (h, w, 3) uint8 RGB, C-contiguous, both sides even. Within 0.55 of the formula before it is rounded."""
    _write(pixels.reshape(pixels.shape[0], -1), WRITE_WEIGHTS, planes)


@njit(inline="always")
def _upper_half(sample: np.int16, weight: np.int16) -> np.int16:
    """The upper half of a 32-bit product, rounded down.

    Weights come as arguments and a sum begins with what is no product, or LLVM multiplies in 64-bit lanes: five times
    as slowly.
    """
    return np.int16((np.int32(sample) * np.int32(weight)) >> 16)


# Reading counts in 1/32 of a level. A luma has 7 bits more, a colour 8 (4 of them from its interpolation), because a
# weight goes up to 2.1 and a product keeps its upper half.
FINE_BITS = 5
MOST = (256 << FINE_BITS) - 1
SAMPLE_BITS = 7


def _read_weights() -> Samples:
    """A luma's gain and base; of red in red and green, of blue in green and blue."""
    of_red, of_blue = ((1 << FINE_BITS + 8) * 255 * step for step in (TO_RED, TO_BLUE))
    gain, base = (1 << FINE_BITS + 9) * 255 / LUMA_RANGE, (1 << FINE_BITS) * (0.5 - BLACK * 255 / LUMA_RANGE)
    weights = [gain, base + ROUNDING_DOWN, of_red, -of_red * RED / GREEN, -of_blue * BLUE / GREEN, of_blue]
    return np.rint(weights).astype(np.int16)


READ_WEIGHTS = _read_weights()


@njit(inline="always")
def _interpolate(near: Pixels, far: Pixels, down: Samples, across: Samples) -> None:
    """A row of colours between two, 3/4 of the way to `near`; then between its own, each as 256 times its distance.

    `down` is for a row and one sample more at each end, where the last is repeated.
    """
    last = near.size
    for x in range(last):
        down[x + 1] = np.int16(np.int16(3) * np.int16(near[x]) + np.int16(far[x])) - np.int16(4 * GREY)
    down[0], down[last + 1] = down[1], down[last]
    for x in range(last):
        most = np.int16(np.int16(3) * down[x + 1])
        across[2 * x] = np.int16(most + down[x]) << 4
        across[2 * x + 1] = np.int16(most + down[x + 2]) << 4


@njit(inline="always")
def _level(fine: np.int16) -> np.uint8:
    """A sum in 1/32 as a level."""
    return np.uint8(min(max(fine, np.int16(0)), np.int16(MOST)) >> FINE_BITS)


@njit(inline="always")
def _mix(luma: Samples, blue: Samples, red: Samples, weights: Samples, channels: Pixels) -> None:
    """A line of luma and colours as lines of red, green and blue. Every int16() keeps LLVM to 16-bit lanes."""
    gain, base, red_in_red, red_in_green = weights[0], weights[1], weights[2], weights[3]
    blue_in_green, blue_in_blue = weights[4], weights[5]
    for x in range(luma.size):
        grey = np.int16(_upper_half(luma[x], gain) + base)
        green = np.int16(grey + _upper_half(blue[x], blue_in_green))
        channels[0, x] = _level(np.int16(grey + _upper_half(red[x], red_in_red)))
        channels[1, x] = _level(np.int16(green + _upper_half(red[x], red_in_green)))
        channels[2, x] = _level(np.int16(grey + _upper_half(blue[x], blue_in_blue)))


@njit(void(_PIXELS, _PIXELS, _PIXELS, int16[::1], uint8[:, ::1]), cache=True)
def _read(lumas: Pixels, blues: Pixels, reds: Pixels, weights: Samples, samples: Pixels) -> None:
    """Line by line: interpolate the colours, mix, interleave."""
    (rows, columns), (height, width) = blues.shape, lumas.shape
    down, luma = np.empty(columns + 2, np.int16), np.empty(width, np.int16)
    blue, red = np.empty(2 * columns, np.int16), np.empty(2 * columns, np.int16)
    channels = np.empty((3, width), np.uint8)
    for y in range(height):
        near, line = y >> 1, samples[y]
        far = min(max(near - 1 + 2 * (y & 1), 0), rows - 1)
        _interpolate(blues[near], blues[far], down, blue)
        _interpolate(reds[near], reds[far], down, red)
        for x in range(width):
            luma[x] = np.int16(lumas[y, x]) << SAMPLE_BITS
        _mix(luma, blue, red, weights, channels)
        for x in range(width):
            line[3 * x], line[3 * x + 1], line[3 * x + 2] = channels[0, x], channels[1, x], channels[2, x]


# Writing counts in 1/64 of a level.
WRITTEN_BITS = 6


def _write_weights() -> Samples:
    """Of red, green and blue, and the base, in luma, blue and red, (3, 4); weights in 1/32768.

    Green takes what rounding left over, so that grey has no colour.
    """
    luma = np.array([RED, GREEN, BLUE])
    ranges = np.array([LUMA_RANGE, 1 / TO_BLUE, 1 / TO_RED]) / 255
    exact = np.stack([luma, np.eye(3)[2] - luma, np.eye(3)[0] - luma]) * ranges[:, None]
    weights = np.rint(32768 * exact)
    weights[:, 1] += np.rint(32768 * exact.sum(axis=1)) - weights.sum(axis=1)
    bases = (np.array([BLACK, GREY, GREY]) + 0.5) * (1 << WRITTEN_BITS) + ROUNDING_DOWN
    return np.column_stack([weights, bases]).astype(np.int16)


WRITE_WEIGHTS = _write_weights()


@njit(inline="always")
def _weigh(channels: Samples, weights: Samples, plane: Pixels) -> None:
    """A line of a plane, of lines of red, green and blue."""
    of_red, of_green, of_blue, base = weights[0], weights[1], weights[2], weights[3]
    red, green, blue = channels[0], channels[1], channels[2]
    for x in range(plane.size):
        one = np.int16(base + _upper_half(red[x], of_red))
        two = np.int16(one + _upper_half(green[x], of_green))
        plane[x] = np.uint8(np.int16(two + _upper_half(blue[x], of_blue)) >> WRITTEN_BITS)


@njit(inline="always")
def _part(line: Pixels, channels: Samples) -> None:
    """A line of pixels as samples of red, of green and of blue."""
    red, green, blue = channels[0], channels[1], channels[2]
    for x in range(red.size):
        red[x] = np.int16(line[3 * x]) << SAMPLE_BITS
        green[x] = np.int16(line[3 * x + 1]) << SAMPLE_BITS
        blue[x] = np.int16(line[3 * x + 2]) << SAMPLE_BITS


@njit(inline="always")
def _average(above: Samples, below: Samples, down: Samples, means: Samples) -> None:
    """The mean of each 2 by 2 samples; `down` is for a line."""
    for x in range(down.size):
        down[x] = np.int16((above[x] >> 2) + (below[x] >> 2))
    for x in range(means.size):
        means[x] = np.int16(down[2 * x] + down[2 * x + 1])


@njit(void(_PIXELS, int16[:, ::1], _PLANES), cache=True)
def _write(samples: Pixels, weights: Samples, planes: Planes) -> None:
    """Two lines at a time: part the channels, weigh them, average them, weigh the means twice."""
    height, width = planes.luma.shape
    above, below = np.empty((3, width), np.int16), np.empty((3, width), np.int16)
    down, means = np.empty(width, np.int16), np.empty((3, width // 2), np.int16)
    for y in range(0, height, 2):
        _part(samples[y], above)
        _part(samples[y + 1], below)
        _weigh(above, weights[0], planes.luma[y])
        _weigh(below, weights[0], planes.luma[y + 1])
        for c in range(3):
            _average(above[c], below[c], down, means[c])
        _weigh(means, weights[1], planes.blue[y >> 1])
        _weigh(means, weights[2], planes.red[y >> 1])
