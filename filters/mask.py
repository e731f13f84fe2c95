"""Where in the frame something acts, and how much: shapes that follow any size and aspect ratio.

A mask's position value is a sum of what the row and what the column give, so that a kernel needs one addition and one
look-up a pixel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Steps = NDArray[np.uint32]

POSITIONS = 1 << 13  # steps of the position value that kernels tell apart: the steepest real mask turns over hundreds


@dataclass(frozen=True, kw_only=True)
class Radial:
    """An ellipse that follows the frame: q = ((u - x)² + (v - y)²) / reach, u and v being shares of width and height.

    With `reach` 0.5 and the centre in the middle, q is 1 in the corners and 0.5 in the middle of each side.
    """

    x: float = 0.5
    y: float = 0.5
    reach: float = 0.5

    def ramps(self, height: int, width: int) -> tuple[Numbers, Numbers]:
        """What each row (height,) and each column (width,) adds to q, at the pixels' centres."""
        down = (centres(height) - self.y) ** 2 / self.reach
        return down, (centres(width) - self.x) ** 2 / self.reach

    def span(self) -> tuple[float, float]:
        """The least and the greatest q that a frame of any size may have."""
        farthest = max(self.x, 1 - self.x) ** 2 + max(self.y, 1 - self.y) ** 2
        return 0.0, farthest / self.reach


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A ramp across the frame: q = start + u * across + v * down, u and v being shares of width and height."""

    start: float = 0.0
    across: float = 0.0
    down: float = 1.0

    def ramps(self, height: int, width: int) -> tuple[Numbers, Numbers]:
        """What each row (height,) and each column (width,) adds to q, at the pixels' centres."""
        return self.start + centres(height) * self.down, centres(width) * self.across

    def span(self) -> tuple[float, float]:
        """The least and the greatest q that a frame of any size may have."""
        low = self.start + min(self.across, 0.0) + min(self.down, 0.0)
        return low, low + abs(self.across) + abs(self.down)


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A shape and its profile: how much acts, linear between (q, amount) `nodes`, constant outside of them."""

    shape: Radial | Linear
    nodes: tuple[tuple[float, float], ...]  # q rising, amounts 0 to 1

    def amount(self, q: Numbers) -> Numbers:
        """How much acts, 0 to 1, at position values of any shape."""
        positions, amounts = zip(*self.nodes, strict=True)
        acts: Numbers = np.interp(q, positions, amounts)
        return acts

    def draw(self, height: int, width: int) -> Numbers:
        """The amounts of a whole frame, (height, width): the slow way that kernels are compared with."""
        down, across = self.shape.ramps(height, width)
        return self.amount(down[:, None] + across[None, :])

    def profile(self) -> Numbers:
        """The amount at each step of the position value, (POSITIONS + 2,): two ramps may round up together."""
        low, high = self.shape.span()
        return self.amount(low + np.arange(POSITIONS + 2) * (high - low) / POSITIONS)

    def steps(self, height: int, width: int) -> tuple[Steps, Steps]:
        """The ramps in steps: a pixel's is `down[y] + across[x]`, within 0 to POSITIONS + 1."""
        low, high = self.shape.span()
        scale = POSITIONS / (high - low) if high > low else 0.0
        down, across = self.shape.ramps(height, width)
        least = across.min()  # so that neither ramp goes below zero, whichever way they slope
        return _whole((down + least - low) * scale), _whole((across - least) * scale)


def centres(size: int) -> Numbers:
    """The pixels' centres as shares of the side, (size,)."""
    return (np.arange(size) + 0.5) / size


def _whole(steps: Numbers) -> Steps:
    whole: Steps = np.rint(np.maximum(steps, 0.0)).astype(np.uint32)
    return whole
