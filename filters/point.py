"""Point operations as float64 mathematics: what they mean, before the compiler makes tables of them.

Colours are (..., 3) float64, RGB, sRGB-encoded tones from 0 to 1. Every operation takes and gives tones within 0 to 1
(it clips what leaves), so operations compose in any order and "unfused" means: one after the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from filters.mask import Mask

Colours = NDArray[np.float64]

MOST_BENDS = 4  # of a model by its mask's amount; looks have two


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Each channel by itself: of(colours)[..., c] depends on colours[..., c] alone."""

    of: Callable[[Colours], Colours]

    def __call__(self, colours: Colours) -> Colours:
        """The curves' tones."""
        return np.clip(self.of(colours), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Each channel a weighted sum of the three, and an offset."""

    weights: NDArray[np.float64]  # (3, 3): result, source
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def __call__(self, colours: Colours) -> Colours:
        """The sums."""
        return np.clip(colours @ self.weights.T + self.offset, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Additive:
    """A generalised additive model: out_c = clip( Σ_j parts(tone_j)[j, c] ), blended with what came in by `strength`.

    `parts` takes tones (n,) and the mask's amount (a number) and gives (3, 3, n): source channel, result channel, tone.
    Of the amount it is a polynomial of degree MOST_BENDS at most, so that few amounts tell all.
    `strength` is 0 to 1. At the centre of the frame, or without a mask, the amount is 0.
    Source: T. Hastie, R. Tibshirani, "Generalized Additive Models", 1986.
    """

    parts: Callable[[NDArray[np.float64], float], NDArray[np.float64]]
    strength: float = 1.0
    mask: Mask | None = None

    def __call__(self, colours: Colours, amount: float = 0.0) -> Colours:
        """The model's tones where the mask's amount is `amount`."""
        flat = colours.reshape(-1, 3)
        sums: Colours = sum((self.parts(flat[:, j], amount)[j].T for j in range(3)), np.zeros(flat.shape))
        return (flat + self.strength * (np.clip(sums, 0.0, 1.0) - flat)).reshape(colours.shape)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A grid of colours with tetrahedral interpolation between them, blended with what came in by `strength`.

    Source: J. Kasson, S. Nin, W. Plouffe, J. Hafner, "Performing color space conversions with three-dimensional linear
    interpolation", 1995.
    """

    grid: NDArray[np.float64]  # (n, n, n, 3), indexed [red, green, blue]
    low: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))  # the tones of the grid's first cell
    high: NDArray[np.float64] = field(default_factory=lambda: np.ones(3))  # and of its last
    strength: float = 1.0

    def __call__(self, colours: Colours) -> Colours:
        """The grid's colours, clipped and blended."""
        blended: Colours = colours + self.strength * (np.clip(self.interpolate(colours), 0.0, 1.0) - colours)
        return blended

    def interpolate(self, colours: Colours) -> Colours:
        """Of four corners of a cell, from its first to its last along the greatest share first; not clipped."""
        flat, side = colours.reshape(-1, 3), len(self.grid)
        positions = np.clip((flat - self.low) / (self.high - self.low), 0.0, 1.0) * (side - 1)
        cells = np.minimum(positions.astype(np.intp), side - 2)
        red, green, blue = (positions - cells).T  # shares of the way through the cell
        most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        middle = red + green + blue - most - least
        strides = side ** np.arange(2, -1, -1)
        along = np.where(red == most, strides[0], np.where(green == most, strides[1], strides[2]))
        short = np.where(blue == least, strides[2], np.where(green == least, strides[1], strides[0]))
        first, last = cells @ strides, cells @ strides + strides.sum()
        corners = (first, along + first, last - short, last)
        weights = (1.0 - most, most - middle, middle - least, least)
        vertices = self.grid.reshape(-1, 3)
        found: Colours = sum(
            (weight[:, None] * vertices[at] for weight, at in zip(weights, corners, strict=True)), np.zeros(flat.shape)
        )
        return found.reshape(colours.shape)


Mix = Matrix | Additive | Table  # what lets channels act on each other
PointOperation = Curves | Mix


def follow(operations: Iterable[PointOperation], colours: Colours) -> Colours:
    """One operation after the other, each at the centre of the frame."""
    return reduce(lambda changed, operation: operation(changed), operations, colours)
