"""Sums over channels as words: for each tone of each source channel, what it adds to the three result channels.

A word holds all three, so that a pixel is three look-ups and two additions. Where nothing but clipping follows, sums
are fine tones already; otherwise each goes through a closing table.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import int64, njit, types, uint16, void
from numpy.typing import NDArray

from filters.line import FINE_BITS, LANES, MOST_SUM, WHITE, Words, clip_line
from filters.point import Additive, Colours, Curves, follow

Parts = NDArray[np.float64]  # (…, source, result, tone): what each tone of each source channel adds, in tones
Closing = NDArray[np.uint16]  # tables of the three result channels, one after the other, in fine tones


class Sums(NamedTuple):
    """Words of what tones add, and what makes their sums into tones."""

    words: Words  # (sets * 3 * tones,): set, source channel, tone
    tables: Closing  # empty where sums are fine tones
    black: int  # then: the sum that is a tone of 0


SUMS = types.NamedTuple((int64[::1], uint16[::1], int64), Sums)  # type: ignore[no-untyped-call]
NO_TABLES = np.zeros(0, np.uint16)

MOST_PART = 4.0  # tones that one channel may add: the sum of three must fit a field

# The fields of a word whose sums go through closing tables, in quarters of a table's step.
CLOSING_STEPS = 1 << 12  # to a tone of 1
FIELD_BITS, FRACTION_BITS = 21, 2
# Fields that are fine tones: 16 bits, four times the range of tones.
LANE_BITS = 16
# A word for each sixteenth of a level, where fine tones are summed: 98 KB a model, and tools may be thirty times steep.
STEP_BITS = 4
STEPS = (255 << STEP_BITS) + 1


def grey_tones(count: int) -> Colours:
    """Equally spaced tones, (count, 3), the same for each channel."""
    return np.repeat(np.arange(count)[:, None] / (count - 1), 3, axis=1)


def parts_of(model: Additive, tones: Colours, amount: float) -> Parts:
    """What the tones (n, 3) of each channel add where the mask's amount is `amount`."""
    if (tones == tones[:, :1]).all():
        parts = model.parts(tones[:, 0], amount)
    else:
        apart = model.parts(tones.T.reshape(-1), amount).reshape(3, 3, 3, -1)
        parts = np.stack([apart[j, :, j] for j in range(3)])
    return np.clip(parts, -MOST_PART, MOST_PART)


def sums_of(parts: Parts, after: Sequence[Curves]) -> Sums:
    """A model's parts, (sets, 3, 3, n), and the curves that follow it, as sums."""
    fine = None if after else _fine_sums(parts)
    return fine or _closed_sums(parts, after)


def _fine_sums(parts: Parts) -> Sums | None:
    """Words of fine tones; None where 16 bits are too few."""
    fields: NDArray[np.int64] = np.rint(parts * WHITE).astype(np.int64)
    black = -min(int(fields.min(axis=(0, 3)).sum(axis=0).min()), 0)
    brightest = max(int(fields.max(axis=(0, 3)).sum(axis=0).max()), WHITE)
    if brightest + black > MOST_SUM:
        return None
    fields[:, 0] += black
    return Sums(_packed(fields, LANE_BITS), NO_TABLES, black)


def _closed_sums(parts: Parts, after: Sequence[Curves]) -> Sums:
    """Words of steps into closing tables, which clip and curve."""
    fields: NDArray[np.int64] = np.rint(parts * (CLOSING_STEPS << FRACTION_BITS)).astype(np.int64)
    darkest = fields.min(axis=(0, 3)).sum(axis=0) >> FRACTION_BITS  # (3,), of each result channel
    brightest = fields.max(axis=(0, 3)).sum(axis=0) >> FRACTION_BITS
    steps = int((brightest - darkest).max()) + 2
    starts = np.arange(3) * steps - darkest
    fields[:, 0] += ((starts << FRACTION_BITS) + (1 << FRACTION_BITS >> 1))[:, None]
    closed = follow(after, np.clip((darkest + np.arange(steps)[:, None]) / CLOSING_STEPS, 0.0, 1.0))
    tables: Closing = np.rint(closed.T * WHITE).astype(np.uint16)
    return Sums(_packed(fields, FIELD_BITS), tables.reshape(-1), 0)


def _packed(fields: NDArray[np.int64], bits: int) -> Words:
    words: Words = fields[:, :, 0] + (fields[:, :, 1] << bits) + (fields[:, :, 2] << 2 * bits)
    return words.reshape(-1)


@njit(void(int64[::1], int64[::1]), cache=True)
def sum_tones(tones: Words, words: Words) -> None:
    """What the three fine tones of each pixel add up to, in place."""
    step = np.uint64((1 << 16 - FINE_BITS + STEP_BITS) - 1)
    spare, half = np.uint64(FINE_BITS - STEP_BITS), np.int64((1 << FINE_BITS - STEP_BITS >> 1) * LANES)
    for x in range(tones.size):
        pixel = np.uint64(tones[x] + half) >> spare
        red, green, blue = pixel & step, (pixel >> np.uint64(16)) & step, (pixel >> np.uint64(32)) & step
        tones[x] = words[red] + words[np.uint64(STEPS) + green] + words[np.uint64(2 * STEPS) + blue]


@njit(void(int64[::1], uint16[::1]), cache=True)
def _close_line(sums: Words, tables: Closing) -> None:
    """Look the three sums of each pixel up, in place."""
    mask = np.uint64((1 << FIELD_BITS - FRACTION_BITS) - 1)
    for x in range(sums.size):
        steps = np.uint64(sums[x])
        red = tables[(steps >> np.uint64(FRACTION_BITS)) & mask]
        green = tables[(steps >> np.uint64(FRACTION_BITS + FIELD_BITS)) & mask]
        blue = tables[(steps >> np.uint64(FRACTION_BITS + 2 * FIELD_BITS)) & mask]
        sums[x] = np.int64(red) | (np.int64(green) << 16) | (np.int64(blue) << 32)


@njit(void(int64[::1], SUMS), cache=True)
def settle_line(line: Words, sums: Sums) -> None:
    """Make fine tones of a line of sums, in place. Sums without tables may be rounded at once instead."""
    if sums.tables.size:
        _close_line(line, sums.tables)
    else:
        clip_line(line, sums.black)
