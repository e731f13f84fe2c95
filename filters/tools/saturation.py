"""Saturation: how far each colour is from the grey of its luma."""

import numpy as np

from filters.point import Matrix, PointOperation
from filters.tools.bias import LUMA


def saturation(value: float) -> tuple[PointOperation, ...]:
    """Monochrome at -100, twice as colourful at 100: luma + (1 + value / 100) · (c - luma) of each channel.

    Luma is kept as long as no channel leaves 0 to 1, where it is clipped. No slope is above 2.
    Source: P. Haeberli, "Matrix Operations for Image Processing", 1993, with the weights of ITU-R BT.709.
    """
    share = 1 + value / 100
    return (Matrix(weights=share * np.eye(3) + (1 - share) * LUMA),)
