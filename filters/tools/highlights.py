"""Highlights: brighten or recover the lighter tones."""

from filters.point import Curves, PointOperation
from filters.tools.bias import bias

MOST = 3.0  # slope of white at -100, and its inverse at 100


def highlights(value: float) -> tuple[PointOperation, ...]:
    """Brighten (up to 100) or recover (down to -100) the lighter tones: bias(t, 3^(value / 100 · t²)) of each channel.

    The mirror image of `shadows`, with its bounds: black and white stay, tones from 180 to 205 change most, by 25 to 35
    levels, slopes stay within 1/3 and 3.
    Source: weighted Schlick's bias, see `filters.tools.bias`.
    """
    return (Curves(of=lambda tones: bias(tones, MOST ** (value / 100 * tones**2))),)
