"""Contrast: an S around the middle tone that keeps black, middle and white."""

import numpy as np

from filters.point import Curves, PointOperation
from filters.tools.bias import bias

MOST = 2.0  # slope at the middle tone at 100, and of black and white at -100


def contrast(value: float) -> tuple[PointOperation, ...]:
    """More contrast (up to 100) or less (down to -100): the bias of each tone's distance d = 2t - 1 from the middle.

    t becomes (1 + sign(d) · bias(|d|, 2^(value / 100))) / 2. The slope is 2^(value / 100) at the middle and its inverse
    at both ends, so within 1/2 and 2, and continuous; -value undoes +value exactly.
    Source: Schlick's gain, see `filters.tools.bias`, which is a bias of either half.
    """
    gain = MOST ** (value / 100)
    return (Curves(of=lambda tones: 0.5 + np.copysign(bias(np.abs(2 * tones - 1), gain), tones - 0.5) / 2),)
