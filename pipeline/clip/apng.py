"""An animation as APNG: each picture once and without loss, for as long as it is shown, however long that is.

Source: Portable Network Graphics (third edition, W3C), which has animation in it.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {3: 2, 4: 6}  # by channels: RGB, RGBA
SUB = 1  # the filter: what a byte has more than the one of the pixel before
FAST = 1  # of zlib's levels: the file is read a few times and deleted
LONGEST = 65_535  # of a delay's numerator


def apng_chunks(pictures: Iterable[tuple[NDArray[np.uint8], int]], count: int) -> Iterator[bytes]:
    """The pieces of a file of `count` pictures, (h, w, 3 or 4) uint8 of one shape, each with its milliseconds."""
    number = 0
    for place, (pixels, milliseconds) in enumerate(pictures):
        height, width, channels = pixels.shape
        if place == 0:
            yield SIGNATURE + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0))
            yield chunk(b"acTL", struct.pack(">2I", count, 0))
        yield chunk(b"fcTL", struct.pack(">5I2H2B", number, width, height, 0, 0, *delay(milliseconds), 0, 0))
        data = compressed(pixels)
        yield chunk(b"fdAT", struct.pack(">I", number + 1) + data) if place else chunk(b"IDAT", data)
        number += 2 if place else 1
    yield chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def delay(milliseconds: int) -> tuple[int, int]:
    """A time as a fraction of a second, of two 16-bit numbers; beyond a minute to a hundredth, up to ten minutes."""
    return (milliseconds, 1000) if milliseconds <= LONGEST else (min(round(milliseconds / 10), LONGEST), 100)


def compressed(pixels: NDArray[np.uint8]) -> bytes:
    """A picture's rows, filtered and deflated."""
    height, width, channels = pixels.shape
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = SUB
    rows[:, 1:] = pixels.reshape(height, -1)
    rows[:, 1 + channels :] -= pixels.reshape(height, -1)[:, :-channels]
    return zlib.compress(rows.data, FAST)
