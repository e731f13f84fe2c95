"""A coarse copy of a picture, for what is wide and smooth: made by area, blurred, and enlarged by interpolation.

Enlarging goes first along the rows, `widen`, on the few rows of the copy, and then down the columns within the kernel
that needs the values, `between`, so that a pixel costs two reads and one multiplication in whole vectors.

Arithmetic is float32, in sums, products and quotients that are rounded one by one as IEEE 754 has it, and in one order:
it gives the same bytes on every processor.
"""

from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np
from numba import float32, int64, njit, types, uint8, uint32, void
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]  # (rows, columns * channels), in levels
Indices = NDArray[np.uint32]
SAMPLES = types.Array(uint8, 2, "C", readonly=True)  # (h, w * 3)
PLANE = types.Array(float32, 2, "C", readonly=True)

STEADY = 1 << 20  # the last bit of an exponential differs between processors: what is rounded to 1/STEADY does not
LARGEST_BLOCK = 256  # pixels along a side: the sum of a block's column has 16 bits
REACH = 3.0  # of a Gaussian, in standard deviations: what is cut off weighs 0.3%


class Ramp(NamedTuple):
    """Where a side's samples lie in a coarser side: between sample `first` and `second`, `share` of the way."""

    first: Indices  # (size,)
    second: Indices  # (size,): the next, or the same at the end
    share: Plane  # (size,), 0 to 1


RAMP = types.NamedTuple((uint32[::1], uint32[::1], float32[::1]), Ramp)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=64)
def ramp(size: int, coarse_size: int, *, channels: int = 1) -> Ramp:
    """Linear interpolation from `coarse_size` pixels to `size`; both cover the same length, ends are repeated.

    With `channels` it tells of samples instead of pixels.
    """
    positions = np.clip((np.arange(size) + 0.5) * coarse_size / size - 0.5, 0, coarse_size - 1)
    first = np.floor(positions)
    second = np.minimum(first + 1, coarse_size - 1)
    share = np.repeat(positions - first, channels).astype(np.float32)
    return Ramp(_samples(first, channels), _samples(second, channels), share)


def _samples(pixels: NDArray[np.float64], channels: int) -> Indices:
    """Where the pixels' samples lie. Unsigned, because an index that may be negative costs a kernel a comparison."""
    return (channels * pixels[:, None] + np.arange(channels)).astype(np.uint32).reshape(-1)


def coarsen(pixels: Pixels, times: int) -> Plane:
    """The means of blocks of about `times` by `times` pixels: (h, w, 3) uint8 to (rows, 3 * columns) levels.

    `times` is 1 to LARGEST_BLOCK. Where a side is no multiple of `times`, some blocks are a pixel longer or shorter.
    """
    height, width, _ = pixels.shape
    if times == 1:
        return pixels.reshape(height, -1).astype(np.float32)
    down, across = _edges(height, times), _edges(width, times)
    means = np.empty((down.size - 1, 3 * (across.size - 1)), np.float32)
    _average(pixels.reshape(height, -1), down, across, means)
    return means


def smooth(plane: Plane, sigma: float, *, channels: int) -> Plane:
    """A Gaussian blur with a standard deviation of `sigma` samples, beyond the edges mirrored: nothing gets darker."""
    distances = np.arange(ceil(REACH * sigma) + 1)
    weights = np.exp(-0.5 * (distances / max(sigma, 1e-3)) ** 2)
    smoothed = np.empty_like(plane)
    _convolve(plane, steady(weights / (weights[0] + 2 * weights[1:].sum())), channels, smoothed)
    return smoothed


def steady(numbers: NDArray[np.float64]) -> Plane:
    """The numbers in float32, of any shape, the same on every processor."""
    return (np.rint(numbers * STEADY) / STEADY).astype(np.float32)


def widen(plane: Plane, width: int, *, channels: int) -> Plane:
    """Enlarge along the rows only: (rows, columns * channels) to (rows, width * channels)."""
    wide = np.empty((plane.shape[0], width * channels), np.float32)
    _widen(plane, ramp(width, plane.shape[1] // channels, channels=channels), wide)
    return wide


def _edges(size: int, times: int) -> NDArray[np.int64]:
    """Where each block begins and the last ends, (blocks + 1,), the same from both ends.

    An odd side has an odd number of blocks, because it has no edge in its middle.
    """
    blocks = max(1, round(size / times))
    blocks += size % 2 * (1 - blocks % 2)
    edges = np.floor(np.arange(blocks + 1) * size / blocks + 0.5).astype(np.int64)
    half = (blocks + 1) // 2
    edges[blocks + 1 - half :] = size - edges[:half][::-1]
    return edges


@njit(inline="always")
def between(top: np.float32, bottom: np.float32, share: np.float32) -> np.float32:
    """What lies `share` of the way from `top` to `bottom`."""
    return top + share * (bottom - top)


@njit(inline="always")
def mirrored(at: int, size: int) -> int:
    """The sample that stands for the one at `at`, which may lie any distance outside of 0 to size - 1."""
    at %= 2 * size
    return min(at, 2 * size - 1 - at)


@njit(void(SAMPLES, int64[::1], int64[::1], float32[:, ::1]), cache=True, error_model="numpy")
def _average(samples: Pixels, down: NDArray[np.int64], across: NDArray[np.int64], means: Plane) -> None:
    """Add up the rows of a block, then its columns."""
    sums = np.empty(samples.shape[1], np.uint16)
    for row in range(down.size - 1):
        sums[:] = 0
        for y in range(down[row], down[row + 1]):
            line = samples[y]
            for i in range(sums.size):
                sums[i] += line[i]
        rows, mean = down[row + 1] - down[row], means[row]
        for column in range(across.size - 1):
            left, right = np.uint64(across[column]), np.uint64(across[column + 1])
            red = green = blue = np.uint32(0)
            for x in range(left, right):
                red += sums[3 * x]
                green += sums[3 * x + 1]
                blue += sums[3 * x + 2]
            part = np.float32(1) / np.float32(rows * (right - left))
            mean[3 * column] = np.float32(red) * part
            mean[3 * column + 1] = np.float32(green) * part
            mean[3 * column + 2] = np.float32(blue) * part


@njit(inline="always")
def _scale(line: Plane, weight: np.float32, scaled: Plane) -> None:
    """A row times a weight."""
    for i in range(line.size):
        scaled[i] = weight * line[i]


@njit(inline="always")
def _add_pairs(middle: Plane, weight: np.float32, before: Plane, after: Plane) -> None:
    """Add two neighbours at the same distance to what lies in the middle."""
    for i in range(middle.size):
        middle[i] += weight * (before[i] + after[i])


@njit(inline="always")
def _pad(padded: Plane, margin: int, channels: int) -> None:
    """Fill both margins of a row with its mirror image."""
    samples = padded.size - 2 * margin
    columns = samples // channels
    for x in range(margin // channels):
        left, right = mirrored(x - margin // channels, columns), mirrored(columns + x, columns)
        for c in range(channels):
            padded[channels * x + c] = padded[margin + channels * left + c]
            padded[margin + samples + channels * x + c] = padded[margin + channels * right + c]


@njit(void(PLANE, float32[::1], int64, float32[:, ::1]), cache=True)
def _convolve(plane: Plane, weights: Plane, channels: int, smoothed: Plane) -> None:
    """Blend rows with those above and below, then each row with itself moved left and right."""
    rows, samples = plane.shape
    margin = channels * (weights.size - 1)
    padded = np.empty(samples + 2 * margin, np.float32)
    middle = padded[margin : margin + samples]
    for y in range(rows):
        _scale(plane[y], weights[0], middle)
        for k in range(1, weights.size):
            _add_pairs(middle, weights[k], plane[mirrored(y - k, rows)], plane[mirrored(y + k, rows)])
        _pad(padded, margin, channels)
        _scale(middle, weights[0], smoothed[y])
        for k in range(1, weights.size):
            _add_pairs(smoothed[y], weights[k], padded[margin - channels * k :], padded[margin + channels * k :])


@njit(inline="always")
def widen_row(line: Plane, across: Ramp, wide: Plane) -> None:
    """Enlarge one row."""
    first, second, share = across
    for i in range(wide.size):
        wide[i] = between(line[first[i]], line[second[i]], share[i])


@njit(void(PLANE, RAMP, float32[:, ::1]), cache=True)
def _widen(plane: Plane, across: Ramp, wide: Plane) -> None:
    """Enlarge every row."""
    for y in range(plane.shape[0]):
        widen_row(plane[y], across, wide[y])
