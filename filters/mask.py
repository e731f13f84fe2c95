"""Where in the frame something acts, and how much: shapes that follow any size and aspect ratio.

A mask's position value is a sum of what the row and what the column give, so that a kernel needs one addition and one
look-up a pixel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


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


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A ramp across the frame: q = start + u * across + v * down, u and v being shares of width and height."""

    start: float = 0.0
    across: float = 0.0
    down: float = 1.0

    def ramps(self, height: int, width: int) -> tuple[Numbers, Numbers]:
        """What each row (height,) and each column (width,) adds to q, at the pixels' centres."""
        return self.start + centres(height) * self.down, centres(width) * self.across


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A shape and its profile: how much acts, linear between (q, amount) `nodes`, constant outside of them."""

    shape: Radial | Linear
    nodes: tuple[tuple[float, float], ...]  # q rising, amounts 0 to 1

    def amount(self, q: Numbers) -> Numbers:
        """How much acts, 0 to 1, at position values of any shape."""
        positions, amounts = zip(*self.nodes, strict=True)
        return np.interp(q, positions, amounts)

    def draw(self, height: int, width: int) -> Numbers:
        """The amounts of a whole frame, (height, width): the slow way that kernels are compared with."""
        down, across = self.shape.ramps(height, width)
        return self.amount(down[:, None] + across[None, :])


def centres(size: int) -> Numbers:
    """The pixels' centres as shares of the side, (size,)."""
    return (np.arange(size) + 0.5) / size
