"""Pillow's decoders, one format at a time, and its modes as pixels."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

# The plugins register themselves; imported here, because a sandboxed process cannot open their files later.
from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, TiffImagePlugin  # noqa: F401

from filters.flatten import flatten_on_white
from pipeline.color import cmyk_to_srgb, lab_to_srgb
from pipeline.decode.corrupt import translating_complaints
from pipeline.decode.picture import Picture
from pipeline.headers.header import Header
from pipeline.strips import strips

Image.MAX_IMAGE_PIXELS = None  # the header was checked against our own limits
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # workers are processes: a photo gets one core


@contextmanager
def opened(data: bytes | memoryview, header: Header) -> Iterator[Image.Image]:
    """The photo's first frame, opened by its own format's plugin alone; decoded inside of the `with` block.

    Raises:
        Rejected: `corrupt_media`, for all that fails inside of the block too.
    """
    with translating_complaints(header):
        yield Image.open(io.BytesIO(data), formats=[header.format.value])


def decode_with_pillow(data: bytes | memoryview, header: Header) -> Picture:
    """The first frame of a GIF, BMP or AVIF. Pillow leaves AVIF's rotation and mirroring to us.

    An AVIF of more than 8 bits is rounded by libavif. One in a wide or HDR space that is named by numbers (CICP), not
    by an ICC profile, is shown as if it were sRGB, as Pillow and libvips do.

    Raises:
        Rejected: `corrupt_media`.
    """
    with opened(data, header) as image:
        pixels = rgb_from_pillow(image, header.profile)
    return Picture(pixels=pixels, orientation=header.orientation, profile=header.profile)


def rgb_from_pillow(image: Image.Image, profile: bytes | None) -> NDArray[np.uint8]:
    """An image of any mode with 8 bits a sample as (h, w, 3) uint8 RGB, its alpha flattened on white.

    CMYK is brought to sRGB by `profile`, LAB by its definition. RGB is left in its own space.
    """
    image.load()
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows in strips(image.height, image.width):
        pixels[rows] = _strip_to_rgb(image.crop((0, rows.start, image.width, rows.stop)), profile)
    return pixels


def _strip_to_rgb(strip: Image.Image, profile: bytes | None) -> NDArray[np.uint8]:
    if strip.has_transparency_data:
        return flatten_on_white(np.asarray(strip.convert("RGBA")))
    if strip.mode == "CMYK":
        return cmyk_to_srgb(np.asarray(strip), profile)
    if strip.mode == "LAB":
        return lab_to_srgb(strip)
    return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
