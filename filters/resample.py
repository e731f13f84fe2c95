"""Reduce a picture with a separable Lanczos filter and turn it upright in the same go.

Two passes of one kernel, `blend`: down the columns, then, on the turned result, along the rows. Turning is part of the
work anyway, so that EXIF's eight orientations cost nothing: mirroring is a reversed filter table, and the transposing
ones skip the second turn. The picture goes through in bands that stay in the processor's cache.

Arithmetic is 16-bit fixed point, because a multiplication that keeps the upper half of its product (`pmulhw`) does
sixteen samples in one instruction, and because integers give the same bytes on every processor.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import cv2
import numpy as np
from numba import boolean, int16, int32, int64, njit, types, uint8, void
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Samples = NDArray[np.int16]
Words = NDArray[np.int64]
Table = tuple[NDArray[np.int32], Samples]  # for each reduced sample: the first source sample, and the weights
_SOURCE = types.Array(uint8, 2, "C", readonly=True)
_TABLE = types.Tuple((int32[::1], int16[:, ::1]))  # type: ignore[no-untyped-call]

LOBES = 3
WEIGHT_ONE = 1 << 15
ROUNDING = 1e-6  # of a pixel: what a box's edges may be off by what they were computed with
BAND = 128  # rows of a band at most: 1.5 MB for a picture 2,000 wide
STRIP = 768  # samples of the columns' pass at a time: a band's source rows fit the second-level cache
COLUMNS_TILE = 16  # rows that are turned together
ROWS_TILE = 32

MIRRORED = frozenset({2, 3, 7, 8})  # the stored columns come out in reverse
FLIPPED = frozenset({3, 4, 6, 7})  # the stored rows come out in reverse
TRANSPOSED = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, kw_only=True)
class Box:
    """A part of a picture, in pixels of the stored orientation. It may begin and end between two pixels."""

    top: float
    left: float
    height: float
    width: float


def resample(pixels: Pixels, height: int, width: int, *, orientation: int = 1, box: Box | None = None) -> Pixels:
    """Reduce to `height` by `width` upright pixels; what is more than the picture (or its `box`) has, is interpolated.

    `pixels` is (h, w, 3) uint8, C-contiguous, as stored; `orientation` is EXIF's 1-8; the result is (height, width, 3)
    uint8, the very same array where there is nothing to do. Lanczos with three lobes, stretched by the reduction,
    weights normalised. Within one level of the formula up to 16 times; beyond, the rounding of ever more taps adds up,
    to at most 1 + times / 32 levels.
    Source: C. Duchon, "Lanczos Filtering in One and Two Dimensions", 1979.
    """
    box = box or Box(top=0, left=0, height=pixels.shape[0], width=pixels.shape[1])
    transposed = orientation in TRANSPOSED
    rows, columns = (width, height) if transposed else (height, width)
    if (rows, columns) == (box.height, box.width):
        top, left = int(box.top), int(box.left)  # half a pixel aside, but every pixel as it is
        part = pixels[top : top + rows, left : left + columns]
        return turn(part, orientation)
    down = filter_table(box.height, rows, box.top, reverse=orientation in FLIPPED)
    across = filter_table(box.width, columns, box.left % 1, reverse=orientation in MIRRORED)
    upright = np.empty((height, width, 3), np.uint8)
    _reduce(
        pixels.reshape(pixels.shape[0], -1), 3 * int(box.left), down, across, transposed, upright.reshape(height, -1)
    )
    return upright


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """A view of the pixels as a person sees them; `orientation` is EXIF's 1-8."""
    pixels = pixels[:: -1 if orientation in FLIPPED else 1, :: -1 if orientation in MIRRORED else 1]
    return pixels.swapaxes(0, 1) if orientation in TRANSPOSED else pixels


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """The same as an array of its own, C-contiguous; the very same where there is nothing to do.

    OpenCV's copies are six to fifty times as fast as NumPy's of such a view.
    """
    flipped, mirrored = orientation in FLIPPED, orientation in MIRRORED
    if flipped or mirrored:
        pixels = np.asarray(cv2.flip(pixels, -1 if flipped and mirrored else int(mirrored)), np.uint8)
    return np.ascontiguousarray(cv2.transpose(pixels) if orientation in TRANSPOSED else pixels, np.uint8)


@lru_cache(maxsize=64)
def filter_table(size: float, reduced: int, offset: float, *, reverse: bool) -> Table:
    """For each of `reduced` samples: the first of the source samples that count, and their weights in 1/32768.

    The `size` source samples begin at `offset`, perhaps in the middle of one, and may end in the middle of one. Returns
    starts (reduced,) int32 and weights (reduced, taps) int16.
    """
    ratio = size / reduced
    stretch = max(1.0, ratio)  # what is enlarged is interpolated: between two pixels there is no more to see
    whole, part = divmod(offset, 1)
    touched = ceil(part + size - ROUNDING)
    taps = min(touched if size % 1 else int(size), ceil(2 * LOBES * stretch))
    centres = part + (np.arange(reduced) + 0.5) * ratio
    starts = np.clip(np.rint(centres - taps / 2), 0, touched - taps).astype(np.int32)
    distances = (starts[:, None] + np.arange(taps) + 0.5 - centres[:, None]) / stretch
    weights = fixed_point(np.where(abs(distances) < LOBES, np.sinc(distances) * np.sinc(distances / LOBES), 0.0))
    step = -1 if reverse else 1
    return np.ascontiguousarray(starts[::step]) + np.int32(whole), np.ascontiguousarray(weights[::step])


def fixed_point(weights: NDArray[np.float64]) -> Samples:
    """Weights that sum to one in each row; the largest takes what rounding left over.

    At the edge of what is enlarged, where lobes are cut off, the main weight would be more than one. What it is over is
    taken from it and from the most negative lobe alike, so that flat areas stay flat. A weight of one is 32767: the
    unit that a row then lacks is 1/256 of a level at most.
    """
    fixed: NDArray[np.int32] = np.rint(weights / weights.sum(axis=1, keepdims=True) * WEIGHT_ONE).astype(np.int32)
    rows, largest, least = np.arange(len(fixed)), fixed.argmax(axis=1), fixed.argmin(axis=1)
    fixed[rows, largest] += WEIGHT_ONE - fixed.sum(axis=1)
    over = np.maximum(fixed[rows, largest] - WEIGHT_ONE, 0)
    fixed[rows, largest] -= over
    fixed[rows, least] += over
    return np.minimum(fixed, WEIGHT_ONE - 1).astype(np.int16)


@njit(inline="always")
def _upper_half(sample: np.int16, weight: np.int16) -> np.int16:
    """The upper half of a 32-bit product, rounded down: with weights in 1/32768 it doubles the sample's unit."""
    return np.int16((np.int32(sample) * np.int32(weight)) >> 16)


@njit(inline="always")
def _add_three(
    total: np.int16, a: np.int16, b: np.int16, c: np.int16, u: np.int16, v: np.int16, w: np.int16
) -> np.int16:
    """Three more taps. Every int16() is needed: it keeps LLVM to 16-bit lanes."""
    two = np.int16(np.int16(total + _upper_half(a, u)) + _upper_half(b, v))
    return np.int16(two + _upper_half(c, w))


@njit(inline="always")
def _blend(rows: Samples, start: int, weights: Samples, blended: Samples) -> None:
    """Weighted sum of the rows from `start` on, six, three or one at a time: the more, the less to load and store."""
    taps = weights.size
    sixes, threes = taps - taps % 6, taps - taps % 3
    for i in range(blended.size):
        blended[i] = np.int16(taps >> 1)  # what rounding down loses on average
    for k in range(0, sixes, 6):
        a, b, c = rows[start + k], rows[start + k + 1], rows[start + k + 2]
        d, e, f = rows[start + k + 3], rows[start + k + 4], rows[start + k + 5]
        u, v, w = weights[k], weights[k + 1], weights[k + 2]
        x, y, z = weights[k + 3], weights[k + 4], weights[k + 5]
        for i in range(blended.size):
            half = _add_three(blended[i], a[i], b[i], c[i], u, v, w)
            blended[i] = _add_three(half, d[i], e[i], f[i], x, y, z)
    for k in range(sixes, threes, 3):
        a, b, c = rows[start + k], rows[start + k + 1], rows[start + k + 2]
        u, v, w = weights[k], weights[k + 1], weights[k + 2]
        for i in range(blended.size):
            blended[i] = _add_three(blended[i], a[i], b[i], c[i], u, v, w)
    for k in range(threes, taps):
        a, u = rows[start + k], weights[k]
        for i in range(blended.size):
            blended[i] = np.int16(blended[i] + _upper_half(a[i], u))


@njit("void(int16[:, ::1], int64[:, ::1], int64[:, ::1], int64, int64)", cache=True)
def _turn(tile: Samples, words: Words, turned: Words, row: int, column: int) -> None:
    """Write the tile's columns as rows of `turned`, from (row, column) on, four samples in a word.

    Packing into words first makes it loops over whole vectors, which a plain transposition is not.
    """
    samples = tile.shape[1]
    for group in range(COLUMNS_TILE // 4):
        a, b, c, d = tile[4 * group], tile[4 * group + 1], tile[4 * group + 2], tile[4 * group + 3]
        word = words[group]
        for i in range(samples):
            low = (np.int64(a[i]) & 0xFFFF) | ((np.int64(b[i]) & 0xFFFF) << 16)
            word[i] = low | ((np.int64(c[i]) & 0xFFFF) << 32) | (np.int64(d[i]) << 48)
    for i in range(samples):
        for group in range(COLUMNS_TILE // 4):
            turned[row + i, column + group] = words[group, i]


@njit(void(_SOURCE, int64, int64, _TABLE, int64, int64[:, ::1]), cache=True)
def _reduce_columns(source: Pixels, first: int, samples: int, table: Table, top: int, turned: Words) -> None:
    """One band down the columns: the reduced picture's rows from `top` on, as columns of `turned`."""
    starts, weights = table
    band = 4 * turned.shape[1]
    last = starts.size - 1
    ends = starts[top], starts[min(top + band - 1, last)]
    low, high = min(ends), max(ends) + weights.shape[1]
    for left in range(0, samples, STRIP):
        width = min(STRIP, samples - left)
        strip = np.empty((high - low, width), np.int16)
        for y in range(high - low):
            row, centred = source[low + y, first + left : first + left + width], strip[y]
            for i in range(width):
                # v - 127.5 in 1/256: never zero, so that rounding down errs evenly on flat areas too.
                centred[i] = np.int16((np.int16(row[i]) << 8) - 32640)
        tile = np.empty((COLUMNS_TILE, width), np.int16)
        words = np.empty((COLUMNS_TILE // 4, width), np.int64)
        for y in range(0, band, COLUMNS_TILE):
            for r in range(COLUMNS_TILE):
                at = min(top + y + r, last)
                _blend(strip, starts[at] - low, weights[at], tile[r])
            _turn(tile, words, turned, left, y // 4)


@njit(inline="always")
def _level(centred: np.int16) -> np.uint32:
    """The level, 0 to 255, of a sample that is centred on 127.5 and in 1/64."""
    level = np.int16(np.int16(centred >> 6) + 128)
    return np.uint32(min(max(level, np.int16(0)), np.int16(255)))


@njit("void(int16[::1], uint32[::1])", cache=True)
def _pack(planes: Samples, pixels: NDArray[np.uint32]) -> None:
    """Red, green and blue planes, one after the other, as pixels of four bytes, which move as one."""
    count = pixels.size
    red, green, blue = planes[:count], planes[count : 2 * count], planes[2 * count :]
    for i in range(count):
        pixels[i] = _level(red[i]) | (_level(green[i]) << 8) | (_level(blue[i]) << 16)


@njit("void(uint32[::1], uint8[::1])", cache=True)
def _lay(pixels: NDArray[np.uint32], line: Pixels) -> None:
    """Pixels of four bytes as a line of three bytes each."""
    samples = pixels.view(np.uint8)
    for i in range(line.size // 3):
        line[3 * i] = samples[4 * i]
        line[3 * i + 1] = samples[4 * i + 1]
        line[3 * i + 2] = samples[4 * i + 2]


@njit(void(int64[:, ::1], _TABLE, int64, int64, boolean, uint8[:, ::1]), cache=True)
def _reduce_rows(turned: Words, table: Table, top: int, rows: int, transposed: bool, upright: Pixels) -> None:  # noqa: FBT001
    """The same band along the rows, written into the upright picture."""
    starts, weights = table
    band = 4 * turned.shape[1]
    planes = turned.view(np.int16).reshape(turned.shape[0] // 3, 3 * band)
    blended = np.empty(3 * band, np.int16)
    tile = np.empty((ROWS_TILE, band), np.uint32)
    column = np.empty(ROWS_TILE, np.uint32)
    for left in range(0, starts.size, ROWS_TILE):
        width = min(ROWS_TILE, starts.size - left)
        for x in range(width):
            _blend(planes, starts[left + x], weights[left + x], blended)
            _pack(blended, tile[x])
            if transposed:
                _lay(tile[x], upright[left + x, 3 * top : 3 * (top + rows)])
        if not transposed:
            for y in range(rows):
                for x in range(width):
                    column[x] = tile[x, y]
                _lay(column, upright[top + y, 3 * left : 3 * (left + width)])


@njit(void(_SOURCE, int64, _TABLE, _TABLE, boolean, uint8[:, ::1]), cache=True)
def _reduce(source: Pixels, first: int, down: Table, across: Table, transposed: bool, upright: Pixels) -> None:  # noqa: FBT001
    """Band by band: down the columns, turned, along the rows."""
    starts, weights = across
    samples = 3 * (max(starts[0], starts[-1]) + weights.shape[1])
    rows = down[0].size
    bands = -(-rows // BAND)
    band = -(-rows // (bands * COLUMNS_TILE)) * COLUMNS_TILE
    turned = np.empty((samples, band // 4), np.int64)
    for top in range(0, rows, band):
        _reduce_columns(source, first, samples, down, top, turned)
        _reduce_rows(turned, across, top, min(band, rows - top), transposed, upright)
