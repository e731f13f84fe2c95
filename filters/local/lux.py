"""Lux: one slider for a photo that came out too dark, too flat or too bright."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numba import float32, njit, types, uint8, void
from numpy.typing import NDArray

from filters.local.base import BASE, Base, coarse_luma, find_base
from filters.local.coarse import SAMPLES, Pixels, Plane, steady
from filters.local.detail import base_row, limited, read_row

DARK_SHARE, BRIGHT_SHARE = 0.5, 99.5  # percentiles of the luma that are stretched towards black and white
DARKEST, BRIGHTEST = 0.09, 0.80  # tones beyond which stretching does not go: fog may be fog
MIDDLE = 0.45  # the tone that the median is pulled towards
CONTENT = 0.15  # of the gamma's logarithm: a median from 0.40 to 0.50 is well as it is
PULL = 0.6  # of the way to the middle
GAMMAS = 0.6, 1.2  # at most this bright and this dark
STEEPEST = 2.5  # times a tone is raised: beyond, shadows are noise

DETAIL = 0.35  # times the detail that is added at 100
LIMIT = 24.0  # levels: what a pixel's detail changes by comes near to it, but never over

FINE = 8  # steps a level in the kernel's tables

_TABLES = types.UniTuple(float32[::1], 2)  # type: ignore[no-untyped-call]
Tables = tuple[Plane, Plane]
Tones = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Lux:
    """Automatic tone with local contrast, `amount` 0 to 100.

    A tone curve T is found from the luma of a coarse copy: T(y) = ((y - black) / (white - black)) ** gamma, black and
    white being its percentiles within bounds, and gamma what takes its median towards the MIDDLE, not all the way, not
    at all where it is near, and within bounds; T(y) is at most STEEPEST * y.

    The curve acts on the base layer B of `filters.local.base`, so that texture keeps its contrast: red, green and blue
    are multiplied by 1 + (T(B) - B) / B, less where the brightest channel M is above B and would clip, by
    1 + (T(B) - B) / (255 - B) * (255 - M) / M: hue and saturation stay, and grey stays grey. Then DETAIL times the
    luma's detail is added to all three, limited as in `filters.local.structure`. Everything that is added is
    proportional to the amount.

    At 1080 pixels and then reduced to 150 by area it differs from itself at 150 by at most 1.5 levels on average.
    """

    amount: float
    curve: Tones | None = field(default=None, compare=False)  # None: each picture's own

    def apply(self, pixels: Pixels) -> Pixels:
        """Tone (h, w, 3) uint8 pixels; the very same array at 0."""
        if self.amount == 0:
            return pixels
        height, width, _ = pixels.shape
        toned = np.empty_like(pixels, order="C")
        luma = coarse_luma(pixels)
        curve = tone_curve(luma) if self.curve is None else self.curve
        tables, gain = _tables(curve, self.amount / 100), DETAIL * self.amount / 100
        _tone(pixels.reshape(height, -1), find_base(luma, height, width), tables, gain, toned.reshape(height, -1))
        return toned

    def settled(self, pixels: Pixels) -> Self:
        """With the tone curve of this picture, (h, w, 3) uint8, for any other."""
        return replace(self, curve=tone_curve(coarse_luma(pixels)))


def tone_curve(luma: Plane) -> Tones:
    """What 255 * FINE + 1 tones from 0 to 1 become in a picture of this luma, any shape, in levels."""
    dark, median, bright = np.percentile(luma.astype(np.float64) / 255, (DARK_SHARE, 50, BRIGHT_SHARE))
    black, white = min(dark, DARKEST), max(bright, BRIGHTEST)
    gamma = _gamma((median - black) / (white - black))
    tones = np.linspace(0, 1, 255 * FINE + 1)
    curve: Tones = np.clip((tones - black) / (white - black), 0, 1) ** gamma
    return np.minimum(curve, STEEPEST * tones)


def _gamma(median: float) -> float:
    """The exponent that takes a median tone towards the middle."""
    wanted = np.log(np.log(MIDDLE) / np.log(np.clip(median, 0.02, 0.98)))
    discontent = np.sign(wanted) * max(abs(wanted) - CONTENT, 0)
    return float(np.clip(np.exp(PULL * discontent), *GAMMAS))


def _tables(curve: Tones, share: float) -> Tables:
    """For each base tone: how much channels are raised, as a share of themselves, and of their room at the top."""
    tones = np.linspace(0, 1, curve.size)
    rise = share * (curve - tones)
    of_itself = rise / np.maximum(tones, 1 / curve.size)
    of_room = np.where(rise > 0, rise / np.maximum(1 - tones, 1 / curve.size), 1)  # what gets darker needs no room
    return steady(of_itself), steady(of_room)


@njit(inline="always")
def _multiply_add(line: Pixels, factors: Plane, changes: Plane, toned: Pixels) -> None:
    """Multiply and shift a pixel's three channels alike."""
    for x in range(factors.size):
        for c in range(3):
            level = np.float32(line[3 * x + c]) * factors[x] + changes[x] + np.float32(0.5)
            toned[3 * x + c] = np.uint8(np.int32(min(max(level, np.float32(0)), np.float32(255))))


@njit(void(SAMPLES, BASE, _TABLES, float32, uint8[:, ::1]), cache=True, error_model="numpy")
def _tone(samples: Pixels, base: Base, tables: Tables, gain: float, toned: Pixels) -> None:
    """Row by row: luma, base, how much each pixel is multiplied by and what is added to it."""
    of_itself, of_room = tables
    width = base.slopes.shape[1]
    luma, brightest, row = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    factors, changes = np.empty(width, np.float32), np.empty(width, np.float32)
    highest = np.float32(255)
    for y in range(samples.shape[0]):
        read_row(samples[y], luma, brightest)
        base_row(base, y, luma, row)
        for x in range(width):
            tone = np.uint32(np.int32(min(max(row[x], np.float32(0)), highest) * np.float32(FINE) + np.float32(0.5)))
            room = (highest - brightest[x]) / max(brightest[x], np.float32(1))
            factors[x] = np.float32(1) + min(of_itself[tone], of_room[tone] * room)
        for x in range(width):
            factor = factors[x]
            up, down = highest - brightest[x] * factor, luma[x] * factor
            changes[x] = limited(gain * (luma[x] - row[x]), up, down, np.float32(LIMIT))
        _multiply_add(samples[y], factors, changes, toned[y])
