"""Tilt-shift: a disc or a band stays sharp, and the rest grows blurred with its distance, as in a photo of a model."""

from dataclasses import dataclass
from math import cos, log2, radians, sin, sqrt

import numpy as np
from numba import boolean, float32, njit, types, uint8, void

from filters.local.coarse import RAMP, Pixels, Plane, Ramp, between, coarsen, ramp, smooth, widen
from filters.mask import centres

WIDEST = 0.025  # standard deviation of the blur at strength 100, as a share of the shorter side: 27 pixels of 1080
LEVELS = (0.2, 0.45, 1.0)  # of the widest: what is in between is a blend of two neighbours
FALLOFF = 0.25  # from the edge of what is sharp to full blur, as a share of the shorter side
COARSEST = 1.2  # standard deviation in samples of the coarse copy, at least: less would show its grid

_PLANE = types.Array(float32, 2, "C", readonly=True)
_FALLOFF = types.Tuple((boolean, float32, float32, float32))  # type: ignore[no-untyped-call]

Falloff = tuple[bool, float, float, float]


@dataclass(frozen=True, kw_only=True)
class TiltShift:
    """What stays sharp, as in the recipe: `shape` radial or linear; the centre `x`, `y` in shares of width and height.

    `radius` is the disc's, or half the band's width, as a share of the shorter side; `angle` the band's, in degrees
    clockwise from horizontal; `strength` 0 to 100, to which the widths of the blurs are proportional.

    With d the distance from the centre, or from the band's middle, as a share of the shorter side, the blur's progress
    is p = 3s² - 2s³, s = (d² - radius²) / ((radius + FALLOFF)² - radius²) within 0 to 1. Three Gaussian blurs, each
    of a copy as coarse as does not show, are laid over each other: at p = 1/3 only the first is seen, at 2/3 only the
    second, at 1 only the third, and in between two are blended. Where s is 0 every sample stays as it was.

    At 1080 pixels and then reduced to 150 by area it differs from itself at 150 by at most 1 level on average.
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
        down, across = self._distances(height, width)
        widest = WIDEST * self.strength / 100 * min(height, width)
        blurred = pixels.copy()
        for turn, share in enumerate(LEVELS):
            level = widen(_blur(pixels, share * widest), width, channels=3)
            rows = ramp(height, level.shape[0])
            _lay_over(level, rows, down, across, (*self._falloff(), turn), blurred.reshape(height, -1))
        return blurred

    def _distances(self, height: int, width: int) -> tuple[Plane, Plane]:
        """What rows (height,) and columns (width,) add up to: d² from a disc's centre, d from a band's middle."""
        down = (centres(height) - self.y) * height / min(height, width)
        across = (centres(width) - self.x) * width / min(height, width)
        if self.shape == "radial":
            return (down**2).astype(np.float32), (across**2).astype(np.float32)
        turned = radians(self.angle)
        return (cos(turned) * down).astype(np.float32), (-sin(turned) * across).astype(np.float32)

    def _falloff(self) -> tuple[bool, float, float]:
        """Whether distances have to be squared yet, the d² where blur begins, how fast s rises from there."""
        return self.shape == "linear", self.radius**2, 1 / ((self.radius + FALLOFF) ** 2 - self.radius**2)


def _blur(pixels: Pixels, sigma: float) -> Plane:
    """A Gaussian blur of `sigma` pixels on a coarse copy, whose making and enlarging blur a part of it already."""
    times = 1 << max(0, int(log2(max(sigma / COARSEST, 1))))
    blocks, enlarging = (times**2 - 1) / 12, (times**2 - 1) / 6  # variances of a box and of a triangle
    return smooth(coarsen(pixels, times), sqrt(sigma**2 - blocks - enlarging) / times, channels=3)


@njit(inline="always")
def _clip(share: np.float32) -> np.float32:
    """Within 0 to 1."""
    return min(max(share, np.float32(0)), np.float32(1))


@njit(inline="always")
def _cover(distance: np.float32, falloff: Falloff) -> np.float32:
    """How much of a level covers a pixel: 0 before its turn has come, above 1 where the next one's has."""
    is_line, start, rise, turn = falloff
    square = distance * distance if is_line else distance
    s = _clip((square - start) * rise)
    return np.float32(len(LEVELS)) * s * s * (np.float32(3) - np.float32(2) * s) - turn


@njit(inline="always")
def _visible(down: np.float32, across: Plane, falloff: Falloff) -> tuple[int, int]:
    """From which to which pixel of a row a level is seen.

    Distances rise towards both ends: there it is hidden, if anywhere, and if it does not cover the ends, then nothing.
    """
    left, right = 0, across.size
    while left < right and _cover(down + across[left], falloff) >= 2:
        left += 1
    while left < right and _cover(down + across[right - 1], falloff) >= 2:
        right -= 1
    if left < right and _cover(down + across[left], falloff) <= 0 and _cover(down + across[right - 1], falloff) <= 0:
        return 0, 0
    return left, right


@njit(inline="always")
def _blend(top: Plane, bottom: Plane, share: np.float32, covers: Plane, line: Pixels) -> None:
    """Lay what is between two rows of a level over a line."""
    for i in range(line.size):
        sharp = np.float32(line[i])
        blended = between(sharp, between(top[i], bottom[i], share), covers[i])
        line[i] = np.uint8(np.int32(blended + np.float32(0.5)))  # by way of int32, which processors convert to


@njit(void(_PLANE, RAMP, float32[::1], float32[::1], _FALLOFF, uint8[:, ::1]), cache=True)
def _lay_over(level: Plane, rows: Ramp, down: Plane, across: Plane, falloff: Falloff, samples: Pixels) -> None:
    """Blend a level into the samples, except where another will hide it."""
    each = np.empty(3 * across.size, np.float32)
    for y in range(down.size):
        left, right = _visible(down[y], across, falloff)
        for x in range(left, right):
            each[3 * x] = each[3 * x + 1] = each[3 * x + 2] = _clip(_cover(down[y] + across[x], falloff))
        part = slice(3 * left, 3 * right)
        top, bottom = level[rows.first[y], part], level[rows.second[y], part]
        _blend(top, bottom, rows.share[y], each[part], samples[y, part])
