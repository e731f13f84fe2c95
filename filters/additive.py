"""A generalised additive model on 8-bit pixels.

Its sums begin a pass: three look-ups a pixel, by levels. With a mask there is a set of words for each of so many
amounts that a step between two cannot be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import int32, int64, njit, types, uint8, uint16, void
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
)
from filters.mask import Mask
from filters.point import MOST_BENDS, Additive, Colours, Curves, follow
from filters.rounding import round_four, round_line, round_one
from filters.sums import SUMS, Sums, grey_tones, parts_of, settle_line, sums_of

Starts = NDArray[np.int32]
Where = tuple[Starts, Rows, NDArray[np.float32]]  # for each position: where its set begins; the mask's rows, columns
Sets = tuple[Starts, NDArray[np.int32]]  # the same, and the step of each pixel's position
_WHERE = types.Tuple((int32[::1], ROWS, COLUMNS))  # type: ignore[no-untyped-call]
_SETS = types.UniTuple(int32[::1], 2)  # type: ignore[no-untyped-call]

NO_SETS = np.zeros(0, np.int32)
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
    starts: Starts  # (POSITIONS + 1,): where the set of words for each position begins
    ending: Ending

    def apply(self, pixels: Pixels) -> Pixels:
        """(h, w, 3) uint8 to a new array of the same shape. Within 0.6 levels of the float64 formula without a mask."""
        height, width, _ = pixels.shape
        where = (self.starts, *places(self.mask, height, width))
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
        sums=sums_of(parts, after),
        strength=round(model.strength * STRENGTH_ONE),
        mask=model.mask,
        starts=_starts(model.mask, amounts),
        ending=ending,
    )


def _starts(mask: Mask | None, amounts: NDArray[np.float64]) -> Starts:
    """For each position: where the set begins whose amount is nearest."""
    if mask is None:
        return NO_SETS
    halfway = (amounts[1:] + amounts[:-1]) / 2
    sets: Starts = np.searchsorted(halfway, mask.profile()).astype(np.int32)
    return sets * SET


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


@njit(inline="always")
def _sum(line: Line, words: Words, sets: Sets | None, x: np.uint64) -> int:
    """What the three levels of a pixel add up to, of the set of words for its position."""
    first = np.uint64(0) if sets is None else np.uint64(sets[0][np.uint64(sets[1][x])])
    at = np.uint64(3) * x
    red, green, blue = np.uint64(line[at]), np.uint64(line[at + np.uint64(1)]), np.uint64(line[at + np.uint64(2)])
    sums: int = (
        words[first + red] + words[first + np.uint64(TONES) + green] + words[first + np.uint64(2 * TONES) + blue]
    )
    return sums


@njit([void(LINE, int64[::1], sets, int64[::1]) for sets in (types.none, _SETS)], cache=True)
def _sum_line(line: Line, words: Words, sets: Sets | None, sums: Words) -> None:
    """The sums of a line."""
    for x in range(sums.size):
        sums[x] = _sum(line, words, sets, np.uint64(x))


@njit([void(LINE, int64[::1], sets, uint16, uint8[::1]) for sets in (types.none, _SETS)], cache=True)
def _draw_line(line: Line, words: Words, sets: Sets | None, black: np.uint16, drawn: Line) -> None:
    """The sums of a line, whose black is `black`, as levels at once."""
    width = line.size // 3
    for i in range(0, width - 3, 4):
        x = np.uint64(i)
        y, z, w = x + np.uint64(1), x + np.uint64(2), x + np.uint64(3)
        a, b = _sum(line, words, sets, x), _sum(line, words, sets, y)
        c, d = _sum(line, words, sets, z), _sum(line, words, sets, w)
        round_four((a, b, c, d), black, drawn, x)  # type: ignore[call-arg]
    for i in range(width // 4 * 4, width):
        round_one(_sum(line, words, sets, np.uint64(i)), black, drawn, np.uint64(i))


@njit(void(LINES, SUMS, _WHERE, int64, ENDS, uint8[:, ::1]), cache=True)
def _add(lines: Pixels, sums: Sums, where: Where, strength: int, ends: Ends, drawn: Pixels) -> None:
    """Line by line: sum, settle, blend, end, round; sum and round in one go where there is nothing between them."""
    width = lines.shape[1] // 3
    tones, room, steps = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int32)
    plain, black = is_plain(ends), np.uint16(sums.black)
    settled = sums.tables.size or strength < STRENGTH_ONE or not plain
    starts, rows, across = where
    masked = starts.size > 0
    for y in range(lines.shape[0]):
        line = lines[y]
        if masked:
            place_line(rows[y], across, steps)
        if settled:
            if masked:
                _sum_line(line, sums.words, (starts, steps), tones)
            else:
                _sum_line(line, sums.words, None, tones)
            settle_line(tones, sums)
            if strength < STRENGTH_ONE:
                blend_line(tones, line, np.int16(strength), room)
            if not plain:
                end_line(tones, ends, y, room)
            round_line(tones, np.uint16(0), drawn[y])
        elif masked:
            _draw_line(line, sums.words, (starts, steps), black, drawn[y])
        else:
            _draw_line(line, sums.words, None, black, drawn[y])
