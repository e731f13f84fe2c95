"""Where in the frame something acts, and how much: shapes that follow any size and aspect ratio.

Every shape is a polynomial of the place, so that a kernel needs five numbers for a line of the picture, and a whole
vector of pixels takes a dozen instructions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Reals = NDArray[np.float32]

DEGREE = 4
POWERS = tuple((i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i))  # of a term's u and v
POSITIONS = 1 << 11  # steps of the position that kernels tell apart; their tables must leave room in the nearest cache


@dataclass(frozen=True, kw_only=True)
class Field:
    """A smooth surface: q is the sum of coefficient * u^i * v^j over POWERS; u goes across and v down, -1 to 1."""

    coefficients: tuple[float, ...]

    def terms(self) -> Numbers:
        """The coefficients, (len(POWERS),)."""
        return np.array(self.coefficients)


@dataclass(frozen=True, kw_only=True)
class Radial:
    """An ellipse that follows the frame: q is the squared distance from (x, y), in shares of each side, over `reach`.

    With `reach` 0.5 and the centre in the middle, q is 1 in the corners and 0.5 in the middle of each side.
    """

    x: float = 0.5
    y: float = 0.5
    reach: float = 0.5

    def terms(self) -> Numbers:
        """The coefficients, (len(POWERS),): a share is (u + 1) / 2, so its distance from x is u / 2 + 1 / 2 - x."""
        right, down = 0.5 - self.x, 0.5 - self.y
        squares = {(2, 0): 0.25, (1, 0): right, (0, 2): 0.25, (0, 1): down, (0, 0): right * right + down * down}
        return _terms(squares) / self.reach


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A shape and its profile: how much acts, linear between (q, amount) `nodes`, constant outside of them."""

    shape: Field | Radial
    nodes: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))  # q rising, amounts 0 to 1

    def amount(self, q: Numbers) -> Numbers:
        """How much acts, 0 to 1, at position values of any shape."""
        positions, amounts = zip(*self.nodes, strict=True)
        acts: Numbers = np.interp(q, positions, amounts)
        return acts

    def draw(self, height: int, width: int) -> Numbers:
        """The amounts of a whole frame, (height, width): the slow way that kernels are compared with."""
        u, v = 2 * centres(width) - 1, 2 * centres(height)[:, None] - 1
        terms = zip(self.shape.terms(), POWERS, strict=True)
        return self.amount(sum((term * u**i * v**j for term, (i, j) in terms), np.zeros((height, width))))

    def profile(self) -> Numbers:
        """The amount at each step from the first node to the last, (POSITIONS + 1,)."""
        return self.amount(np.linspace(self.nodes[0][0], self.nodes[-1][0], POSITIONS + 1))

    def rows(self, height: int) -> Reals:
        """For each row a polynomial of u, (height, DEGREE + 1), whose whole part is the step of a pixel's position."""
        low, high = self.nodes[0][0], self.nodes[-1][0]
        terms, v = self.shape.terms() * POSITIONS / (high - low), 2 * centres(height) - 1
        rows = np.zeros((height, DEGREE + 1))
        for term, (i, j) in zip(terms, POWERS, strict=True):
            rows[:, i] += term * v**j
        rows[:, 0] += 0.5 - low * POSITIONS / (high - low)
        return rows.astype(np.float32)


def columns(width: int) -> Reals:
    """Each column's u, (width,)."""
    return (2 * centres(width) - 1).astype(np.float32)


def centres(size: int) -> Numbers:
    """The pixels' centres as shares of the side, (size,)."""
    return (np.arange(size) + 0.5) / size


def _terms(coefficients: dict[tuple[int, int], float]) -> Numbers:
    return np.array([coefficients.get(powers, 0.0) for powers in POWERS])
