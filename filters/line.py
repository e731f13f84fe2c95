"""One line of a picture in the hands of a kernel: its fine tones, and what happens to them at the end.

A fine tone is a level in 1/64, 16 bits, so that an operation that follows rounds nothing twice. A pixel is a word of
four of them (red, green, blue, nothing), because a processor moves, blends and rounds four as cheaply as one. Each step
is a loop of its own over a line, which stays in the nearest cache: so most become vector instructions, and from further
away comes the picture alone.
"""

import numpy as np
from numba import float32, int16, int32, int64, njit, types, uint8, uint16, void
from numpy.typing import NDArray

from filters.mask import POSITIONS, Mask, columns

Pixels = NDArray[np.uint8]
Line = NDArray[np.uint8]  # (3 * w,)
Words = NDArray[np.int64]
Rows = NDArray[np.float32]  # (h, 5), of a mask
Gains = tuple[Words, Rows, NDArray[np.float32]]  # for each position: words of gains; the mask's rows and columns
LINE = types.Array(uint8, 1, "C", readonly=True)
LINES = types.Array(uint8, 2, "C", readonly=True)
ROWS, COLUMNS = float32[:, ::1], float32[::1]
GAINS = types.Tuple((int64[::1], ROWS, COLUMNS))  # type: ignore[no-untyped-call]

FINE = 64  # parts of a level
FINE_BITS = 6
WHITE = 255 * FINE
MOST_SUM = (1 << 16) - 1 - FINE // 2
LANES = (1 << 32) + (1 << 16) + 1  # a word of three equal lanes is a lane times this
STRENGTH_ONE = 1 << 15
GAIN_ONE = (1 << 16) - 1
NO_GAIN = np.zeros(0, np.int64)


def lines_of(pixels: Pixels) -> Pixels:
    """Pixels (h, w, 3) as lines (h, 3 * w); a view if they lie one after the other."""
    return np.ascontiguousarray(pixels).reshape(len(pixels), -1)


def gain_words(mask: Mask, depth: float) -> Words:
    """For each position: a word of three equal gains, 1 - depth * amount, in 1/65535."""
    gains: Words = np.rint((1 - depth * mask.profile()) * GAIN_ONE).astype(np.int64)
    return gains * LANES


def places(mask: Mask | None, height: int, width: int) -> tuple[Rows, NDArray[np.float32]]:
    """A mask's rows and columns in a frame; empty without a mask."""
    return (mask.rows(height), columns(width)) if mask else (np.zeros((0, 5), np.float32), np.zeros(0, np.float32))


@njit(void(COLUMNS, COLUMNS, int32[::1]), cache=True)
def place_line(row: NDArray[np.float32], across: NDArray[np.float32], steps: NDArray[np.int32]) -> None:
    """The step of each pixel's position: Horner's rule, held within the profile."""
    a, b, c, d, e = row[0], row[1], row[2], row[3], row[4]
    first, last = np.float32(0), np.float32(POSITIONS)
    for x in range(steps.size):
        u = across[x]
        steps[x] = np.int32(min(max(a + u * (b + u * (c + u * (d + u * e))), first), last))


@njit(inline="always")
def _upper_half(a: np.int16, b: np.int16) -> np.int16:
    """The upper half of a 32-bit product, rounded down."""
    return np.int16((np.int32(a) * np.int32(b)) >> 16)


@njit(void(int64[::1], uint16), cache=True)
def clip_line(words: Words, black: int) -> None:
    """Make fine tones of sums that are `black` where they should be 0."""
    tones = words.view(np.uint16)
    bias, white = np.uint16(black), np.uint16(black + WHITE)
    for i in range(tones.size):
        tones[i] = np.uint16(np.uint16(min(max(tones[i], bias), white)) - bias)


@njit(void(int64[::1], LINE, int16, int64[::1]), cache=True)
def blend_line(words: Words, line: Line, strength: np.int16, room: Words) -> None:
    """Go from what came in towards the tones, by `strength` in 1/32768; `room` is for a line of words.

    One product of the difference, rounded down, so that more strength is never less of it.
    """
    came, tones = room.view(np.int16), words.view(np.int16)
    for x in range(words.size):
        red, green, blue = np.int64(line[3 * x]), np.int64(line[3 * x + 1]), np.int64(line[3 * x + 2])
        room[x] = (red | green << 16 | blue << 32) << FINE_BITS
    for i in range(tones.size):
        way = np.int16(tones[i] - came[i])
        tones[i] = np.int16(came[i] + _upper_half(np.int16(way + way), strength))


@njit(void(int64[::1], GAINS, int64, int64[::1]), cache=True)
def dim_line(words: Words, gains: Gains, row: int, room: Words) -> None:
    """Multiply the tones by the gain of each pixel's position; `room` is for a line of words."""
    profile, rows, across = gains
    steps = room.view(np.int32)[words.size :]
    place_line(rows[row], across, steps)
    for x in range(words.size):
        room[x] = profile[np.uint64(steps[x])]
    tones, factors = words.view(np.uint16), room.view(np.uint16)
    for i in range(tones.size):
        tones[i] = np.uint16((np.uint32(tones[i]) * np.uint32(factors[i])) >> np.uint32(16))
