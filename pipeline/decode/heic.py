"""HEIC, by libheif, which applies the container's crop, rotation and mirroring itself."""

from typing import Any

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray

from filters.flatten import flatten_on_white
from pipeline.decode.corrupt import translating_complaints
from pipeline.decode.picture import Picture
from pipeline.decode.samples import to_eight_bits
from pipeline.headers.header import Header

pillow_heif.options.DECODE_THREADS = 1  # workers are processes: a photo gets one core
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False


def decode_heic(data: bytes | memoryview, header: Header) -> Picture:
    """The primary picture, upright: its EXIF orientation only repeats what the container says.

    Raises:
        Rejected: `corrupt_media`.

    Source: ISO/IEC 23008-12, 6.5.10 and A.2.1 (transformations are properties; EXIF is informative).
    """
    with translating_complaints(header):
        file = pillow_heif.open_heif(bytes(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
        image = file[file.primary_index]
        samples = np.asarray(image)
    return Picture(pixels=_to_rgb(samples, image.mode), orientation=header.orientation, profile=header.profile)


def _to_rgb(samples: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    """(h, w) grey or (h, w, 3 or 4) samples of the depth that `mode` names, as (h, w, 3) uint8 RGB on white."""
    kind, _, bits = mode.partition(";")
    small = to_eight_bits(samples, (1 << int(bits)) - 1) if bits else samples
    if kind == "RGBA":
        return flatten_on_white(small)
    if kind == "RGBa":  # premultiplied
        return np.asarray(cv2.add(small[:, :, :3], np.repeat(255 - small[:, :, 3:], 3, axis=2)), np.uint8)
    return small if small.ndim == 3 else np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB), np.uint8)
