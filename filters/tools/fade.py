"""Fade: the matte look of an old print."""

from filters.point import Curves, PointOperation

MOST = 0.25  # tone of black at 100


def fade(value: float) -> tuple[PointOperation, ...]:
    """Lift the blacks, up to 100: the quadratic Bézier curve with the ordinates a, 1/2, 1, that is t + a · (1 - t)².

    `a` is value / 400, the tone that black gets; white stays. Slopes rise from 1 - 2a, at least a half, to 1. As no
    slope is above 1, contrast and saturation fall with it, most in the shadows: no matrix of its own is needed.
    Source: G. Farin, "Curves and Surfaces for CAGD", chapter 5: rising ordinates give a rising curve.
    """
    lift = MOST * value / 100
    return (Curves(of=lambda tones: tones + lift * (1 - tones) ** 2),)
