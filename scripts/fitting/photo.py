"""A photo as a fit sees it: what each basis function comes to in each block of pixels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filters.spline import spline_basis
from scripts.benches.oracle import SCORED_SIDE

Numbers = NDArray[np.float64]

NODES = 9  # values of a curve: more fit the photos given better and others worse


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """The blocks of a centred square, n = 150 x 150 of them, row by row."""

    tones: Numbers  # (n, 3), the averages
    curves: Numbers  # (3, n, NODES): the averages of each channel's spline basis


def describe_photo(pixels: NDArray[np.uint8]) -> Photo:
    """What a fit needs of a photo, (h, w, 3) uint8."""
    square = centre_blocks(pixels) / 255
    averaged = [_average(spline_basis(square[..., c].reshape(-1), NODES), square.shape[:2]) for c in range(3)]
    return Photo(tones=_average(square.reshape(-1, 3), square.shape[:2]), curves=np.stack(averaged))


def average_tones(pixels: NDArray[np.uint8]) -> Numbers:
    """The average tones of the blocks, (n, 3), of a picture (h, w, 3) uint8."""
    square = centre_blocks(pixels) / 255
    return _average(square.reshape(-1, 3), square.shape[:2])


def centre_blocks(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest centred square whose side is a multiple of the blocks' number.

    Raises:
        ValueError: the picture is smaller than that.
    """
    side = min(pixels.shape[:2]) // SCORED_SIDE * SCORED_SIDE
    if not side:
        raise ValueError(f"{pixels.shape[1]} x {pixels.shape[0]} pixels are too few: {SCORED_SIDE} x {SCORED_SIDE}")
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[top : top + side, left : left + side]


def _average(values: Numbers, shape: tuple[int, ...]) -> Numbers:
    """(pixels, k) of a square picture of this shape to the averages of its blocks, (n, k)."""
    block = shape[0] // SCORED_SIDE
    blocks = values.reshape(SCORED_SIDE, block, SCORED_SIDE, block, -1)
    averages: Numbers = blocks.mean(axis=(1, 3)).reshape(SCORED_SIDE**2, -1)
    return averages


Pairs = Mapping[str, tuple[Photo, Numbers]]  # by the photo's name: the photo, and its render's average tones (n, 3)
