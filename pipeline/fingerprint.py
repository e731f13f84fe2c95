"""What a picture looks like in a few bytes: to find its near copies, and to name its colour."""

import cv2
import numpy as np
from numpy.typing import NDArray

from filters.resample import resample

SIDE = 32  # of the grey picture that is transformed
KEPT = 8  # frequencies in each direction
BIN_BITS = 5  # dropped of each channel: 8 x 8 x 8 bins


def perceptual_hash(pixels: NDArray[np.uint8]) -> str:
    """64 bits in hexadecimal, of which similar pictures share most; compare by Hamming distance.

    `pixels` is (h, w, 3) uint8 RGB. A bit says whether one of the lowest 8 x 8 frequencies of the 32 x 32 grey picture
    is above their median; row by row, the most significant bit first.
    Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    reduced = resample(pixels, min(SIDE, pixels.shape[0]), min(SIDE, pixels.shape[1]))
    grey = cv2.resize(cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY), (SIDE, SIDE))
    lowest = cv2.dct(grey.astype(np.float32))[:KEPT, :KEPT]
    bits: NDArray[np.uint8] = np.packbits(lowest > np.median(lowest))
    return bits.tobytes().hex()


def dominant_colour(pixels: NDArray[np.uint8]) -> str:
    """The colour that most of the picture has, as `#rrggbb`.

    `pixels` is (h, w, 3) uint8 RGB. The colours are sorted into 512 bins, and the fullest one's are averaged: unlike
    the average of everything, which is grey for most photos, it is a colour that can be found in the picture.
    """
    colours = pixels.reshape(-1, 3)
    red, green, blue = (colours >> BIN_BITS).astype(np.intp).T
    bins = (red << 6) | (green << 3) | blue
    fullest = colours[bins == np.bincount(bins).argmax()]
    average: NDArray[np.uint8] = np.rint(fullest.mean(axis=0)).astype(np.uint8)
    return "#" + average.tobytes().hex()
