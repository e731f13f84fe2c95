"""The transfer curve of sRGB, both ways. Source: IEC 61966-2-1."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def light_of(tone: Numbers) -> Numbers:
    """Light, 0 to 1, of encoded tones, 0 to 1; any shape."""
    return np.where(tone <= 0.04045, tone / 12.92, ((tone + 0.055) / 1.055) ** 2.4)


def tone_of(light: Numbers) -> Numbers:
    """Encoded tones, 0 to 1, of light, 0 to 1; any shape."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
