"""Brightness: a smooth lift of the middle tones that keeps black and white."""

from filters.point import Curves, PointOperation
from filters.tools.bias import bias

MOST = 2.5  # gain of the odds at 100: the tone 128 goes to 183 or 73


def brightness(value: float) -> tuple[PointOperation, ...]:
    """Brighten (up to 100) or darken (down to -100): bias(t, 2.5^(value / 100)) of each channel.

    Slopes stay within 1/2.5 and 2.5; -value undoes +value exactly.
    Source: Schlick's bias, see `filters.tools.bias`.
    """
    gain = MOST ** (value / 100)
    return (Curves(of=lambda tones: bias(tones, gain)),)
