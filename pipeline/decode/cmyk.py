"""JPEGs of four inks."""

from math import ceil

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pipeline.color import cmyk_to_srgb
from pipeline.decode.jpeg import END, check_end, choose_eighths
from pipeline.decode.picture import Picture
from pipeline.decode.pillow import opened
from pipeline.headers.header import Header


def decode_cmyk_jpeg(data: bytes | memoryview, header: Header, scale: float) -> Picture:
    """The picture in sRGB, of CMYK and YCCK alike, at a scale as `decode_jpeg` chooses it.

    Raises:
        Rejected: `corrupt_media`.
    """
    eighths = choose_eighths(header, scale)
    ink = _decode_ink(data, header, ceil(header.width * eighths / 8), ceil(header.height * eighths / 8))
    return Picture(pixels=cmyk_to_srgb(ink, header.profile), orientation=header.orientation, profile=None)


def _decode_ink(data: bytes | memoryview, header: Header, width: int, height: int) -> NDArray[np.uint8]:
    """Four inks, 255 all of it, of at least this size. A photo that lacks only its end marker is whole."""
    try:
        light = simplejpeg.decode_jpeg(bytes(data) + END, "CMYK", min_width=width, min_height=height)
        # Adobe stores the light that each ink leaves, and everybody followed, with its marker or without.
        return np.asarray(cv2.bitwise_not(light), np.uint8)
    except ValueError:  # also for what a decoder can recover from: Pillow overlooks that, but not missing pixels
        check_end(data, header)
        with opened(data, header) as image:
            image.draft("CMYK", (width, height))
            return np.asarray(image)
