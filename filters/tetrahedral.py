"""A table of colours on 8-bit pixels, with tetrahedral interpolation: for what is no sum over the channels.

A vertex is a word of three fields, so that a pixel is four look-ups, whatever it is made of. Vertices beyond 0 to 1 are
interpolated as they are and then clipped: they cost their fields parts of a level. A curve for each channel stands in
front of the table and costs nothing, because it only says where in the table a level lies.
Source: J. Kasson, S. Nin, W. Plouffe, J. Hafner, "Performing color space conversions with three-dimensional linear
interpolation", 1995.
"""

from dataclasses import dataclass

import numpy as np
from numba import int64, njit, types, uint8, uint64, void
from numpy.typing import NDArray

from filters.ending import ENDS, PLAIN, Ending, Ends, end_line, is_plain
from filters.line import (
    FINE,
    FINE_BITS,
    LINE,
    LINES,
    STRENGTH_ONE,
    Line,
    Pixels,
    Words,
    blend_line,
    clip_line,
    lines_of,
)
from filters.point import Colours
from filters.rounding import round_line

Axes = NDArray[np.uint64]  # for each level of each channel: first vertex << 32 | share of the way << 16 | stride
Vertices = tuple[Words, int, int]  # their words, the bits of a level's parts, what stands for a tone of 0
_VERTICES = types.Tuple((int64[::1], int64, int64))  # type: ignore[no-untyped-call]

TONES = 256
DARKEST, LIGHTEST = -1.0, 2.0  # tones of vertices; sums of fine tones have room for no more
SHARE_BITS = 10  # of the way to the next vertex
FIELD_BITS = 21
MOST_PARTS = (1 << FIELD_BITS - SHARE_BITS) // 256  # of a level: 8 if vertices are 0 to 1, else 4 or 2


@dataclass(frozen=True, kw_only=True, eq=False)
class TablePass:
    """A table and its curves, ready to run over pictures of any size."""

    axes: Axes  # (3 * TONES,)
    vertices: Words
    vertex_bits: int  # of a level's parts
    black: int  # what stands for a tone of 0, in fine tones
    strength: int  # in 1/32768
    ending: Ending

    def apply(self, pixels: Pixels) -> Pixels:
        """(h, w, 3) uint8 to a new array of the same shape.

        Within 0.6 levels of the float64 interpolation if neighbouring vertices differ by 20 levels at most and are 0 to
        1. Within 1.0 if these differ by 255, and within 1.9 if they do by 765.
        """
        height, width, _ = pixels.shape
        vertices, ends = (self.vertices, self.vertex_bits, self.black), self.ending.over(height, width)
        drawn = np.empty(pixels.shape, np.uint8)
        _interpolate(lines_of(pixels), self.axes, vertices, self.strength, ends, lines_of(drawn))
        return drawn


def table_pass(grid: Colours, tones: Colours, *, strength: float = 1.0, ending: Ending = PLAIN) -> TablePass:
    """A grid (n, n, n, 3) of tones, -1 to 2, n from 2 to 40; others are taken as these.

    `tones` (256, 3) is where on its axes, 0 to 1, each level lies.
    """
    size = len(grid)
    levels = 255 * np.clip(grid.reshape(-1, 3), DARKEST, LIGHTEST)
    little = 0.5 / MOST_PARTS  # beyond 0 to 1 is as good as within, and common where samples were rounded
    darkest, brightest = min(int(np.floor(levels.min() + little)), 0), max(int(np.ceil(levels.max() - little)), 255)
    vertex_bits = (255 * MOST_PARTS // (brightest - darkest)).bit_length() - 1
    parts = (np.clip(levels, darkest, brightest) - darkest) * (1 << vertex_bits)
    fields: NDArray[np.int64] = np.rint(parts).astype(np.int64)
    positions = tones * (size - 1)
    first = np.minimum(positions.astype(np.uint64), np.uint64(size - 2))
    shares = np.rint((positions - first) * (1 << SHARE_BITS)).astype(np.uint64)
    strides = size ** np.arange(2, -1, -1).astype(np.uint64)
    axes: Axes = (first * strides << np.uint64(32)) | (shares << np.uint64(16)) | strides
    return TablePass(
        axes=np.ascontiguousarray(axes.T).reshape(-1),
        vertices=(fields << (FIELD_BITS * np.arange(3))).sum(axis=1),
        vertex_bits=vertex_bits,
        black=-darkest * FINE,
        strength=round(strength * STRENGTH_ONE),
        ending=ending,
    )


@njit(void(LINE, uint64[::1], int64[::1], int64, int64[::1]), cache=True)
def _interpolate_line(line: Line, axes: Axes, vertices: Words, vertex_bits: int, tones: Words) -> None:
    """Walk from the cell's first vertex to its last along the axes, the greatest share first, without a branch."""
    half, low = np.uint64(0xFFFF), np.uint64(0xFFFFFFFF)
    one = np.uint64(1 << SHARE_BITS)
    spare = np.uint64(vertex_bits + SHARE_BITS - FINE_BITS)
    rounding = np.uint64((1 << 2 * FIELD_BITS) + (1 << FIELD_BITS) + 1) << np.uint64(spare - np.uint64(1))
    apart = np.uint64(FIELD_BITS - 16)  # how much further than fine tones fields lie from one another
    first = (np.uint64(1) << np.uint64(np.uint64(FIELD_BITS) - spare)) - np.uint64(1)
    second, third = first << np.uint64(16), first << np.uint64(32)
    for x in range(tones.size):
        red = axes[np.uint64(line[3 * x])]
        green = axes[np.uint64(TONES) + np.uint64(line[3 * x + 1])]
        blue = axes[np.uint64(2 * TONES) + np.uint64(line[3 * x + 2])]
        total = red + green + blue
        a, b, c = red & low, green & low, blue & low
        most, least = max(a, max(b, c)), min(a, min(b, c))  # noqa: PLW3301 - numba compiles two arguments best
        middle = (total & low) - most - least
        at = total >> np.uint64(32)
        p, q, r = most >> np.uint64(16), middle >> np.uint64(16), least >> np.uint64(16)
        mixed = np.uint64(vertices[at]) * (one - p) + rounding
        at += most & half
        mixed += np.uint64(vertices[at]) * (p - q)
        at += middle & half
        mixed += np.uint64(vertices[at]) * (q - r)
        at += least & half
        mixed += np.uint64(vertices[at]) * r
        mixed >>= spare
        tones[x] = np.int64((mixed & first) | ((mixed >> apart) & second) | ((mixed >> (apart + apart)) & third))


@njit(void(LINES, uint64[::1], _VERTICES, int64, ENDS, uint8[:, ::1]), cache=True)
def _interpolate(lines: Pixels, axes: Axes, vertices: Vertices, strength: int, ends: Ends, drawn: Pixels) -> None:
    """Line by line: interpolate, blend, end, round."""
    width = lines.shape[1] // 3
    tones, room = np.empty(width, np.int64), np.empty(width, np.int64)
    words, vertex_bits, black = vertices
    plain = is_plain(ends)
    settled = strength < STRENGTH_ONE or not plain
    for y in range(lines.shape[0]):
        _interpolate_line(lines[y], axes, words, vertex_bits, tones)
        if settled:
            clip_line(tones, black)
        if strength < STRENGTH_ONE:
            blend_line(tones, lines[y], np.int16(strength), room)
        if not plain:
            end_line(tones, ends, y, room)
        round_line(tones, np.uint16(0 if settled else black), drawn[y])
