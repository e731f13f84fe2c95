"""TIFF: deep samples by OpenCV, which keeps all of their bits; the rest by Pillow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from pipeline.decode.corrupt import unknown_variant
from pipeline.decode.opencv import decode_with_opencv
from pipeline.decode.picture import Picture
from pipeline.decode.pillow import opened, rgb_from_pillow
from pipeline.decode.samples import rgb_from_opencv
from pipeline.headers.header import Header
from pipeline.headers.ifd import Directory
from pipeline.headers.tiff import (
    BITS,
    COMPRESSION,
    EXTRA_SAMPLES,
    FLOAT,
    ORIENTATION,
    PHOTOMETRIC,
    PLANES,
    SAMPLE_FORMAT,
    SAMPLES,
    SIGNED,
    UNSIGNED,
    WHITE_IS_ZERO,
    read_first_page,
)

TiffImagePlugin.READ_LIBTIFF = True  # Pillow's own reader takes uncompressed planes of 16 bits for planes of 8

_STRAIGHT_ALPHA = (2,)  # extra samples
_GREY, _COLOUR, _COLOUR_AND_ALPHA = (1, ()), (3, ()), (4, _STRAIGHT_ALPHA)  # samples of a pixel, the extra ones of them
_LAYOUTS = {0: (_GREY,), 1: (_GREY,), 2: (_COLOUR, _COLOUR_AND_ALPHA)}  # by photometric interpretation
_DEPTHS = {UNSIGNED: (16, 32), SIGNED: (16, 32), FLOAT: (32,)}  # bits by sample format
_COMPRESSIONS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, PackBits, old deflate: those that OpenCV was built with


def decode_tiff(data: bytes | memoryview, header: Header) -> Picture:
    """The first page, upright or not: each decoder turns it by the orientations that it knows of.

    Raises:
        Rejected: `corrupt_media` or `unsupported_variant`.
    """
    page = read_first_page(memoryview(data))
    if _is_deep(page):
        return _decode_deep(data, header, page)
    with opened(data, header) as image:
        turned = image.getexif().get(ORIENTATION)
        inks = image.mode in ("CMYK", "LAB")
        if image.mode.startswith("I;16"):
            image.load()
            pixels = _in_colour(np.asarray(image), page)
        elif image.mode in ("I", "F"):  # in an odd compression; Pillow swaps the bytes of some
            raise unknown_variant(header, f"samples of {header.bits} bits in compression {page.integer(COMPRESSION)}")
        else:
            pixels = rgb_from_pillow(image, header.profile)
    return Picture(pixels=pixels, orientation=_left_to_turn(turned, header), profile=None if inks else header.profile)


def _is_deep(page: Directory) -> bool:
    """Whether this is grey or colour of more than 8 bits, in a layout that OpenCV reads rightly."""
    samples = page.integer(SAMPLES) or 1
    layout = samples, page.integers(EXTRA_SAMPLES)
    return (
        layout in _LAYOUTS.get(page.integer(PHOTOMETRIC) or 0, ())
        and _depth(page) in _DEPTHS.get(_format(page), ())
        and (samples == 1 or page.integer(PLANES) in (None, 1))
        and (page.integer(COMPRESSION) or 1) in _COMPRESSIONS
    )


def _decode_deep(data: bytes | memoryview, header: Header, page: Directory) -> Picture:
    pixels = _in_colour(decode_with_opencv(data, header), page)
    left = _left_to_turn(page.integer(ORIENTATION), header)
    return Picture(pixels=pixels, orientation=left, profile=header.profile)


def _in_colour(samples: NDArray[Any], page: Directory) -> NDArray[np.uint8]:
    """Samples of any depth as (h, w, 3) uint8 RGB, rounded to nearest."""
    pixels = rgb_from_opencv(samples, _white_of(samples, page))
    if (page.integer(PHOTOMETRIC) or 0) == WHITE_IS_ZERO:
        np.invert(pixels, out=pixels)
    return pixels


def _white_of(samples: NDArray[Any], page: Directory) -> float:
    """The sample that means white. The format sets none for floats: 1, unless the picture goes beyond; then 255."""
    if samples.dtype.kind == "f":
        return 1.0 if np.fmax.reduce(samples, axis=None) <= 1 else 255.0
    return float((1 << (_depth(page) - (_format(page) == SIGNED))) - 1)


def _depth(page: Directory) -> int:
    """The bits of each sample; 0 if they differ."""
    depths = set(page.integers(BITS))
    return depths.pop() if len(depths) == 1 else 0


def _format(page: Directory) -> int:
    return page.integer(SAMPLE_FORMAT) or UNSIGNED


def _left_to_turn(turned: int | None, header: Header) -> int:
    """The orientation that is left after a decoder has turned the picture by the orientation `turned`.

    The header also finds what is written where, or as, the decoders do not expect it.
    """
    return 1 if turned in range(2, 9) else header.orientation
