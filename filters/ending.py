"""How a pass ends before it is rounded: its fine tones are mixed once more and dimmed, as far as a recipe asks.

Channels are mixed twice in the same lines, so that steep tools stretch no rounding to levels of what went before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import boolean, int64, njit, types, void

from filters.line import GAINS, NO_GAIN, Gains, Words, dim_line, gain_words, places
from filters.mask import Mask
from filters.point import Additive, Curves, follow
from filters.sums import NO_TABLES, STEPS, SUMS, Sums, grey_tones, parts_of, settle_line, sum_tones, sums_of

Ends = tuple[Sums, Gains]
ENDS = types.Tuple((SUMS, GAINS))  # type: ignore[no-untyped-call]

NO_SUMS = Sums(np.zeros(0, np.int64), NO_TABLES, 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ending:
    """Sums of fine tones and a vignette, ready to run over the lines of any pass."""

    sums: Sums
    vignette: Mask | None
    gains: Words

    def over(self, height: int, width: int) -> Ends:
        """What `end_line` needs in a frame of this size."""
        return self.sums, (self.gains, *places(self.vignette, height, width))


def ending(sums: Sums = NO_SUMS, vignette: tuple[Mask, float] | None = None) -> Ending:
    """Sums, and a vignette: where it is, and the depth of its gain."""
    return Ending(sums=sums, vignette=vignette and vignette[0], gains=gain_words(*vignette) if vignette else NO_GAIN)


PLAIN = ending()


def mixing(model: Additive, *, before: Sequence[Curves] = (), after: Sequence[Curves] = ()) -> Sums:
    """Curves, an additive model without mask or blend, and curves, as sums of fine tones."""
    parts = parts_of(model, follow(before, grey_tones(STEPS)), 0.0)
    return sums_of(parts[None], after)


@njit(boolean(ENDS), cache=True)
def is_plain(ends: Ends) -> bool:
    """Whether nothing is left to do."""
    sums, gains = ends
    return not (sums.words.size or gains[0].size)


@njit(void(int64[::1], ENDS, int64, int64[::1]), cache=True)
def end_line(tones: Words, ends: Ends, row: int, room: Words) -> None:
    """Mix and dim the fine tones of a row; `room` is for a line of words."""
    sums, gains = ends
    if sums.words.size:
        sum_tones(tones, sums.words)
        settle_line(tones, sums)
    if gains[0].size:
        dim_line(tones, gains, row, room)
