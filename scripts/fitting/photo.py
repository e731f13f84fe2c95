"""A photo as a fit sees it: what each basis function comes to in each block of pixels."""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from filters.look import NODES
from filters.spline import spline_basis
from scripts.benches.oracle import SCORED_SIDE

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """The blocks of a square picture, n = 150 x 150 of them, row by row."""

    tones: Numbers  # (n, 3), the averages
    curves: Numbers  # (3, n, NODES): the averages of each channel's spline basis


def describe_photo(pixels: NDArray[np.uint8]) -> Photo:
    """What a fit needs of a photo, (side, side, 3) uint8, the side being a multiple of 150."""
    channels = (pixels / 255).reshape(-1, 3).T
    return Photo(tones=average_tones(pixels), curves=np.stack([_average(spline_basis(c, NODES)) for c in channels]))


def average_tones(pixels: NDArray[np.uint8]) -> Numbers:
    """The average tones of the blocks, (n, 3), of such a picture."""
    return _average((pixels / 255).reshape(-1, 3))


def _average(values: Numbers) -> Numbers:
    """(pixels, k) of a square picture to the averages of its blocks, (n, k)."""
    block = isqrt(len(values)) // SCORED_SIDE
    averages: Numbers = values.reshape(SCORED_SIDE, block, SCORED_SIDE, block, -1).mean(axis=(1, 3))
    return averages.reshape(SCORED_SIDE**2, -1)
