"""A generalised additive model on 8-bit pixels.

Its sums begin a pass: three look-ups a pixel, by levels. With a mask there is a set of words for each of so many
amounts that a step between two cannot be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import int64, njit, types, uint8, void
from numpy.typing import NDArray

from filters.ending import ENDS, PLAIN, Ending, Ends, end_line, is_plain
from filters.line import (
    COLUMNS,
    LINE,
    LINES,
    ROWS,
    STRENGTH_ONE,
    Line,
    Pixels,
    Rows,
    Words,
    blend_line,
    lines_of,
    place_line,
    places,
    round_line,
)
from filters.mask import Mask
from filters.point import MOST_BENDS, Additive, Colours, Curves, follow
from filters.sums import SUMS, Sums, grey_tones, parts_of, settle_line, sums_of

Where = tuple[NDArray[np.uint8], Rows, NDArray[np.float32]]  # for each position: the set; the mask's rows, columns
_WHERE = types.Tuple((uint8[::1], ROWS, COLUMNS))  # type: ignore[no-untyped-call]

NO_SETS = np.zeros(0, np.uint8)
TONES = 256
SET = 3 * TONES  # words
MOST_SETS = 192  # 1.2 MB: more leave the second-level cache and cost time
PROBES = 17  # amounts between which it is looked how much a model changes


@dataclass(frozen=True, kw_only=True, eq=False)
class AdditivePass:
    """An additive model as words and tables, ready to run over pictures of any size."""

    sums: Sums
    strength: int  # in 1/32768
    mask: Mask | None
    sets: NDArray[np.uint8]  # (POSITIONS + 1,): the set of words for each position
    ending: Ending

    def apply(self, pixels: Pixels) -> Pixels:
        """(h, w, 3) uint8 to a new array of the same shape. Within 0.6 levels of the float64 formula without a mask."""
        height, width, _ = pixels.shape
        where = (self.sets, *places(self.mask, height, width))
        drawn = np.empty(pixels.shape, np.uint8)
        _add(lines_of(pixels), self.sums, where, self.strength, self.ending.over(height, width), lines_of(drawn))
        return drawn


def additive_pass(
    model: Additive, *, before: Sequence[Curves] = (), after: Sequence[Curves] = (), ending: Ending = PLAIN
) -> AdditivePass:
    """Curves, a model and curves as a pass that ends as told.

    A model that is blended (strength below 1) takes neither curves before nor after it.
    """
    tones = follow(before, grey_tones(TONES))
    amounts, parts = _parts_by_amount(model, tones) if model.mask else (np.zeros(1), parts_of(model, tones, 0.0)[None])
    return AdditivePass(
        sums=sums_of(model, parts, after),
        strength=round(model.strength * STRENGTH_ONE),
        mask=model.mask,
        sets=_sets(model.mask, amounts),
        ending=ending,
    )


def _sets(mask: Mask | None, amounts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """For each position: the set whose amount is nearest."""
    if mask is None:
        return NO_SETS
    halfway = (amounts[1:] + amounts[:-1]) / 2
    sets: NDArray[np.uint8] = np.searchsorted(halfway, mask.profile()).astype(np.uint8)
    return sets


def _parts_by_amount(model: Additive, tones: Colours) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amounts (sets,), and the parts there, (sets, source, result, 256).

    They lie where sums have changed by the same, and are so many that this is at most half a level, as far as they may.
    """
    asked, probes = np.linspace(0.0, 1.0, MOST_BENDS + 1), np.linspace(0.0, 1.0, PROBES)
    parts = np.stack([parts_of(model, tones, amount) for amount in asked])
    changes = np.abs(np.diff(_polynomial(asked, parts, probes), axis=0)).max(axis=3).sum(axis=1).max(axis=1)
    way = np.concatenate([[0.0], np.cumsum(changes * (TONES - 1))])
    count = int(np.clip(np.ceil(2 * way[-1]) + 1, 2, MOST_SETS))
    amounts = np.interp(np.linspace(0.0, way[-1], count), way, probes)
    return amounts, _polynomial(asked, parts, amounts)


def _polynomial(x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The polynomial through (x, y), at other places."""
    weights = np.vander(at, len(x)) @ np.linalg.inv(np.vander(x))
    values: NDArray[np.float64] = np.einsum("ck,kjin->cjin", weights, y)  # a matrix product would start threads
    return values


@njit(void(LINE, int64[::1], int64[::1]), cache=True)
def _sum_line(line: Line, words: Words, sums: Words) -> None:
    """What the three levels of each pixel add up to."""
    for x in range(sums.size):
        red, green, blue = np.uint64(line[3 * x]), np.uint64(line[3 * x + 1]), np.uint64(line[3 * x + 2])
        sums[x] = words[red] + words[np.uint64(TONES) + green] + words[np.uint64(2 * TONES) + blue]


@njit(void(LINE, int64[::1], _WHERE, int64, int64[::1], int64[::1]), cache=True)
def _sum_masked_line(line: Line, words: Words, where: Where, row: int, room: Words, sums: Words) -> None:
    """The same, of the set of words for each pixel's position; `room` is for a line of words."""
    sets, rows, across = where
    steps = room.view(np.int32)[: sums.size]
    place_line(rows[row], across, steps)
    for x in range(sums.size):
        first = np.uint64(sets[np.uint64(np.uint32(steps[x]))]) * np.uint64(SET)
        chosen = words[first : first + np.uint64(SET)]
        red, green, blue = np.uint64(line[3 * x]), np.uint64(line[3 * x + 1]), np.uint64(line[3 * x + 2])
        sums[x] = chosen[red] + chosen[np.uint64(TONES) + green] + chosen[np.uint64(2 * TONES) + blue]


@njit(void(LINES, SUMS, _WHERE, int64, ENDS, uint8[:, ::1]), cache=True)
def _add(lines: Pixels, sums: Sums, where: Where, strength: int, ends: Ends, drawn: Pixels) -> None:
    """Line by line: sum, settle, blend, end, round."""
    width = lines.shape[1] // 3
    tones, room = np.empty(width, np.int64), np.empty(width, np.int64)
    plain = is_plain(ends)
    settled = sums.tables.size or strength < STRENGTH_ONE or not plain
    black = 0 if settled else sums.black
    for y in range(lines.shape[0]):
        if where[0].size:
            _sum_masked_line(lines[y], sums.words, where, y, room, tones)
        else:
            _sum_line(lines[y], sums.words, tones)
        if settled:
            settle_line(tones, sums)
        if strength < STRENGTH_ONE:
            blend_line(tones, lines[y], np.int16(strength), room)
        if not plain:
            end_line(tones, ends, y, room)
        round_line(tones, black, room, drawn[y])
