"""Shadows: open or deepen the darker tones."""

from filters.point import Curves, PointOperation
from filters.tools.bias import bias

MOST = 3.0  # slope of black at 100, and its inverse at -100


def shadows(value: float) -> tuple[PointOperation, ...]:
    """Lift (up to 100) or deepen (down to -100) the darker tones: bias(t, 3^(value / 100 · (1 - t)²)) of each channel.

    The weight (1 - t)² is 1 at black and 0, with slope 0, at white, where nothing changes. Tones from 50 to 75 change
    most, by 25 to 35 levels. Black and white stay, slopes stay within 1/3 and 3, and no tone overtakes another: with λ
    the gain's logarithm, logit(t) + λ · (1 - t)² rises as long as 2λ · t · (1 - t)² < 1, so for λ < 3.375; here 1.1.
    Source: weighted Schlick's bias, see `filters.tools.bias`.
    """
    return (Curves(of=lambda tones: bias(tones, MOST ** (value / 100 * (1 - tones) ** 2))),)
