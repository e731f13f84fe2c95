"""A video's frames to RGB and back: 8-bit 4:2:0 of BT.709 in limited range, as three planes.

A colour's sample stands for the middle of 2 by 2 pixels, both ways, so that nothing moves. Between samples a colour is
interpolated, as a JPEG's is by its decoder; ffmpeg's own conversions either repeat it and are as fast as these, or cost
ten times as much. Arithmetic is the 16-bit fixed point of `filters.resample`: the same bytes on every processor.
Source: ITU-R BT.709, 3.2 to 3.5.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types, uint8, void
from numpy.typing import NDArray

from filters.resample import Pixels

Samples = NDArray[np.int16]
Weights = tuple[np.int16, np.int16, np.int16]

RED, BLUE = 0.2126, 0.0722  # of the luma; green is the rest
GREEN = 1 - RED - BLUE
LUMA_RANGE, COLOUR_RANGE = 219, 224  # levels from black to white, and from one end of a colour to the other
BLACK, GREY = 16, 128  # levels of no luma and of no colour
TO_BLUE, TO_RED = 2 * (1 - BLUE) / COLOUR_RANGE, 2 * (1 - RED) / COLOUR_RANGE  # from a colour's level to a channel
ROUNDING_DOWN = 1  # what the upper halves of two or three products lose in all, in the unit that they are in


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
    _read(*planes, pixels.reshape(pixels.shape[0], -1))


def write_planes(pixels: Pixels, planes: Planes) -> None:
    """Convert (h, w, 3) uint8 RGB, C-contiguous, both sides even. Within 0.55 of the formula before it is rounded."""
    _write(pixels.reshape(pixels.shape[0], -1), planes)


@njit(inline="always")
def _upper_half(sample: np.int16, weight: np.int16) -> np.int16:
    """The upper half of a 32-bit product, rounded down."""
    return np.int16((np.int32(sample) * np.int32(weight)) >> 16)


# Reading counts in 1/32 of a level. A luma has 7 bits more, a colour 8 (4 of them from its interpolation), because a
# weight goes up to 2.1 and a product keeps its upper half.
FINE_BITS = 5
MOST = (256 << FINE_BITS) - 1
LUMA_GAIN = round((1 << FINE_BITS + 9) * 255 / LUMA_RANGE)
BLUE_GAIN, RED_GAIN = (round((1 << FINE_BITS + 8) * 255 * step) for step in (TO_BLUE, TO_RED))
GREEN_BY_BLUE, GREEN_BY_RED = round(-BLUE_GAIN * BLUE / GREEN), round(-RED_GAIN * RED / GREEN)
READ_BASE = round((1 << FINE_BITS) * (0.5 - BLACK * 255 / LUMA_RANGE)) + ROUNDING_DOWN


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
def _mix(luma: Pixels, blue: Samples, red: Samples, channels: Pixels) -> None:
    """A line of luma and colours as lines of red, green and blue. Every int16() keeps LLVM to 16-bit lanes."""
    for x in range(luma.size):
        grey = np.int16(_upper_half(np.int16(luma[x]) << 7, np.int16(LUMA_GAIN)) + np.int16(READ_BASE))
        green = np.int16(grey + _upper_half(blue[x], np.int16(GREEN_BY_BLUE)))
        channels[0, x] = _level(np.int16(grey + _upper_half(red[x], np.int16(RED_GAIN))))
        channels[1, x] = _level(np.int16(green + _upper_half(red[x], np.int16(GREEN_BY_RED))))
        channels[2, x] = _level(np.int16(grey + _upper_half(blue[x], np.int16(BLUE_GAIN))))


@njit(void(_PIXELS, _PIXELS, _PIXELS, uint8[:, ::1]), cache=True)
def _read(luma: Pixels, blues: Pixels, reds: Pixels, samples: Pixels) -> None:
    """Line by line: interpolate the colours, mix, interleave."""
    (rows, columns), (height, width) = blues.shape, luma.shape
    down = np.empty(columns + 2, np.int16)
    blue, red = np.empty(2 * columns, np.int16), np.empty(2 * columns, np.int16)
    channels = np.empty((3, width), np.uint8)
    for y in range(height):
        near, line = y >> 1, samples[y]
        far = min(max(near - 1 + 2 * (y & 1), 0), rows - 1)
        _interpolate(blues[near], blues[far], down, blue)
        _interpolate(reds[near], reds[far], down, red)
        _mix(luma[y], blue, red, channels)
        for x in range(width):
            line[3 * x], line[3 * x + 1], line[3 * x + 2] = channels[0, x], channels[1, x], channels[2, x]


# Writing counts in 1/64 of a level; a sample has 7 bits more.
SAMPLE_BITS = 7
WRITTEN_BITS = 6
ROUNDING = (1 << WRITTEN_BITS - 1) + ROUNDING_DOWN


def _fixed(red: float, blue: float, total: float) -> Weights:
    """Weights of red, green and blue in 1/32768. Green takes what rounding left over, so that grey has no colour."""
    first, last = round(32768 * red), round(32768 * blue)
    return np.int16(first), np.int16(round(32768 * total) - first - last), np.int16(last)


OF_LUMA = _fixed(RED * LUMA_RANGE / 255, BLUE * LUMA_RANGE / 255, LUMA_RANGE / 255)
OF_BLUE = _fixed(-RED / TO_BLUE / 255, (1 - BLUE) / TO_BLUE / 255, 0)
OF_RED = _fixed((1 - RED) / TO_RED / 255, -BLUE / TO_RED / 255, 0)


@njit(inline="always")
def _weigh(red: np.int16, green: np.int16, blue: np.int16, weights: Weights, base: int) -> np.uint8:
    """A weighted sum of three samples, from a base level."""
    two = np.int16(_upper_half(red, weights[0]) + _upper_half(green, weights[1]))
    fine = np.int16(np.int16(two + _upper_half(blue, weights[2])) + np.int16((base << WRITTEN_BITS) + ROUNDING))
    return np.uint8(fine >> WRITTEN_BITS)


@njit(inline="always")
def _part(line: Pixels, channels: Samples) -> None:
    """A line of pixels as samples of red, of green and of blue."""
    red, green, blue = channels[0], channels[1], channels[2]
    for x in range(red.size):
        red[x] = np.int16(line[3 * x]) << SAMPLE_BITS
        green[x] = np.int16(line[3 * x + 1]) << SAMPLE_BITS
        blue[x] = np.int16(line[3 * x + 2]) << SAMPLE_BITS


@njit(inline="always")
def _write_luma(channels: Samples, luma: Pixels) -> None:
    """The luma of a line."""
    red, green, blue = channels[0], channels[1], channels[2]
    for x in range(luma.size):
        luma[x] = _weigh(red[x], green[x], blue[x], OF_LUMA, BLACK)


@njit(inline="always")
def _average(above: Samples, below: Samples, down: Samples, means: Samples) -> None:
    """The mean of each 2 by 2 samples; `down` is for a line."""
    for x in range(down.size):
        down[x] = np.int16((above[x] >> 2) + (below[x] >> 2))
    for x in range(means.size):
        means[x] = np.int16(down[2 * x] + down[2 * x + 1])


@njit(void(_PIXELS, _PLANES), cache=True)
def _write(samples: Pixels, planes: Planes) -> None:
    """Two lines at a time: part the channels, weigh them, average them, weigh the means twice."""
    height, width = planes.luma.shape
    above, below = np.empty((3, width), np.int16), np.empty((3, width), np.int16)
    down, means = np.empty(width, np.int16), np.empty((3, width // 2), np.int16)
    for y in range(0, height, 2):
        _part(samples[y], above)
        _part(samples[y + 1], below)
        _write_luma(above, planes.luma[y])
        _write_luma(below, planes.luma[y + 1])
        for c in range(3):
            _average(above[c], below[c], down, means[c])
        blue, red = planes.blue[y >> 1], planes.red[y >> 1]
        for x in range(width // 2):
            blue[x] = _weigh(means[0, x], means[1, x], means[2, x], OF_BLUE, GREY)
            red[x] = _weigh(means[0, x], means[1, x], means[2, x], OF_RED, GREY)
