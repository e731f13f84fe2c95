"""From a decoder's samples to a picture's pixels."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.flatten import flatten_on_white
from pipeline.strips import strips

# To RGB or RGBA, by the number of channels that OpenCV gave.
_FROM_BGR = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def to_eight_bits(samples: NDArray[np.uint16], white: float = 65535) -> NDArray[np.uint8]:
    """Samples of any shape up to `white` as bytes up to 255, rounded to nearest."""
    # No value lies between two bytes, so float32 rounds as exact arithmetic would.
    return np.asarray(cv2.convertScaleAbs(samples, alpha=255 / white), np.uint8).reshape(samples.shape)


def rgb_from_opencv(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """(h, w) grey or (h, w, 3 or 4) BGR(A), uint8 or uint16, as (h, w, 3) uint8 RGB, its alpha flattened on white."""
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    for rows in strips(*pixels.shape[:2]):
        rgb[rows] = _strip_to_rgb(pixels[rows])
    return rgb


def _strip_to_rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    small = to_eight_bits(pixels) if pixels.dtype == np.uint16 else pixels
    rgb = np.asarray(cv2.cvtColor(small, _FROM_BGR[1 if small.ndim == 2 else small.shape[2]]), np.uint8)
    return np.asarray(flatten_on_white(rgb), np.uint8) if rgb.shape[2] == 4 else rgb
