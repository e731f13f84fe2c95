"""A table of colours on 8-bit pixels, with tetrahedral interpolation: for what is no sum over the channels.

A vertex is a word of three fields, so that a pixel is four look-ups, whatever it is made of. A curve for each channel
stands in front of the table and costs nothing, because it only says where in the table a level lies.
Source: J. Kasson, S. Nin, W. Plouffe, J. Hafner, "Performing color space conversions with three-dimensional linear
interpolation", 1995.
"""

from dataclasses import dataclass

import numpy as np
from numba import int64, njit, uint8, uint64, void
from numpy.typing import NDArray

from filters.ending import ENDS, PLAIN, Ending, Ends, end_line, is_plain
from filters.line import (
    FINE_BITS,
    LINE,
    LINES,
    STRENGTH_ONE,
    Line,
    Pixels,
    Words,
    blend_line,
    draw_in_bands,
    round_line,
)
from filters.point import Colours

Axes = NDArray[np.uint64]  # for each level of each channel: first vertex << 32 | share of the way << 16 | stride

TONES = 256
SHARE_BITS = 8  # of the way to the next vertex
VERTEX_BITS = 5  # parts of a level: with 8 for the level and 8 for the share a field has 21
FIELD_BITS = 8 + VERTEX_BITS + SHARE_BITS


@dataclass(frozen=True, kw_only=True, eq=False)
class TablePass:
    """A table and its curves, ready to run over pictures of any size."""

    axes: Axes  # (3 * TONES,)
    vertices: Words
    strength: int  # in 1/32768
    ending: Ending

    def apply(self, pixels: Pixels) -> Pixels:
        """(h, w, 3) uint8 to a new array of the same shape. Within 0.6 levels of the float64 interpolation."""
        height, width, _ = pixels.shape
        ends = self.ending.over(height, width)

        def draw(lines: NDArray[np.uint32], rows: slice, levels: Pixels) -> None:
            _interpolate(lines, rows.start, self.axes, self.vertices, self.strength, ends, levels)

        return draw_in_bands(pixels, draw)


def table_pass(grid: Colours, tones: Colours, *, strength: float = 1.0, ending: Ending = PLAIN) -> TablePass:
    """A grid (n, n, n, 3) of tones, n from 2 to 40; `tones` (256, 3) is where on its axes, 0 to 1, each level lies."""
    size = len(grid)
    fields: NDArray[np.int64] = np.rint(grid.reshape(-1, 3) * (255 << VERTEX_BITS)).astype(np.int64)
    positions = tones * (size - 1)
    first = np.minimum(positions.astype(np.uint64), np.uint64(size - 2))
    shares = np.rint((positions - first) * (1 << SHARE_BITS)).astype(np.uint64)
    strides = size ** np.arange(2, -1, -1).astype(np.uint64)
    axes: Axes = (first * strides << np.uint64(32)) | (shares << np.uint64(16)) | strides
    return TablePass(
        axes=np.ascontiguousarray(axes.T).reshape(-1),
        vertices=(fields << (FIELD_BITS * np.arange(3))).sum(axis=1),
        strength=round(strength * STRENGTH_ONE),
        ending=ending,
    )


@njit(void(LINE, uint64[::1], int64[::1], int64[::1]), cache=True)
def _interpolate_line(line: Line, axes: Axes, vertices: Words, tones: Words) -> None:
    """Walk from the cell's first vertex to its last along the axes, the greatest share first, without a branch."""
    byte, half, low = np.uint64(0xFF), np.uint64(0xFFFF), np.uint64(0xFFFFFFFF)
    field, one = np.uint64((1 << FIELD_BITS) - 1), np.uint64(1 << SHARE_BITS)
    spare = np.uint64(VERTEX_BITS + SHARE_BITS - FINE_BITS)
    rounding = np.uint64(
        (1 << VERTEX_BITS + SHARE_BITS - FINE_BITS >> 1) * ((1 << 2 * FIELD_BITS) + (1 << FIELD_BITS) + 1)
    )
    for x in range(tones.size):
        pixel = np.uint64(line[x])
        red = axes[pixel & byte]
        green = axes[np.uint64(TONES) + ((pixel >> np.uint64(8)) & byte)]
        blue = axes[np.uint64(2 * TONES) + ((pixel >> np.uint64(16)) & byte)]
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
        first, second, third = (
            mixed & field,
            (mixed >> np.uint64(FIELD_BITS)) & field,
            mixed >> np.uint64(2 * FIELD_BITS),
        )
        tones[x] = np.int64(
            (first >> spare) | ((second >> spare) << np.uint64(16)) | ((third >> spare) << np.uint64(32))
        )


@njit(void(LINES, int64, uint64[::1], int64[::1], int64, ENDS, uint8[:, ::1]), cache=True)
def _interpolate(
    lines: NDArray[np.uint32], top: int, axes: Axes, vertices: Words, strength: int, ends: Ends, levels: Pixels
) -> None:
    """Line by line: interpolate, blend, end, round. `top` is the first line's row in the picture."""
    tones, room = np.empty(lines.shape[1], np.int64), np.empty(lines.shape[1], np.int64)
    plain = is_plain(ends)
    for y in range(lines.shape[0]):
        _interpolate_line(lines[y], axes, vertices, tones)
        if strength < STRENGTH_ONE:
            blend_line(tones, lines[y], np.int16(strength), room)
        if not plain:
            end_line(tones, ends, top + y, room)
        round_line(tones, 0, levels[y])
