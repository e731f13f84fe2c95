"""Colour comes home: from whatever an original was tagged with to sRGB."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from filters.matrix_curve import STEPS, apply_matrix_curve
from filters.srgb import tone_of
from pipeline import icc
from pipeline.strips import strips

UNREADABLE = "unreadable"
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}

# From XYZ at D50 to sRGB's light: the inverse of sRGB's primaries, adapted from D65 by Bradford.
# Source: IEC 61966-2-1, ICC.1:2022 annex E; the adapted primaries are those of the ICC's own sRGB profiles.
_TO_SRGB_LIGHT = np.linalg.inv(
    np.array(
        [
            [0.43606567, 0.38514709, 0.14306641],
            [0.22248840, 0.71687317, 0.06060791],
            [0.01391602, 0.09706116, 0.71408081],
        ]
    )
)


@dataclass(frozen=True, kw_only=True)
class _Factors:
    """What the kernel multiplies with: (3, 256) light of each byte, (3, 3) from that light to sRGB's; float32."""

    curves: NDArray[np.float32]
    matrix: NDArray[np.float32]


def to_srgb(pixels: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """Pixels of an RGB profile, as sRGB.

    (h, w, 3) uint8 to the same; the very same array if there is no profile, if it means sRGB to within a level, or if
    it cannot be read (`profile_name` then says so). Profiles of curves and a matrix are converted relative to the
    white point, without black point compensation; profiles of tables as lcms does, perceptually.
    """
    conversion = _conversion(profile) if profile else None
    if conversion is None:
        return pixels
    if isinstance(conversion, ImageCms.ImageCmsTransform):
        return _through_lcms(pixels, conversion)
    return apply_matrix_curve(pixels, conversion.curves, conversion.matrix, _encode_srgb())


def profile_name(profile: bytes | None) -> str | None:
    """What the profile calls itself, for the record: printable, at most 64 characters.

    None without a profile or without a name; "unreadable" for one that is broken and was therefore ignored.
    """
    if profile is None:
        return None
    try:
        icc.matrix_profile(profile)  # is it broken elsewhere than in its name
        return icc.name(profile) or None
    except icc.UnreadableProfileError:
        return UNREADABLE


def grey_to_srgb(pixels: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    """Pixels of a grey profile, (h, w, 3) uint8 with equal channels, as sRGB; unchanged if it cannot be read."""
    transform = _transform(profile, "GRAY")
    if transform is None:
        return pixels
    tones = _through_lcms(np.arange(256, dtype=np.uint8)[:, None], transform)
    return np.asarray(cv2.LUT(pixels, tones), np.uint8)


def cmyk_to_srgb(ink: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """Ink, C-contiguous (h, w, 4) uint8 where 255 is all of it, as (h, w, 3) uint8 sRGB.

    Without a readable CMYK profile each ink takes its share of the light, (1 - C)(1 - K) and so on, as browsers do.
    """
    transform = _transform(profile, "CMYK") if profile else None
    if transform is not None:
        return _through_lcms(ink, transform)
    return _by_strips(ink, "CMYK", lambda strip: strip.convert("RGB"))


def lab_to_srgb(image: Image.Image) -> NDArray[np.uint8]:
    """A CIELAB image at D50 as (h, w, 3) uint8 sRGB."""
    return np.asarray(_lab_transform().apply(image))


@lru_cache(maxsize=32)
def _conversion(profile: bytes) -> _Factors | ImageCms.ImageCmsTransform | None:
    """How to bring an RGB profile to sRGB: by the kernel, by lcms, or None for nothing to do."""
    try:
        matrix = icc.matrix_profile(profile)
    except icc.UnreadableProfileError:
        return None
    if matrix is None:
        return _transform(profile, "RGB")
    factors = _Factors(
        curves=matrix.curves.astype(np.float32), matrix=(_TO_SRGB_LIGHT @ matrix.matrix).astype(np.float32)
    )
    return None if _changes_nothing(factors) else factors


def _changes_nothing(factors: _Factors) -> bool:
    """Whether greys and a grid of colours all come out within one level of what they were."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    probe = np.ascontiguousarray(np.concatenate([colours, greys])[None])
    converted = apply_matrix_curve(probe, factors.curves, factors.matrix, _encode_srgb())
    return bool(np.abs(converted.astype(np.int16) - probe).max() <= 1)


@lru_cache(maxsize=1)
def _encode_srgb() -> NDArray[np.uint8]:
    """The byte for each step of light."""
    return np.asarray(np.rint(tone_of(np.linspace(0, 1, STEPS)) * 255), np.uint8)


@lru_cache(maxsize=8)
def _transform(profile: bytes, space: str) -> ImageCms.ImageCmsTransform | None:
    """Lcms's perceptual transform to sRGB; None if the profile is not of that colour space or cannot be read."""
    if icc.colour_space(profile) != space:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, _SRGB, _MODES[space], "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def _through_lcms(samples: NDArray[np.uint8], transform: ImageCms.ImageCmsTransform) -> NDArray[np.uint8]:
    return _by_strips(samples, transform.input_mode, transform.apply)


def _by_strips(
    samples: NDArray[np.uint8], mode: str, convert: Callable[[Image.Image], Image.Image]
) -> NDArray[np.uint8]:
    """What Pillow makes of (h, w) or (h, w, channels) samples, as (h, w, 3)."""
    height, width = samples.shape[:2]
    converted = np.empty((height, width, 3), np.uint8)
    for rows in strips(height, width):
        strip = samples[rows]
        converted[rows] = np.asarray(convert(Image.frombuffer(mode, (width, len(strip)), strip)))
    return converted


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _SRGB, "LAB", "RGB")
