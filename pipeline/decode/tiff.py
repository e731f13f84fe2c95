"""TIFF, by Pillow; by OpenCV where Pillow would drop the low bits of 16-bit colour."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    EXTRASAMPLES,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    ImageFileDirectory_v2,
)

from pipeline.decode.opencv import decode_with_opencv
from pipeline.decode.picture import Picture
from pipeline.decode.pillow import opened, rgb_from_pillow
from pipeline.decode.samples import rgb_from_opencv
from pipeline.headers.header import Header
from pipeline.strips import strips

TiffImagePlugin.READ_LIBTIFF = True  # Pillow's own reader takes uncompressed planes of 16 bits for planes of 8

_WHITE_IS_ZERO, _RGB = 0, 2  # photometric interpretations
_UNASSOCIATED = 2  # extra sample: straight alpha
_SIGNED = 2  # sample format


def decode_tiff(data: bytes | memoryview, header: Header) -> Picture:
    """The first page, upright: both decoders apply its orientation, as the header knows.

    Raises:
        Rejected: `corrupt_media`.
    """
    with opened(data, header) as image:
        tags = image.tag_v2  # type: ignore[attr-defined]  # a TiffImageFile
        if _is_deep_colour(tags):
            pixels = rgb_from_opencv(decode_with_opencv(data, header))
        elif image.mode.startswith("I") or image.mode == "F":
            pixels = np.repeat(_grey_bytes(image, tags)[:, :, None], 3, axis=2)
        else:
            pixels = rgb_from_pillow(image, header.profile)
        profile = None if image.mode in ("CMYK", "LAB") else header.profile  # those are sRGB now
    return Picture(pixels=pixels, orientation=header.orientation, profile=profile)


def _is_deep_colour(tags: ImageFileDirectory_v2) -> bool:
    """Whether this is 16-bit RGB in a layout that OpenCV reads rightly."""
    depths, extras = tuple(tags.get(BITSPERSAMPLE, (1,))), tuple(tags.get(EXTRASAMPLES, ()))
    known = (depths, extras) in (((16,) * 3, ()), ((16,) * 4, (_UNASSOCIATED,)))
    return known and tags.get(PHOTOMETRIC_INTERPRETATION) == _RGB and tags.get(PLANAR_CONFIGURATION, 1) == 1


def _grey_bytes(image: Image.Image, tags: ImageFileDirectory_v2) -> NDArray[np.uint8]:
    """Grey of 12, 16 or 32 bits or of floats as (h, w) bytes, rounded to nearest; Pillow itself would clip it."""
    samples = np.asarray(image)
    if image.mode == "I" and not _is_signed(tags):
        samples = samples.view(np.uint32)
    white = _white_of(samples, tags)
    grey = np.empty(samples.shape, np.uint8)
    for rows in strips(*samples.shape):
        light = np.clip(np.nan_to_num(samples[rows].astype(np.float64)) / white, 0, 1)
        grey[rows] = np.rint(light * 255)
    return 255 - grey if tags.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO else grey


def _white_of(samples: NDArray[Any], tags: ImageFileDirectory_v2) -> float:
    """The sample that means white. The format sets none for floats: 1, unless the picture goes beyond; then 255."""
    if samples.dtype.kind == "f":
        return 1.0 if np.nanmax(samples) <= 1 else 255.0
    return float((1 << (tags[BITSPERSAMPLE][0] - _is_signed(tags))) - 1)


def _is_signed(tags: ImageFileDirectory_v2) -> bool:
    return bool(tags.get(SAMPLEFORMAT, (1,))[0] == _SIGNED)
