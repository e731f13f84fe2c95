"""A generalised additive model on 8-bit pixels.

For each tone of each source channel there is a word of what it adds to the three result channels, so that a pixel is
three look-ups and two additions. Where nothing but clipping follows, these sums are fine tones already; otherwise each
goes through a closing table. With a mask there is a set of words for each of so many amounts that a step between two
cannot be seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import int64, njit, types, uint8, uint16, void
from numpy.typing import NDArray

from filters.line import (
    COLUMNS,
    GAINS,
    LINE,
    LINES,
    NO_GAIN,
    ROWS,
    STRENGTH_ONE,
    WHITE,
    Gains,
    Line,
    Pixels,
    Rows,
    Words,
    blend_line,
    clip_line,
    dim_line,
    draw_in_bands,
    gain_words,
    place_line,
    places,
    round_line,
)
from filters.mask import Mask
from filters.point import MOST_BENDS, Additive, Colours, Curves, follow

Where = tuple[NDArray[np.uint8], Rows, NDArray[np.float32]]  # for each position: the set; the mask's rows, columns
_WHERE = types.Tuple((uint8[::1], ROWS, COLUMNS))  # type: ignore[no-untyped-call]

NO_SETS = np.zeros(0, np.uint8)
TONES = 256
SET = 3 * TONES  # words
MOST_SETS = 192  # 1.2 MB: more leave the second-level cache and cost time
PROBES = 17  # amounts between which it is looked how much a model changes
MOST_PART = 4.0  # tones that one channel may add: the sum of three must fit a field

# The fields of a word whose sums go through closing tables, in quarters of a table's step.
CLOSING_STEPS = 1 << 12  # to a tone of 1
FIELD_BITS, FRACTION_BITS = 21, 2
# Fields that are fine tones: 16 bits, four times the range of tones.
LANE_BITS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class AdditivePass:
    """An additive model as words and tables, ready to run over pictures of any size."""

    words: Words  # (sets * SET,)
    tones: NDArray[np.uint16]  # closing tables of the three channels, in fine tones; empty: clip
    black: int  # what a sum is where it means 0, if there are no tables
    strength: int  # in 1/32768
    mask: Mask | None
    sets: NDArray[np.uint8]  # (POSITIONS + 1,): the set of words for each position
    vignette: Mask | None
    gains: Words

    def apply(self, pixels: Pixels) -> Pixels:
        """(h, w, 3) uint8 to a new array of the same shape. Within 0.6 levels of the float64 formula without a mask."""
        height, width, _ = pixels.shape
        where = (self.sets, *places(self.mask, height, width))
        gains = (self.gains, *places(self.vignette, height, width))

        def draw(lines: NDArray[np.uint32], rows: slice, levels: Pixels) -> None:
            _add(lines, rows.start, self.words, where, self.tones, self.black, self.strength, gains, levels)

        return draw_in_bands(pixels, draw)


def additive_pass(
    model: Additive,
    *,
    before: Sequence[Curves] = (),
    after: Sequence[Curves] = (),
    vignette: tuple[Mask, float] | None = None,
) -> AdditivePass:
    """Curves, a model, curves and a vignette's gain as one pass.

    A model that is blended (strength below 1) takes neither curves before nor after it.
    """
    tones = follow(before, np.repeat(np.arange(TONES)[:, None] / (TONES - 1), 3, axis=1))
    amounts, parts = _parts_by_amount(model, tones) if model.mask else (np.zeros(1), _parts(model, tones, 0.0)[None])

    def close(sums: Colours) -> Colours:
        return follow(after, np.clip(sums if model.close is None else model.close(sums), 0.0, 1.0))

    clips = model.close is None and not after
    words, black = _fine_words(parts) if clips else (None, 0)
    table = np.zeros(0, np.uint16)
    if words is None:
        words, table = _closing_words(parts, close)
    return AdditivePass(
        words=words,
        tones=table,
        black=black,
        strength=round(model.strength * STRENGTH_ONE),
        mask=model.mask,
        sets=_sets(model.mask, amounts),
        vignette=vignette and vignette[0],
        gains=gain_words(*vignette) if vignette else NO_GAIN,
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
    parts = np.stack([_parts(model, tones, amount) for amount in asked])
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


def _parts(model: Additive, tones: Colours, amount: float) -> NDArray[np.float64]:
    """(source, result, 256): what each level of each source channel adds, in tones."""
    if (tones == tones[:, :1]).all():
        parts = model.parts(tones[:, 0], amount)
    else:
        apart = model.parts(tones.T.reshape(-1), amount).reshape(3, 3, 3, TONES)
        parts = np.stack([apart[j, :, j] for j in range(3)])
    return np.clip(parts, -MOST_PART, MOST_PART)


def _fine_words(parts: NDArray[np.float64]) -> tuple[Words | None, int]:
    """(sets, 3, 3, 256) parts as words of fine tones, and what stands for 0; None where 16 bits are too few."""
    fields: NDArray[np.int64] = np.rint(parts * WHITE).astype(np.int64)
    black = -min(int(fields.min(axis=(0, 3)).sum(axis=0).min()), 0)
    brightest = max(int(fields.max(axis=(0, 3)).sum(axis=0).max()), WHITE)
    if brightest + black >= 1 << LANE_BITS:
        return None, 0
    fields[:, 0] += black
    return _packed(fields, LANE_BITS), black


def _closing_words(parts: NDArray[np.float64], close: Callable[[Colours], Colours]) -> tuple[Words, NDArray[np.uint16]]:
    """(sets, 3, 3, 256) parts as words of steps into closing tables, and the tables, one after the other."""
    fields: NDArray[np.int64] = np.rint(parts * (CLOSING_STEPS << FRACTION_BITS)).astype(np.int64)
    darkest = fields.min(axis=(0, 3)).sum(axis=0) >> FRACTION_BITS  # (3,), of each result channel
    brightest = fields.max(axis=(0, 3)).sum(axis=0) >> FRACTION_BITS
    steps = int((brightest - darkest).max()) + 2
    starts = np.arange(3) * steps - darkest
    fields[:, 0] += ((starts << FRACTION_BITS) + (1 << FRACTION_BITS >> 1))[:, None]
    closed = close((darkest + np.arange(steps)[:, None]) / CLOSING_STEPS)
    table: NDArray[np.uint16] = np.rint(closed.T * WHITE).astype(np.uint16)
    return _packed(fields, FIELD_BITS), table.reshape(-1)


def _packed(fields: NDArray[np.int64], bits: int) -> Words:
    words: Words = fields[:, :, 0] + (fields[:, :, 1] << bits) + (fields[:, :, 2] << 2 * bits)
    return words.reshape(-1)


@njit(void(LINE, int64[::1], int64[::1]), cache=True)
def _sum_line(line: Line, words: Words, sums: Words) -> None:
    """What the three bytes of each pixel add up to."""
    byte = np.uint64(0xFF)
    for x in range(sums.size):
        pixel = np.uint64(line[x])
        red, green, blue = pixel & byte, (pixel >> np.uint64(8)) & byte, (pixel >> np.uint64(16)) & byte
        sums[x] = words[red] + words[np.uint64(TONES) + green] + words[np.uint64(2 * TONES) + blue]


@njit(void(LINE, int64[::1], _WHERE, int64, int64[::1], int64[::1]), cache=True)
def _sum_masked_line(line: Line, words: Words, where: Where, row: int, room: Words, sums: Words) -> None:
    """The same, of the set of words for each pixel's position; `room` is for a line of words."""
    sets, rows, across = where
    steps, byte = room.view(np.int32)[: sums.size], np.uint64(0xFF)
    place_line(rows[row], across, steps)
    for x in range(sums.size):
        first = np.uint64(sets[np.uint64(np.uint32(steps[x]))]) * np.uint64(SET)
        chosen, pixel = words[first : first + np.uint64(SET)], np.uint64(line[x])
        red, green, blue = pixel & byte, (pixel >> np.uint64(8)) & byte, (pixel >> np.uint64(16)) & byte
        sums[x] = chosen[red] + chosen[np.uint64(TONES) + green] + chosen[np.uint64(2 * TONES) + blue]


@njit(void(int64[::1], uint16[::1]), cache=True)
def _close_line(sums: Words, tones: NDArray[np.uint16]) -> None:
    """Look the three sums of each pixel up, in place."""
    mask = np.uint64((1 << FIELD_BITS - FRACTION_BITS) - 1)
    for x in range(sums.size):
        steps = np.uint64(sums[x])
        red = tones[(steps >> np.uint64(FRACTION_BITS)) & mask]
        green = tones[(steps >> np.uint64(FRACTION_BITS + FIELD_BITS)) & mask]
        blue = tones[(steps >> np.uint64(FRACTION_BITS + 2 * FIELD_BITS)) & mask]
        sums[x] = np.int64(red) | (np.int64(green) << 16) | (np.int64(blue) << 32)


@njit(
    void(LINES, int64, int64[::1], _WHERE, uint16[::1], uint16, int64, GAINS, uint8[:, ::1]),
    cache=True,
)
def _add(  # noqa: PLR0913, PLR0917 - a compiled kernel takes its arrays one by one
    lines: NDArray[np.uint32],
    top: int,
    words: Words,
    where: Where,
    tones: NDArray[np.uint16],
    black: int,
    strength: int,
    gains: Gains,
    levels: Pixels,
) -> None:
    """Line by line: sum, close or clip, blend, dim, round. `top` is the first line's row in the picture."""
    sums, room = np.empty(lines.shape[1], np.int64), np.empty(lines.shape[1], np.int64)
    for y in range(lines.shape[0]):
        if where[0].size:
            _sum_masked_line(lines[y], words, where, top + y, room, sums)
        else:
            _sum_line(lines[y], words, sums)
        rest = 0
        if tones.size:
            _close_line(sums, tones)
        elif strength < STRENGTH_ONE or gains[0].size:
            clip_line(sums, black)
        else:
            rest = black
        if strength < STRENGTH_ONE:
            blend_line(sums, lines[y], np.int16(strength), room)
        if gains[0].size:
            dim_line(sums, gains, top + y, room)
        round_line(sums, rest, levels[y])
