"""How different two colours look: CIEDE2000, 1.0 being about what an eye can just see."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# sRGB's light to XYZ, IEC 61966-2-1; the white is D65 as that matrix gives it, so that white is exactly (100, 0, 0).
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)
SEVENTH = 25.0**7


def lab_of(rgb: NDArray[np.uint8]) -> Numbers:
    """CIELAB (..., 3) of sRGB bytes (..., 3): lightness 0 to 100, then a and b, under D65."""
    return lab_of_tones(rgb / 255.0)


def lab_of_tones(tones: Numbers) -> Numbers:
    """CIELAB (..., 3) of sRGB-encoded tones (..., 3), 0 to 1. Source: IEC 61966-2-1 and CIE 15:2004."""
    light = np.where(tones <= 0.04045, tones / 12.92, ((np.maximum(tones, 0.04045) + 0.055) / 1.055) ** 2.4)
    shares = light @ TO_XYZ.T / WHITE
    x, y, z = np.moveaxis(np.where(shares > (6 / 29) ** 3, np.cbrt(shares), shares * (29 / 6) ** 2 / 3 + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(lab: Numbers, other: Numbers) -> Numbers:
    """The differences (...) of Lab colours (..., 3), with kL = kC = kH = 1.

    Source: G. Sharma, W. Wu, E. Dalal, "The CIEDE2000 Color-Difference Formula", 2005, equations 2 to 22.
    """
    grey = _grey_correction(lab, other)
    lightness, chroma, hue = _cylinder(lab, grey)
    other_lightness, other_chroma, other_hue = _cylinder(other, grey)

    turn = (other_hue - hue + 180) % 360 - 180  # the shorter way round
    mean_hue = _mean_hue(hue, other_hue, chroma * other_chroma == 0)
    turned = 2 * np.sqrt(chroma * other_chroma) * np.sin(np.radians(turn) / 2)
    mean_lightness, mean_chroma = (lightness + other_lightness) / 2, (chroma + other_chroma) / 2

    from_middle = (mean_lightness - 50) ** 2
    light = (other_lightness - lightness) / (1 + 0.015 * from_middle / np.sqrt(20 + from_middle))
    colour = (other_chroma - chroma) / (1 + 0.045 * mean_chroma)
    tint = turned / (1 + 0.015 * mean_chroma * _hue_weight(mean_hue))
    return np.sqrt(light**2 + colour**2 + tint**2 + _rotation(mean_chroma, mean_hue) * colour * tint)


def _grey_correction(lab: Numbers, other: Numbers) -> Numbers:
    """G (...), by which a is stretched near grey."""
    seventh = ((np.hypot(lab[..., 1], lab[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2) ** 7
    return 0.5 * (1 - np.sqrt(seventh / (seventh + SEVENTH)))


def _cylinder(lab: Numbers, grey: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Lightness, chroma and hue (degrees, 0 to 360), each (...)."""
    a, b = lab[..., 1] * (1 + grey), lab[..., 2]
    return lab[..., 0], np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _mean_hue(hue: Numbers, other: Numbers, grey: NDArray[np.bool_]) -> Numbers:
    """The middle of two hues in degrees, the shorter way round; opposite hues, give or take rounding, do not wrap."""
    wraps = ~grey & (abs(other - hue) > 180 + 1e-9)
    return np.where(grey, hue + other, ((hue + other) / 2 + 180 * wraps) % 360)


def _hue_weight(hue: Numbers) -> Numbers:
    """T (...): how well hues are told apart at a hue in degrees."""
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    return 1 + sum((size * np.cos(np.radians(times * hue + shift)) for size, times, shift in waves), np.zeros(()))


def _rotation(chroma: Numbers, hue: Numbers) -> Numbers:
    """R_T (...): how chroma and hue interact, which they do among blues."""
    angle = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    rotation: Numbers = -2 * np.sqrt(chroma**7 / (chroma**7 + SEVENTH)) * np.sin(np.radians(angle))
    return rotation
