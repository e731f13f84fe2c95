"""Tint: a colour that is laid over the shadows or the highlights."""

import numpy as np
from numpy.typing import NDArray

from filters.point import Curves, PointOperation
from filters.recipe.model import Tint
from filters.tools.bias import LUMA, cast

COLOURS = {
    "yellow": (1.0, 1.0, 0.0),
    "orange": (1.0, 0.5, 0.0),
    "red": (1.0, 0.0, 0.0),
    "pink": (1.0, 0.0, 0.5),
    "purple": (0.5, 0.0, 1.0),
    "blue": (0.0, 0.0, 1.0),
    "cyan": (0.0, 1.0, 1.0),
    "green": (0.0, 1.0, 0.0),
}  # red, green, blue: hues at steps of 30 to 60 degrees
MOST = 1.0  # of the strongest channel's logarithm at 100: its odds are multiplied or divided by at most e


def tint_shadows(tint: Tint) -> tuple[PointOperation, ...]:
    """Tint the darker tones: a cast towards the colour, weighted by (1 - t)², strongest between tones 50 and 75.

    Black and white stay and every grey keeps its luma: what leans is the colour less its own luma, scaled so that its
    largest part is 1. Slopes stay within 1/6 and 3.
    Source: weighted Schlick's bias, see `filters.tools.bias`.
    """
    leaning = _leaning(tint)
    return (Curves(of=lambda tones: cast(tones, leaning, (1 - tones) ** 2)),)


def tint_highlights(tint: Tint) -> tuple[PointOperation, ...]:
    """Tint the lighter tones: as `tint_shadows`, weighted by t², strongest between tones 180 and 205."""
    leaning = _leaning(tint)
    return (Curves(of=lambda tones: cast(tones, leaning, tones**2)),)


def _leaning(tint: Tint) -> NDArray[np.float64]:
    """The colour's direction without its luma, (3,), as logarithms of the odds' gains."""
    colour = np.array(COLOURS[tint.colour])
    direction = colour - colour @ LUMA
    logarithms: NDArray[np.float64] = MOST * tint.strength / 100 * direction / np.abs(direction).max()
    return logarithms
