"""Tilt-shift: a disc or a band stays sharp, and the rest grows blurred with its distance, as in a photo of a model."""

from dataclasses import dataclass
from math import asin, cos, inf, log2, radians, sin, sqrt

import numpy as np
from numba import float32, njit, types, uint8, void
from numpy.typing import NDArray

from filters.local.coarse import (
    LARGEST_BLOCK,
    PLANE,
    RAMP,
    Pixels,
    Plane,
    Ramp,
    between,
    coarsen,
    ramp,
    smooth,
    widen_row,
)
from filters.mask import centres

WIDEST = 0.025  # standard deviation of the blur at strength 100, as a share of the shorter side: 27 pixels of 1080
LEVELS = (0.27, 0.52, 1.0)  # of the widest: what is in between is a blend of two neighbours
FINEST = 0.0017  # of any level but the widest, as a share of the shorter side: below, the untouched picture will do
FALLOFF = 0.25  # from the edge of what is sharp to full blur, as a share of the shorter side
COARSEST = 0.9  # standard deviation in samples of the coarse copy, at least: less would show its grid
NOTHING = 0xFFFFFFFF  # the row that is held at first

_DISTANCES = types.UniTuple(float32[::1], 3)  # type: ignore[no-untyped-call]
_TURN = types.UniTuple(float32, 5)  # type: ignore[no-untyped-call]

Distances = tuple[Plane, Plane, Plane]  # across (w,), shift (h,), more (h,): d² = (across + shift)² + more
Place = tuple[np.float32, np.float32]  # a row's shift and more
# The d² where s is 0 and how fast s rises; the variance where a level begins and how fast it covers; the d² where the
# next one covers everything.
Turn = tuple[float, float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class TiltShift:
    """What stays sharp, as in the recipe: `shape` radial or linear; the centre `x`, `y` in shares of width and height.

    `radius` is the disc's, or half the band's width, as a share of the shorter side; `angle` the band's, in degrees
    clockwise from horizontal; `strength` 0 to 100, to which the widths of the blurs are proportional.

    With d the distance from the centre, or from the band's middle, as a share of the shorter side, the blur's standard
    deviation is (3s² - 2s³) * WIDEST * strength / 100 shorter sides, s = (d² - radius²) / ((radius + FALLOFF)² -
    radius²) within 0 to 1. Where s is 0 every sample stays as it was. There are three Gaussian blurs at most, each of a
    copy as coarse as does not show; what is in between is a blend of two neighbours that has the variance wanted.

    At 1080 pixels and then reduced to 150 by area it differs from itself at 150 by at most 1.5 levels on average.
    """

    shape: str = "radial"
    x: float = 0.5
    y: float = 0.5
    radius: float = 0.25
    angle: float = 0.0
    strength: float = 50.0

    def apply(self, pixels: Pixels) -> Pixels:
        """Blur (h, w, 3) uint8 pixels outside of what is sharp; the very same array at strength 0."""
        if self.strength == 0:
            return pixels
        height, width, _ = pixels.shape
        distances = self._distances(height, width)
        widest = WIDEST * self.strength / 100
        shares = [share for share in LEVELS if share * widest >= FINEST or share == 1]
        blurred = pixels.copy()
        for finer, share, coarser in zip([0.0, *shares[:-1]], shares, [*shares[1:], inf], strict=True):
            level = _blur(pixels, share * widest * min(height, width))
            down, along = ramp(height, len(level)), ramp(width, level.shape[1] // 3, channels=3)
            turn = self._turn(finer, share, coarser)
            _lay_over(level, down, along, distances, turn, blurred.reshape(height, -1))
        return blurred

    def _distances(self, height: int, width: int) -> Distances:
        """Of every pixel, from the disc's centre or from the band's middle."""
        down = ((centres(height) - self.y) * height / min(height, width)).astype(np.float32)
        across = ((centres(width) - self.x) * width / min(height, width)).astype(np.float32)
        if self.shape == "radial":
            return across, np.zeros_like(down), down * down
        turned = radians(self.angle)
        return across * np.float32(-sin(turned)), down * np.float32(cos(turned)), np.zeros_like(down)

    def _turn(self, finer: float, share: float, coarser: float) -> Turn:
        """When a level is seen that lies between two others, all being shares of the widest."""
        start, end = self.radius**2, (self.radius + FALLOFF) ** 2
        s = 0.5 - sin(asin(1 - 2 * coarser) / 3) if coarser < 1 else 1.0  # the inverse of 3s² - 2s³
        hidden = start + s * (end - start) if coarser <= 1 else inf
        return start, 1 / (end - start), finer**2, 1 / (share**2 - finer**2), hidden


def _blur(pixels: Pixels, sigma: float) -> Plane:
    """A Gaussian blur of `sigma` pixels on a coarse copy, whose making and enlarging blur a part of it already."""
    times = min(1 << int(log2(max(sigma / COARSEST, 1))), LARGEST_BLOCK)
    blocks, enlarging = (times**2 - 1) / 12, (times**2 - 1) / 6  # variances of a box and of a triangle
    return smooth(coarsen(pixels, times), sqrt(sigma**2 - blocks - enlarging) / times, channels=3)


@njit(inline="always")
def _visible(across: Plane, place: Place, hidden: float) -> tuple[int, int]:
    """From which to which pixel of a row a level is seen: what hides it lies at the ends, as distances rise there."""
    shift, more = place
    left, right = 0, across.size
    while left < right and (across[left] + shift) ** 2 + more >= hidden:
        left += 1
    while left < right and (across[right - 1] + shift) ** 2 + more >= hidden:
        right -= 1
    return left, right


@njit(inline="always")
def _cover(across: Plane, place: Place, turn: Turn, covers: Plane) -> None:
    """How much of a level covers each pixel of a row, 0 to 1."""
    shift, more = place
    start, rise, variance, gain, _ = turn
    nothing, whole = np.float32(0), np.float32(1)
    for x in range(across.size):
        distance = across[x] + shift
        s = min(max((distance * distance + more - start) * rise, nothing), whole)
        deviation = s * s * (np.float32(3) - np.float32(2) * s)
        covers[x] = min(max((deviation * deviation - variance) * gain, nothing), whole)


@njit(inline="always")
def _repeat(covers: Plane, each: Plane) -> None:
    """A pixel's number for each of its samples."""
    for x in range(covers.size):
        for c in range(3):
            each[3 * x + c] = covers[x]


@njit(inline="always")
def _blend(top: Plane, bottom: Plane, share: np.float32, covers: Plane, line: Pixels) -> None:
    """Lay what is between two rows of a level over a line."""
    for i in range(line.size):
        sharp = np.float32(line[i])
        blended = between(sharp, between(top[i], bottom[i], share), covers[i])
        line[i] = np.uint8(np.int32(blended + np.float32(0.5)))  # by way of int32, which processors convert to


@njit(inline="always")
def _hold(level: Plane, row: np.uint32, along: Ramp, wide: Plane, held: NDArray[np.uint32]) -> Plane:
    """A level's row at full width. The last two are held, since a row serves many of the picture's."""
    slot = row & np.uint32(1)
    line: Plane = wide[slot]
    if held[slot] != row:
        widen_row(level[row], along, line)
        held[slot] = row
    return line


@njit(void(PLANE, RAMP, RAMP, _DISTANCES, _TURN, uint8[:, ::1]), cache=True)
def _lay_over(level: Plane, down: Ramp, along: Ramp, distances: Distances, turn: Turn, samples: Pixels) -> None:
    """Blend a level into the samples, except where another will hide it."""
    across, shift, more = distances
    wide, held = np.empty((2, 3 * across.size), np.float32), np.full(2, NOTHING, np.uint32)
    covers, each = np.empty(across.size, np.float32), np.empty(3 * across.size, np.float32)
    for y in range(shift.size):
        place = shift[y], more[y]
        left, right = _visible(across, place, turn[4])
        if left == right:
            continue
        _cover(across[left:right], place, turn, covers[left:right])
        if max(covers[left], covers[right - 1]) == 0:  # and so it is in between
            continue
        part = slice(3 * left, 3 * right)
        _repeat(covers[left:right], each[part])
        top = _hold(level, down.first[y], along, wide, held)
        bottom = _hold(level, down.second[y], along, wide, held)
        _blend(top[part], bottom[part], down.share[y], each[part], samples[y, part])
