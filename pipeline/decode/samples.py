"""From a decoder's samples to a picture's pixels."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.flatten import flatten_on_white
from pipeline.strips import strips

# To RGB or RGBA, by the number of channels that OpenCV gave.
_FROM_BGR = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def to_eight_bits(samples: NDArray[Any], white: float = 65535) -> NDArray[np.uint8]:
    """Samples of any shape and kind, 0 to `white`, as bytes up to 255, rounded to nearest; what lies beyond is cut."""
    if samples.dtype == np.uint16:
        # No value lies between two bytes, so float32 rounds as exact arithmetic would.
        return np.asarray(cv2.convertScaleAbs(samples, alpha=255 / white), np.uint8).reshape(samples.shape)
    light = np.clip(np.nan_to_num(samples.astype(np.float64)) / white, 0, 1)
    return np.rint(light * 255).astype(np.uint8)


def rgb_from_opencv(pixels: NDArray[Any], white: float = 65535) -> NDArray[np.uint8]:
    """(h, w) grey or (h, w, 3 or 4) BGR(A) as (h, w, 3) uint8 RGB, its alpha flattened on white.

    Samples are uint8, or of any other kind from 0 to `white`.
    """
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    for rows in strips(*pixels.shape[:2]):
        rgb[rows] = _strip_to_rgb(pixels[rows], white)
    return rgb


def _strip_to_rgb(pixels: NDArray[Any], white: float) -> NDArray[np.uint8]:
    small = pixels if pixels.dtype == np.uint8 else to_eight_bits(pixels, white)
    rgb = np.asarray(cv2.cvtColor(small, _FROM_BGR[1 if small.ndim == 2 else small.shape[2]]), np.uint8)
    return np.asarray(flatten_on_white(rgb), np.uint8) if rgb.shape[2] == 4 else rgb
