"""Warmth: the light's colour, from blue to yellow."""

import numpy as np

from filters.point import Curves, PointOperation
from filters.tools.bias import cast

# How the logarithms of daylight's red, green and blue change from 6500 K on, towards lower temperatures, in units of
# blue's. Source: the daylight locus of CIE 15:2018, equation 4.11, in linear sRGB, its tangent at 6504 K.
DAYLIGHT = np.array([0.53, -0.06, -1.0])
MOST = 0.5  # of blue's logarithm at 100: the grey 128 goes to (145, 126, 97), or at -100 to (111, 130, 159)


def warmth(value: float) -> tuple[PointOperation, ...]:
    """Warmer (up to 100) or cooler (down to -100): a cast along the daylight locus, on the odds of encoded tones.

    Red's odds are multiplied by about exp(0.265 · value / 100), blue's by about exp(-0.5 · value / 100); the cast keeps
    every grey's luma. Black and white stay; slopes stay within 0.59 and 1.63.
    """
    leaning = MOST * value / 100 * DAYLIGHT
    return (Curves(of=lambda tones: cast(tones, leaning)),)
